"""Workstation verb ``evaluate``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adafocus.calibration.commands import options
from adafocus.edge.commands import options as edge_options
from adafocus.edge.commands.outputs import check_outputs
from adafocus.errors import AdafocusError

if TYPE_CHECKING:
    from adafocus.calibration.evaluation.evaluate import Request


def _all_of_them(context: click.Context, parameter: click.Parameter, choice: str) -> bool:
    return choice == "all"


@click.command()
@click.argument("bundle", type=options.FILE)
@options.clip_list("Measure on the clips of this split.")
@options.label_map
@edge_options.runtime
@edge_options.threads
@click.option(
    "--ablations",
    "--ways",
    "ablations",
    type=click.Choice(["all", "none"]),
    default="all",
    show_default=True,
    callback=_all_of_them,
    help="Also run centred, random, whole-frame and fixed boxes, uniform and random frames.",
)
@click.option(
    "--seeds", default=3, show_default=True, type=click.IntRange(1), help="Run each random ablation so often."
)
@click.option("--limit", type=click.IntRange(1), help="Take at most so many clips, spread evenly over the list.")
@options.groups_within_labels
@options.predictions
@click.option(
    "--baseline", type=options.FILE, help="Compare with the float classifier on whole frames of this checkpoint."
)
@click.option("--recipe", type=options.FILE, help="Sample clips for a published --baseline as this recipe says.")
@click.option("--compare", type=options.FILE, help="Compare with this other evaluation (--out) of the same clips.")
@click.option("--out", type=options.FILE, help="Write the figures to this YAML file, or JSON file by its name.")
@click.option("--report", type=options.FILE, help="Write an HTML page with plots and pictures to this file.")
@edge_options.as_json
def evaluate(
    bundle: Path, runtime: str, threads: int, out: Path | None, report: Path | None, as_json: bool, **asked: Any
) -> None:
    """Measure BUNDLE on the labeled videos of CLIPS by the code of the device, with and without its policy.

    A float bundle is evaluated like any other; --compare sets an int8 one against it, clip by clip.
    """
    from rich.console import Console

    from adafocus.calibration.evaluation.evaluate import Request, evaluate_bundle
    from adafocus.calibration.evaluation.report.html import write_page
    from adafocus.calibration.evaluation.report.pictures import choose_rows, draw_picks
    from adafocus.calibration.evaluation.report.table import print_evaluation
    from adafocus.calibration.report_file import write_report
    from adafocus.edge.recognizer import Recognizer

    if asked["recipe"] is not None and asked["baseline"] is None:
        raise AdafocusError("--recipe says how the --baseline samples a clip, so give that as well.")
    options.refuse_folders(out=out, report=report, predictions=asked["predictions"])
    outputs, clips = {"--out": out, "--report": report, "--predictions": asked["predictions"]}, asked["clip_list"]
    files = (asked[name] for name in ("label_map", "baseline", "recipe", "compare"))
    check_outputs(outputs, (bundle, clips, *files, *options.listed_videos([clips], *outputs.values())))
    recognizer = Recognizer.open(bundle, runtime, threads)
    request = Request(**asked)
    found = evaluate_bundle(recognizer, request)
    figures = found.figures
    if out is not None:
        write_report(out, figures, short=True)
    if report is not None:
        picks = draw_picks(recognizer, found.clips, choose_rows(figures["each_clip"]))
        write_page(report, figures, picks)
    if as_json:
        edge_options.print_json(figures)
        return
    console = Console(highlight=False)
    print_evaluation(figures, console)
    for path in (out, report):
        if path is not None:
            console.print(f"wrote {path}", soft_wrap=True)
    edge_options.print_next("evaluate", *_next(bundle, request, out, report))


def _next(bundle: Path, request: Request, out: Path | None, report: Path | None) -> list[str | Path]:
    """Return the words of the next evaluation."""
    what: list[str | Path] = [request.clip_list, "--split", shlex.quote(request.split)]
    if request.label_map is not None:
        what += ["--label-map", request.label_map]
    if report is None:
        return [bundle, *what, "--report", "report.html"]
    if out is None:
        return [bundle, *what, "--out", "evaluation.yaml"]
    return ["OTHER_BUNDLE", *what, "--compare", out]
