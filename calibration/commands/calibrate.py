"""Workstation verb ``calibrate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from adafocus.calibration.commands import options
from adafocus.edge.budget.costs import Budget
from adafocus.edge.commands import options as edge_options
from adafocus.edge.commands.outputs import check_outputs
from adafocus.errors import AdafocusError


def _parsed(context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> tuple[Budget, ...]:
    return tuple(Budget.parse(text) for text in texts)


@click.command()
@click.argument("bundle", type=options.FILE)
@options.clip_list("Calibrate on the clips of this split, which the network was not trained on.")
@options.label_map
@click.option(
    "--budget",
    "budgets",
    multiple=True,
    callback=_parsed,
    help="Add a row for this budget to the table, such as 1.2GMAC or 30ms; give the option again for a further row.",
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
    help="Choose thresholds by what does best on unseen groups, or by the official routine.",
)
@edge_options.runtime
@edge_options.threads
@click.option(
    "--folds",
    type=click.IntRange(2),
    help="Cross-validate with so many folds of groups.  [default: 5, or one for each group]",
)
@options.groups_within_labels
@options.predictions
@click.option("--out", type=options.FILE, help="Write this bundle, a folder or a .zip file.  [default: BUNDLE]")
@edge_options.as_json
def calibrate(bundle: Path, runtime: str, threads: int, out: Path | None, as_json: bool, **asked: Any) -> None:
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
    options.refuse_folders(predictions=asked["predictions"])
    outputs, clips = {"--out": out, "--predictions": asked["predictions"]}, asked["clip_list"]
    read = (bundle, clips, asked["label_map"], *options.listed_videos([clips], *outputs.values()))
    check_outputs(outputs, read, bundle="--out")
    recognizer = Recognizer.open(bundle, runtime, threads)
    found = calibrate_bundle(recognizer, Request(**asked))
    manifest = recognizer.bundle.manifest.model_copy(update={"exits": found.exits})
    with recognizer.bundle as source:
        rewrite_bundle(source, manifest, destination).close()
    if as_json:
        edge_options.print_json({"bundle": str(bundle), "out": str(destination), **found.as_dict()})
        return
    console = Console(highlight=False)
    print_calibration(found, console)
    console.print(f"wrote {destination}", soft_wrap=True)
    rows = found.exits.budgets
    middle = rows[len(rows) // 2]
    edge_options.print_next("run", destination, "VIDEO", "--budget", f"{middle.budget:g}{middle.unit}")
