"""Workstation verb ``evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from adafocus.edge.commands import options
from adafocus.errors import AdafocusError

if TYPE_CHECKING:
    from adafocus.calibration.evaluation.evaluate import Request


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("clips", type=click.Path(path_type=Path))
@click.option("--split", default="val", show_default=True, help="Clips to measure on.")
@click.option("--label-map", type=click.Path(path_type=Path), help="YAML: clip label -> bundle label.")
@options.runtime
@options.threads
@click.option(
    "--ablations",
    "--ways",
    "ablations",
    type=click.Choice(["all", "none"]),
    default="all",
    show_default=True,
    help="Also run centred, random, whole-frame and fixed boxes, uniform and random frames.",
)
@click.option(
    "--seeds", default=3, show_default=True, type=click.IntRange(1), help="Run each random ablation so often."
)
@click.option("--limit", type=click.IntRange(1), help="At most so many clips, spread evenly over the list.")
@click.option("--groups-within-labels", is_flag=True, help="Groups are numbered within each label, as in UCF-101.")
@click.option(
    "--predictions",
    "--answers",
    "predictions",
    type=click.Path(path_type=Path),
    help="Keep all predictions in this .npz file, or take them from it.",
)
@click.option("--baseline", type=click.Path(path_type=Path), help="Checkpoint of a float classifier on whole frames.")
@click.option(
    "--recipe", type=click.Path(path_type=Path), help="Recipe that says how a published --baseline samples a clip."
)
@click.option("--compare", type=click.Path(path_type=Path), help="Another evaluation (--out) of the same clips.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures as YAML, or JSON by its name.")
@click.option("--report", type=click.Path(path_type=Path), help="Write one HTML page with plots and pictures.")
@options.as_json
def evaluate(
    bundle: Path,
    clips: Path,
    split: str,
    label_map: Path | None,
    runtime: str,
    threads: int,
    ablations: str,
    seeds: int,
    limit: int | None,
    groups_within_labels: bool,
    predictions: Path | None,
    baseline: Path | None,
    recipe: Path | None,
    compare: Path | None,
    out: Path | None,
    report: Path | None,
    as_json: bool,
) -> None:
    """Measure BUNDLE on the labelled videos of CLIPS by the code of the device, with and without its policy.

    A float bundle is evaluated like any other; --compare sets an int8 one against it, clip by clip.
    """
    from rich.console import Console

    from adafocus.calibration.evaluation.evaluate import Request, evaluate_bundle
    from adafocus.calibration.evaluation.report.html import write_page
    from adafocus.calibration.evaluation.report.pictures import choose_rows, draw_picks
    from adafocus.calibration.evaluation.report.table import print_evaluation
    from adafocus.calibration.report_file import write_report
    from adafocus.edge.recognizer import Recognizer

    if recipe is not None and baseline is None:
        raise AdafocusError("--recipe says how the --baseline samples a clip, so give that as well.")
    for option, path in (("--out", out), ("--report", report), ("--predictions", predictions)):
        if path is not None and path.is_dir():
            raise AdafocusError(f"{option} is the folder {path}, expected the name of a file.")
    recognizer = Recognizer.open(bundle, runtime, threads)
    request = Request(
        clips,
        split,
        label_map,
        limit=limit,
        ablations=ablations == "all",
        seeds=seeds,
        groups_within_labels=groups_within_labels,
        predictions=predictions,
        baseline=baseline,
        recipe=recipe,
        compare=compare,
    )
    found = evaluate_bundle(recognizer, request)
    figures = found.figures
    if out is not None:
        write_report(out, figures, short=True)
    if report is not None:
        picks = draw_picks(recognizer, found.clips, choose_rows(figures["each_clip"]))
        write_page(report, figures, picks)
    if as_json:
        options.print_json(figures)
        return
    console = Console(highlight=False)
    print_evaluation(figures, console)
    for path in (out, report):
        if path is not None:
            console.print(f"wrote {path}", soft_wrap=True)
    console.print(f"\nnext: {_next(bundle, request, out, report)}", style="dim", soft_wrap=True)


def _next(bundle: Path, request: Request, out: Path | None, report: Path | None) -> str:
    what = f"{request.clip_list} --split {request.split}"
    if request.label_map is not None:
        what += f" --label-map {request.label_map}"
    if report is None:
        return f"adafocus evaluate {bundle} {what} --report report.html"
    if out is None:
        return f"adafocus evaluate {bundle} {what} --out evaluation.yaml"
    return f"adafocus evaluate OTHER_BUNDLE {what} --compare {out}"
