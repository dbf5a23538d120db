"""Workstation verb ``calibrate``."""

from __future__ import annotations

from pathlib import Path

import click

from adafocus.edge.budget.costs import Budget
from adafocus.edge.commands import options
from adafocus.errors import AdafocusError


def _parsed(context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> tuple[Budget, ...]:
    return tuple(Budget.parse(text) for text in texts)


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("clips", type=click.Path(path_type=Path))
@click.option("--split", default="val", show_default=True, help="Clips that the network did not learn from.")
@click.option("--label-map", type=click.Path(path_type=Path), help="YAML: clip label -> bundle label.")
@click.option(
    "--budget",
    "budgets",
    multiple=True,
    callback=_parsed,
    help="A row beside the table's: 1.2GMAC or 30ms. Repeatable.",
)
@click.option(
    "--criterion",
    type=click.Choice(["auto", "softmax", "logit", "entropy"]),
    default="auto",
    show_default=True,
    help="Measure confidence this way; auto takes what does best on unseen groups.",
)
@click.option(
    "--method",
    type=click.Choice(["best", "official"]),
    default="best",
    show_default=True,
    help="What does best on unseen groups, or the official routine.",
)
@options.runtime
@options.threads
@click.option(
    "--folds", default=5, show_default=True, type=click.IntRange(2), help="Parts that groups are left out in."
)
@click.option("--groups-within-labels", is_flag=True, help="Groups are numbered within each label, as in UCF-101.")
@click.option(
    "--predictions",
    "--answers",
    "predictions",
    type=click.Path(path_type=Path),
    help="Keep all predictions in this .npz file, or take them from it.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write another bundle, a folder or a .zip.  [default: BUNDLE]"
)
@options.as_json
def calibrate(
    bundle: Path,
    clips: Path,
    split: str,
    label_map: Path | None,
    budgets: tuple[Budget, ...],
    criterion: str,
    method: str,
    runtime: str,
    threads: int,
    folds: int,
    groups_within_labels: bool,
    predictions: Path | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Find the exits' thresholds of BUNDLE for a table of budgets, on the labeled videos of CLIPS.

    The code of the device runs the clips through the converted stages. Beside each row of the table stands what it is
    expected to cost and its expected accuracy, found on groups of clips that were left out.
    """
    from rich.console import Console

    from adafocus.calibration.exits.calibrate import Request, calibrate_bundle
    from adafocus.calibration.exits.table import print_calibration
    from adafocus.edge.bundle.bundle import is_bundle, rewrite_bundle
    from adafocus.edge.recognizer import Recognizer

    destination = bundle if out is None else out
    if destination.exists() and not is_bundle(destination):
        raise AdafocusError(f"{destination} exists and is no bundle, so it is not replaced. Choose another --out.")
    if predictions is not None and predictions.is_dir():
        raise AdafocusError(f"--predictions is the folder {predictions}, expected the name of a file.")
    recognizer = Recognizer.open(bundle, runtime, threads)
    request = Request(clips, split, label_map, budgets, criterion, method, folds, groups_within_labels, predictions)
    found = calibrate_bundle(recognizer, request)
    manifest = recognizer.bundle.manifest.model_copy(update={"exits": found.exits})
    with recognizer.bundle as source:
        rewrite_bundle(source, manifest, destination).close()
    if as_json:
        options.print_json({"bundle": str(bundle), "out": str(destination), **found.as_dict()})
        return
    console = Console(highlight=False)
    print_calibration(found, console)
    console.print(f"wrote {destination}", soft_wrap=True)
    rows = found.exits.budgets
    middle = rows[len(rows) // 2]
    console.print(
        f"\nnext: adafocus run {destination} VIDEO --budget {middle.budget:g}{middle.unit}", style="dim", soft_wrap=True
    )
