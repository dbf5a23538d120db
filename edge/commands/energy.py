"""``adafocus energy``: how many joules a clip takes, by a protocol that others can repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from adafocus.edge.bundle.files import replacing_file
from adafocus.edge.commands import options
from adafocus.edge.commands.energy_merge import merge_reports
from adafocus.edge.commands.options import Duration
from adafocus.edge.commands.outputs import check_outputs
from adafocus.edge.energy.facts import WORKLOADS
from adafocus.edge.energy.measuring.measure import Request, finish, prepare, record, report_of
from adafocus.edge.energy.measuring.protocol import Settings
from adafocus.edge.energy.measuring.run import read_run
from adafocus.edge.energy.measuring.workloads import Trial
from adafocus.edge.energy.modelled_report import modelled_report
from adafocus.edge.energy.page import render
from adafocus.edge.energy.page.words import result_line
from adafocus.edge.energy.report import STAGE_NAMES, Interval, Report
from adafocus.edge.meters import AUTO, Meter, Places, choose_meter
from adafocus.errors import AdafocusError, MeterError

PATH = click.Path(path_type=Path)
PAGE_SUFFIX = ".html"
OUT = Path("energy.json")
USAGE = "adafocus energy BUNDLE CLIPS"


@click.command()
@click.argument("paths", nargs=-1, metavar="BUNDLE CLIPS...", type=PATH)
@click.option(
    "--meter", default=AUTO, show_default=True, help="Measure with this meter: the widest that answers, or its address."
)
@click.option(
    "--meter-error", type=click.FloatRange(0), help="State the maker's figure for the meter's gain error, in percent."
)
@click.option("--plain", type=PATH, help="Measure this bundle as well, as the baseline on whole frames.")
@click.option("--exit-threshold", type=float, help="Let clips of exits stop at this confidence, not at the bundle's.")
@click.option(
    "--budgets",
    default=2,
    show_default=True,
    type=click.IntRange(0),
    help="Measure this many more rows of the bundle's table of budgets.",
)
@click.option(
    "--windows",
    "rounds",
    default=6,
    show_default=True,
    type=click.IntRange(2, 1000),
    help="Take this many windows of each workload, an even number.",
)
@click.option(
    "--seconds",
    "window_s",
    default=10.0,
    show_default=True,
    type=click.FloatRange(0.5),
    help="Let each window last at least this long.",
)
@click.option(
    "--clips",
    "window_clips",
    default=30,
    show_default=True,
    type=click.IntRange(1),
    help="Let each window have at least this many clips.",
)
@click.option(
    "--idle",
    "idle_s",
    default="60s",
    show_default=True,
    type=Duration(least_s=0.5),
    help="Measure idling this long, before and after.",
)
@click.option(
    "--warm-up", "warm_up_s", default="180s", show_default=True, type=Duration(), help="Warm up at most this long."
)
@click.option(
    "--repeat",
    "repeats",
    default=1,
    show_default=True,
    type=click.IntRange(1, 100),
    help="Measure this many times, with a rest between.",
)
@click.option("--split", help="Take only this split of lists that have several.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Draw the intervals with this seed.")
@options.runtime
@options.threads
@click.option("--modelled", is_flag=True, help="Read no meter: model the joules from operations and bytes.")
@click.option(
    "--record",
    "recorded",
    type=PATH,
    help="Read no meter: give pulses for one elsewhere, and write when what ran to this file.",
)
@click.option(
    "--finish", "finished", type=PATH, help="Give the windows of this record the joules of a log, named by --meter."
)
@click.option("--merge", is_flag=True, help="Set reports beside each other instead: adafocus energy --merge A B C.")
@click.option(
    "--out",
    type=PATH,
    help=f"Write the report to this file, and its page beside it ({OUT}; with --merge: none).",
)
@options.as_json
@click.pass_context
def energy(
    context: click.Context,
    paths: tuple[Path, ...],
    meter: str,
    modelled: bool,
    recorded: Path | None,
    finished: Path | None,
    merge: bool,
    out: Path | None,
    as_json: bool,
    **asked: Any,
) -> None:
    """Measure the joules of a clip of BUNDLE on CLIPS, by a protocol that others can repeat.

    CLIPS are videos, folders of them, folders with one folder for each label, or a list in CSV with the columns path
    and label. The same clips are decoded, glanced at, looked at in full and stopped early in turn. It takes about a
    quarter of an hour, and nothing else should run. Without a meter the exit code is 2; --modelled needs none, and what
    it writes is no measurement.

    A meter of another machine: start its log, type adafocus energy BUNDLE CLIPS --record run.json, end the log, and
    type adafocus energy --finish run.json --meter 'log:FILE?time=...&power=...&unit=W'.

    The reports of many devices: adafocus energy --merge A.json B.json C.json --out devices.html. Reports of other
    scopes, bundles, clips or thresholds stand in groups of their own, with the reason.
    """
    if merge:
        _refuse_with_merge(context)
        merge_reports(paths, out, as_json)
        return
    out = out or OUT
    page = out.with_suffix(PAGE_SUFFIX)
    if page == out:
        raise AdafocusError(f"--out is {out}, the name of a page, expected one for JSON: {out.with_suffix('.json')}")
    places = context.find_object(Places)
    if modelled:
        _refuse_with_modelled(recorded, finished, meter)
        report, trial = _model(_request(paths, asked), out, page)
    elif finished is not None:
        _refuse_with_finish(paths, recorded, meter)
        check_outputs({"--out": out, "the page": page}, [finished])
        run = read_run(finished)
        with _writing(out, page) as write:
            report, trial = finish(run, choose_meter(meter, places), asked["meter_error"]), None
            write(report)
    elif recorded is not None:
        trial = _record(_request(paths, asked), recorded)
        click.echo(f"wrote {recorded}")
        options.print_next("energy", "--finish", recorded, "--meter", "'log:FILE?time=...&power=...&unit=W'")
        _raise_broken(trial)
        return
    else:
        request = _request(paths, asked)
        _check_places(request, {"--out": out, "the page": page})
        # before anything is opened: without a meter nothing else is worth the time
        report, trial = _measure(request, _usable(_meter(meter, places)), out, page)
    if as_json:
        options.print_json(report.model_dump(mode="json"))
    else:
        show(report, Console(highlight=False))
        click.echo(f"wrote {out} and {page}")
    _raise_broken(trial)


def _request(paths: tuple[Path, ...], asked: dict[str, Any]) -> Request:
    """Return what is measured.

    Raises:
        AdafocusError: there is no bundle or no clip.
    """
    if len(paths) < 2:
        raise AdafocusError(f"Found {len(paths)} of the two that are needed, a bundle and clips. Type: {USAGE}")
    settings = options.build(Settings, asked)
    names = ("runtime", "threads", "split", "plain", "exit_threshold", "budgets", "seed", "meter_error")
    return Request(paths[0], paths[1:], settings=settings, **{name: asked[name] for name in names})


def _meter(meter: str, places: Places | None) -> Meter:
    """Return the meter.

    Raises:
        MeterError: none answers; the sentence also says what can be had without one.
    """
    try:
        return choose_meter(meter, places)
    except MeterError as error:
        if meter != AUTO:
            raise
        raise MeterError(f"{error} Without one, joules can be modelled: {USAGE} --modelled") from error


def _model(request: Request, out: Path, page: Path) -> tuple[Report, Trial]:
    """Write the report of modelled joules; return it, and what the clips did."""
    _check_places(request, {"--out": out, "the page": page})
    with _writing(out, page) as write:
        with _progress() as tell:
            prepared = prepare(request, lambda done, count: tell(f"trying clip {done} of {count}", 0.0))
        report = modelled_report(prepared)
        write(report)
    return report, prepared.trial


def _refuse_with_modelled(recorded: Path | None, finished: Path | None, meter: str) -> None:
    """Refuse what does not go with ``--modelled``."""
    if recorded is not None or finished is not None or meter != AUTO:
        raise AdafocusError("--modelled reads no meter, found --meter, --record or --finish beside it. Leave them out.")


def _refuse_with_merge(context: click.Context) -> None:
    """Refuse what does not go with ``--merge``."""
    given = [name for name in context.params if context.get_parameter_source(name) != ParameterSource.DEFAULT]
    if beside := [name for name in given if name not in ("paths", "merge", "out", "as_json")]:
        flags = {option.name: option.opts[0] for option in context.command.params}
        found = ", ".join(flags[name] for name in beside)
        raise AdafocusError(f"--merge measures nothing, found {found} beside it. Leave it out.")


def _refuse_with_finish(paths: tuple[Path, ...], recorded: Path | None, meter: str) -> None:
    """Refuse what does not go with ``--finish``."""
    if paths or recorded is not None:
        raise AdafocusError("--finish measures nothing, found BUNDLE, CLIPS or --record beside it. Leave them out.")
    if meter == AUTO:
        raise AdafocusError("--finish needs the log of a meter: --meter 'log:FILE?time=...&power=...&unit=W'")


def _usable(meter: Meter) -> Meter:
    """Return a meter, unless it is a log on a clock of its own.

    Raises:
        MeterError: its windows could not be found.
    """
    if meter.kind == "log":
        with meter.open() as session:
            if session.trace().clock == "own":
                raise MeterError(
                    f"{meter.detail} has a clock of its own, so its windows can be found only by pulses, afterwards. "
                    f"Type: {USAGE} --record run.json"
                )
    return meter


def _measure(request: Request, meter: Meter, out: Path, page: Path) -> tuple[Report, Trial]:
    """Measure, and write the report; return it, and what the clips did."""
    with _writing(out, page) as write:
        with _progress() as tell:
            prepared = prepare(request, lambda done, count: tell(f"trying clip {done} of {count}", 0.0))
            run, found = record(prepared, meter, tell)
        report = report_of(run, found, meter, request.meter_error)
        write(report)
    return report, prepared.trial


def _record(request: Request, place: Path) -> Trial:
    """Run everything with pulses and without a meter, and write what happened when; return what the clips did."""
    _check_places(request, {"--record": place})
    with replacing_file(place) as beside, _progress() as tell:
        prepared = prepare(request, lambda done, count: tell(f"trying clip {done} of {count}", 0.0))
        run, _ = record(prepared, None, tell)
        beside.write_text(f"{run.model_dump_json(indent=1)}\n", encoding="utf-8")
    return prepared.trial


def _check_places(request: Request, outputs: dict[str, Path]) -> None:
    """Refuse outputs that would destroy what is read."""
    check_outputs(outputs, [request.bundle, *request.clips, *([request.plain] if request.plain else [])])


def _raise_broken(trial: Trial | None) -> None:
    """End with what could not be read, once everything else was done."""
    if trial is not None:
        options.raise_broken(trial.broken, len(trial.clips) + len(trial.broken))


@contextmanager
def _writing(out: Path, page: Path) -> Iterator[Callable[[Report], None]]:
    """Yield what writes a report and its page.

    The files are opened before, so that a quarter of an hour is not measured for a place that cannot be written to.
    """
    with replacing_file(out) as beside, replacing_file(page) as page_beside:

        def write(report: Report) -> None:
            beside.write_text(f"{report.model_dump_json(indent=1)}\n", encoding="utf-8")
            page_beside.write_text(render(report), encoding="utf-8")

        yield write


@contextmanager
def _progress() -> Iterator[Any]:
    """Show what is being done and how long everything will still take, beside what goes to standard output."""
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.fields[left]}")
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("opening", total=None, left="")
        total_s = 0.0

        def tell(what: str, left_s: float) -> None:
            nonlocal total_s
            total_s = max(total_s, left_s)
            left = f"{left_s / 60:.0f} min left" if left_s >= 90 else f"{left_s:.0f} s left" if left_s else ""
            progress.update(
                task, description=escape(what), total=total_s or None, completed=total_s - left_s, left=left
            )
            if not console.is_terminal and left_s:
                console.print(f"{what}, {left}", highlight=False)

        yield tell


def show(report: Report, console: Console) -> None:
    """Print the figures of a report, and what spoils them."""
    heads = ("J a clip", "95 %") if report.source == "measured" else ("modelled J a clip", "bounds")
    table = Table("", *heads, "net J", "95 %", "ms", "top-1", box=None, pad_edge=False)
    for name in WORKLOADS:
        found = report.per_clip.get(name)
        if found is not None:
            top1 = "" if found.top1 is None else f"{100 * found.top1:.1f} %"
            table.add_row(name, *_cells(found.gross_j), *_cells(found.net_j), _cells(found.ms)[0], top1)
    for stage in STAGE_NAMES:
        part = getattr(report.per_stage, stage)
        if part is not None:
            row = (*_cells(part.gross_j), *_cells(part.net_j), _cells(part.ms)[0], "")
            table.add_row(f"  stage {stage}", *row, style="dim")
    console.print(table)
    for figure in result_line(report):
        console.print(escape(figure), soft_wrap=True)
    if report.observer_ms is not None:
        console.print(f"the meter's thread: {report.observer_ms.median:+.2f} ms a clip", style="dim")
    for warning in report.warnings:
        console.print(escape(warning), style="yellow", soft_wrap=True)


def _cells(interval: Interval | None) -> tuple[str, str]:
    """Return a figure and its interval as a table shows them."""
    if interval is None:
        return "", ""
    ends = "" if interval.low is None else f"{interval.low:.3g}..{interval.high:.3g}"
    return f"{interval.median:.4g}", ends
