"""``adafocus bench``: how long a clip takes, part by part, several bundles side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from adafocus.edge.bench.comparison import compare, read_report
from adafocus.edge.bench.protocol import Bench, Clips, Configuration, Protocol
from adafocus.edge.bench.report import Surroundings, make_report
from adafocus.edge.bench.tables import show_comparison, show_report
from adafocus.edge.bundle.bundle import Bundle, is_bundle
from adafocus.edge.bundle.files import replacing_file
from adafocus.edge.bundle.manifest import Stage
from adafocus.edge.commands import options
from adafocus.edge.commands.options import Duration
from adafocus.edge.commands.outputs import check_outputs
from adafocus.edge.device.host import peak_memory_bytes, read_facts, read_state
from adafocus.edge.energy.configurations import joules_of
from adafocus.edge.exits import ALWAYS, NEVER
from adafocus.edge.meters import AUTO, Meter, choose_meter
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.runtime_table import DEFAULT_RUNTIME, RUNTIMES
from adafocus.errors import AdafocusError, MeterError


@dataclass(frozen=True)
class Lineup:
    """What every bundle is timed with, and when its clips stop.

    Attributes:
        runtimes: names of runtimes.
        accelerators: of each of them; none: their usual processors.
        threads: numbers of CPU threads.
        exit_threshold: of every exit.
        stop_after: the stage that every clip ends with; None: the focus.
        exits: time each configuration twice, with clips that leave at no exit and clips that leave at the first one.
    """

    runtimes: tuple[str, ...]
    accelerators: tuple[str, ...]
    threads: tuple[int, ...]
    exit_threshold: float | None
    stop_after: Stage | None
    exits: bool

    def check(self) -> None:
        """Refuse options that contradict each other.

        Raises:
            AdafocusError: it names the options.
        """
        if self.exits and (self.exit_threshold is not None or self.stop_after is not None):
            raise AdafocusError(
                "--exits stops every other clip by itself. Leave out --exit-threshold and --stop-after."
            )
        shared = [name for name in self.runtimes if name in RUNTIMES and RUNTIMES[name].one_thread_pool]
        if shared and len(set(self.threads)) > 1:
            raise AdafocusError(
                f"{shared[0]} has one pool of threads for the whole process, so numbers of threads cannot take turns. "
                "Measure each by itself with --out, then use --compare."
            )

    def configurations(self, bundles: Sequence[Path]) -> list[Configuration]:
        """Open every bundle in every runtime with every number of threads."""
        threads = tuple(dict.fromkeys(self.threads))
        found = []
        for path in bundles:
            bundle = Bundle.open(path)
            places = tuple(dict.fromkeys(self.accelerators)) or (None,)
            for runtime, place, number in product(dict.fromkeys(self.runtimes), places, threads):
                recognizer = Recognizer.open(bundle, runtime, number, self.exit_threshold, accelerator=place)
                name = f"{path} {runtime}" + (f" {place}" if place else "")
                name += f" {number} threads" if len(threads) > 1 else ""
                found += self._variants(Configuration(name, bundle.manifest.name, str(path), recognizer))
        return found

    def _variants(self, configuration: Configuration) -> list[Configuration]:
        recognizer = configuration.recognizer
        if self.exits:
            count = len(recognizer.exit_macs) - 1
            # in both every exit on the way is asked, as in use; only the prediction differs
            return [
                replace(
                    configuration, name=f"{configuration.name} {title}", thresholds=(threshold,) * count, exits=stops
                )
                for title, threshold, stops in (("full", NEVER, "in no clip"), ("stopped", ALWAYS, "in every clip"))
            ]
        given, stage = recognizer.thresholds, self.stop_after or "focus"
        words = "never" if given is None else f"at {given[0]:g}"
        stops = "after the glance" if stage == "glance" else words
        return [replace(configuration, thresholds=given, stop_after=stage, exits=stops)]


@click.command()
@click.argument("paths", nargs=-1, metavar="BUNDLES... VIDEOS...", type=click.Path(path_type=Path))
@click.option("--clips", default=30, show_default=True, type=click.IntRange(1), help="Time at least this many clips.")
@click.option("--seconds", default=10.0, show_default=True, type=click.FloatRange(0), help="Time at least this long.")
@click.option("--warm-up", default=5, show_default=True, type=click.IntRange(0), help="Run this many clips before.")
@click.option(
    "--minutes", type=click.FloatRange(0, min_open=True), help="Keep up the load this long, and report every minute."
)
@click.option(
    "--every", "every_s", type=Duration(least_s=1e-3), help="Start a clip this often, such as 2s; rest between."
)
@click.option("--duty", type=click.FloatRange(0, 1, min_open=True), help="Work this share of the time, such as 0.25.")
@click.option(
    "--without-decoding", "decoding", flag_value=False, default=True, help="Decode all clips before, and time the rest."
)
@click.option("--exit-threshold", type=float, help="Leave at the first exit with at least this confidence.")
@click.option("--stop-after", type=click.Choice(["glance", "focus"]), help="End every clip after this stage.")
@click.option("--exits", is_flag=True, help="Take clips that leave at the first exit and full ones in turn.")
@click.option(
    "--runtime",
    "runtimes",
    multiple=True,
    default=(DEFAULT_RUNTIME,),
    show_default=True,
    help="Use this runtime; repeatable.",
)
@click.option(
    "--accelerator",
    "accelerators",
    multiple=True,
    help=f"Run the glance and the focus on this, {', '.join(options.ACCELERATORS)}; repeatable.  "
    "[default: the runtime's usual processor]",
)
@click.option(
    "--threads", multiple=True, type=int, default=(2,), show_default=True, help="Use this many threads; repeatable."
)
@click.option("--energy", is_flag=True, help="Measure the joules of a clip as well, in windows after the timing.")
@click.option("--meter", help="Measure them with this meter, not with whichever answers.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the report as JSON.")
@click.option("--compare", "compared", nargs=2, type=click.Path(path_type=Path), help="Set two reports side by side.")
@options.as_json
def bench(
    paths: tuple[Path, ...],
    out: Path | None,
    compared: tuple[Path, Path] | None,
    energy: bool,
    meter: str | None,
    as_json: bool,
    **asked: Any,
) -> None:
    """Time BUNDLES on VIDEOS, part by part.

    Folders with a manifest and .zip files of one are bundles, the rest are videos. Each configuration is timed for at
    least --clips clips and --seconds seconds. Bundles, runtimes and numbers of threads take turns clip by clip in one
    process, so that a busy moment of the machine meets all of them. Ctrl-C ends it and prints what was measured so far.
    Two reports are set side by side by adafocus bench --compare A.json B.json.
    """
    if compared:
        check_outputs({"--out": out}, compared)
        _compare(compared, paths, as_json)
        return
    bundles = [path for path in paths if is_bundle(path)]
    videos = [path for path in paths if path not in bundles]
    if not bundles or not videos:
        raise AdafocusError(
            f"Found {len(bundles)} bundles and {len(videos)} videos, expected at least one of each: "
            "adafocus bench BUNDLE [BUNDLE ...] VIDEO [VIDEO ...]"
        )
    lineup, protocol = options.build(Lineup, asked), options.build(Protocol, asked)
    lineup.check()
    # before anything is opened: without a meter nothing else is worth the time
    chosen = _meter(energy, meter, protocol)
    if out is not None and out.is_dir():
        raise AdafocusError(f"--out is the folder {out}, expected the name of a file such as {out / 'bench.json'}.")
    check_outputs({"--out": out}, paths)
    configurations = lineup.configurations(bundles)
    # the file is opened before, so that half an hour is not measured for a place that cannot be written to
    with replacing_file(out) if out else nullcontext() as beside:
        report, interrupt, broken = _measure(configurations, videos, protocol, chosen)
        if beside is not None:
            beside.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if as_json:
        options.print_json(report)
    else:
        console = Console(highlight=False)
        show_report(report, console)
        if out:
            options.print_next("bench", "--compare", out, "OTHER.json")
        else:
            usable = next(video for video in videos if video not in broken)
            options.print_next("bench", bundles[0], usable, "--out", "before.json")
    if interrupt is not None:
        raise interrupt
    options.raise_broken(broken, len(videos))


def _measure(
    configurations: list[Configuration], videos: list[Path], protocol: Protocol, meter: Meter | None = None
) -> tuple[dict[str, Any], KeyboardInterrupt | None, dict[Path, str]]:
    """Return the report, what stopped it early, and sentences on the videos that cannot be read."""
    geometries = [configuration.recognizer.bundle.manifest.geometry for configuration in configurations]
    clips = Clips(videos, protocol.decoding, geometries)
    facts, before = read_facts(), read_state()
    measured = Bench(configurations, clips, protocol).run()
    around = Surroundings(facts, before, read_state(), peak_memory_bytes())
    report = make_report(configurations, clips.videos, protocol, measured, around)
    interrupt = measured.interrupted
    if meter is not None and interrupt is None:
        try:
            report["energy"] = joules_of(configurations, clips, meter, tell=_tell)
        except KeyboardInterrupt as stopped:
            interrupt = stopped
        except MeterError as error:
            # what was timed is not lost with it
            report["notes"].append(f"There are no joules. {error}")
    report["errors"] = [{"video": str(video), "error": sentence} for video, sentence in clips.broken.items()]
    return report, interrupt, clips.broken


def _tell(what: str) -> None:
    """Say what is being done, beside what goes to standard output."""
    click.secho(what, err=True, dim=True)


def _meter(energy: bool, address: str | None, protocol: Protocol) -> Meter | None:
    """Return the meter of ``--energy``; None where no joules are asked for.

    Raises:
        AdafocusError: options contradict each other.
        MeterError: none answers.
    """
    if not energy:
        if address is not None:
            raise AdafocusError(f"Found --meter {address} without --energy, expected both: --energy --meter {address}")
        return None
    if protocol.rests or protocol.minutes is not None:
        raise AdafocusError(
            "--energy measures clips back to back in windows of its own. Leave out --every, --duty and --minutes."
        )
    meter = choose_meter(AUTO if address is None else address)
    if meter.kind == "log":
        raise MeterError(
            f"{meter.detail} is read afterwards, and adafocus bench reads its meter meanwhile. Type: adafocus energy "
            "BUNDLE CLIPS --record run.json"
        )
    return meter


def _compare(compared: tuple[Path, Path], paths: Sequence[Path], as_json: bool) -> None:
    if paths:
        raise AdafocusError(f"--compare measures nothing, found {paths[0]} as well. Give the two reports only.")
    first, second = (read_report(path) for path in compared)
    names = (compared[0].name, compared[1].name)
    comparison = compare(first, second, names)
    if as_json:
        options.print_json({"first": str(compared[0]), "second": str(compared[1]), **asdict(comparison)})
        return
    console = Console(highlight=False)
    show_comparison(comparison, names, console)
    options.print_next("bench", "BUNDLE", "VIDEO", "--out", compared[1])
