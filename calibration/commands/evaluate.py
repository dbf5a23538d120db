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
    help="Also run boxes and frames by motion, centred, random, whole and fixed boxes, uniform and random frames.",
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
@click.option(
    "--view",
    multiple=True,
    help="Show the --baseline so many frames of this size, such as 8x160; give the option again for a further view.  "
    "[default: 4, 8 and 16 frames of 128, 160 and 192 px, and its own]",
)
@click.option(
    "--plain",
    type=options.FILE,
    multiple=True,
    help="Compare with the glance alone of this bundle, a plain network on the device; may be given again.",
)
@click.option("--positive", help="Tell how well this label is detected.  [default: of two, the one not called normal]")
@click.option(
    "--seen",
    type=options.FILE,
    multiple=True,
    help="Refuse test clips whose video or group stands in this clip set, which the model was made with.",
)
@click.option(
    "--touch-log",
    type=options.FILE,
    default=Path(".cache/touches.yaml"),
    show_default=True,
    help="Note in this file each time a test split was measured on.",
)
@click.option("--compare", type=options.FILE, help="Compare with this other evaluation (--out) of the same clips.")
@click.option("--out", type=options.FILE, help="Write the figures to this YAML file, or JSON file by its name.")
@click.option("--report", type=options.FILE, help="Write an HTML page with plots and pictures to this file.")
@edge_options.as_json
def evaluate(
    bundle: Path, runtime: str, threads: int, out: Path | None, report: Path | None, as_json: bool, **asked: Any
) -> None:
    """Measure BUNDLE on the labeled videos of CLIPS by the code of the device, with and without its policy.

    The split train is for training and val for choosing recipes and thresholds. Any other split is a test: clips that
    the bundle was made with are refused, and the date, the code's commit and the number of tests so far are reported.
    A float bundle is evaluated like any other; --compare sets an int8 one against it, clip by clip.
    """
    from rich.console import Console

    from adafocus.calibration.evaluation.evaluate import Request, evaluate_bundle
    from adafocus.calibration.evaluation.report.html import write_page
    from adafocus.calibration.evaluation.report.pictures import choose_rows, draw_picks
    from adafocus.calibration.evaluation.report.table import print_evaluation
    from adafocus.calibration.report_file import write_report
    from adafocus.edge.recognizer import Recognizer

    for name, says in (("recipe", "how the --baseline samples a clip"), ("view", "what the --baseline sees")):
        if asked[name] and asked["baseline"] is None:
            raise AdafocusError(f"--{name} says {says}, so give that as well.")
    kept = {"--predictions": asked["predictions"], "--touch-log": asked["touch_log"]}
    outputs = {"--out": out, "--report": report, **kept}
    options.refuse_folders(**{name[2:]: path for name, path in outputs.items()})
    clips, seen = asked["clip_list"], asked["seen"]
    files = (*(asked[name] for name in ("label_map", "baseline", "recipe", "compare")), *asked["plain"], *seen)
    check_outputs(outputs, (bundle, clips, *files, *options.listed_videos([clips, *seen], *outputs.values())))
    recognizer = Recognizer.open(bundle, runtime, threads)
    request = Request(**asked)
    found = evaluate_bundle(recognizer, request)
    figures = found.figures
    if out is not None:
        write_report(out, figures, short=True)
    if report is not None:
        picks = draw_picks(recognizer, found.clips, choose_rows(figures["each_clip"], figures["policy"]))
        write_page(report, figures, picks)
    if as_json:
        edge_options.print_json(figures)
        return
    console = Console(highlight=False)
    print_evaluation(figures, console)
    for path in (out, report):
        if path is not None:
            console.print(f"wrote {path}", soft_wrap=True)
    if figures["protocol"]["kind"] != "test":
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
