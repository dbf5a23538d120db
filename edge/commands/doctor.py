"""``adafocus doctor``: say what this device can run, and whether a bundle runs on it."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.commands import options
from adafocus.edge.device.cameras import Finding, cameras
from adafocus.edge.device.host import GOVERNOR_COMMAND, Facts, State, read_facts, read_state
from adafocus.edge.device.install import OpenCV, RuntimeState, library_state, opencv, runtime_states, version_of
from adafocus.edge.device.meters import meters
from adafocus.edge.runtime_table import DEFAULT_RUNTIME
from adafocus.errors import AdafocusError

if TYPE_CHECKING:
    # it needs OpenCV, and this verb says what is wrong with it
    from adafocus.edge.selftest import Trial

GIGABYTE = 1e9
STYLES = {"present": "green", "present but not readable": "yellow", "none": "dim"}


@dataclass(frozen=True)
class Diagnosis:
    """Everything that was found on this device."""

    facts: Facts
    state: State
    opencv: OpenCV
    runtimes: dict[str, RuntimeState]
    cameras: list[Finding]
    meters: list[Finding]
    disk_free_bytes: int
    bundle: list[Trial] | None
    pyav: RuntimeState | None = None

    @property
    def can_run(self) -> bool:
        """Whether OpenCV loads, a runtime is here, and the bundle, where one was given, answers in at least one."""
        tried = self.bundle is None or any(trial.answers for trial in self.bundle)
        return self.opencv.problem is None and tried and any(state.missing is None for state in self.runtimes.values())


@click.command()
@click.argument("bundle", required=False, type=click.Path(path_type=Path))
@options.accelerator
@options.as_json
@click.pass_context
def doctor(context: click.Context, bundle: Path | None, accelerator: str | None, as_json: bool) -> None:
    """Say what this device has and whether BUNDLE runs on it.

    What is missing comes with the line that installs it. The exit code is 1 where no runtime can run, or the bundle
    runs in none of them.
    """
    if accelerator is not None and bundle is None:
        raise AdafocusError(
            "--accelerator needs a bundle: whether one is here is known when a graph ran on it. Type: "
            f"{options.command('doctor', 'BUNDLE', '--accelerator', accelerator)}"
        )
    found = diagnose(bundle, accelerator)
    if as_json:
        options.print_json(_as_dict(found, bundle))
    else:
        show(found, bundle, Console(highlight=False))
    context.exit(0 if found.can_run else 1)


def diagnose(bundle: Path | None, accelerator: str | None = None) -> Diagnosis:
    """Look at the device, and try a bundle in every runtime that it holds.

    Raises:
        BundleError: the bundle is damaged or of another version.
    """
    runtimes, videos = runtime_states(), opencv()
    return Diagnosis(
        facts=read_facts(),
        state=read_state(),
        opencv=videos,
        pyav=library_state("av", "av"),
        runtimes=runtimes,
        cameras=cameras(),
        meters=meters(),
        disk_free_bytes=shutil.disk_usage(bundle if bundle and bundle.exists() else Path.cwd()).free,
        bundle=None if bundle is None else _try_all(bundle, runtimes, videos, accelerator),
    )


def _try_all(path: Path, runtimes: dict[str, RuntimeState], videos: OpenCV, accelerator: str | None) -> list[Trial]:
    opened = Bundle.open(path)
    if videos.problem is not None:
        # nothing can be tried
        return []
    from adafocus.edge.selftest import Trial, runtimes_on, try_bundle

    trials = []
    for name in runtimes_on(opened, accelerator):
        state = runtimes[name]
        if state.missing:
            trials.append(Trial(name, False, state.missing))
        else:
            trials.append(try_bundle(path, name, accelerator=accelerator))
    return trials


def _as_dict(found: Diagnosis, bundle: Path | None) -> dict[str, Any]:
    facts = asdict(found.facts)
    return {
        **facts,
        "opencv": asdict(found.opencv),
        "pyav": None if found.pyav is None else found.pyav.text,
        "numpy": version_of("numpy"),
        "adafocus": version_of("adafocus-edge"),
        "runtimes": {name: state.text for name, state in found.runtimes.items()},
        "state": asdict(found.state),
        "cameras": [asdict(camera) for camera in found.cameras],
        "meters": [asdict(meter) for meter in found.meters],
        "disk_free_bytes": found.disk_free_bytes,
        "bundle": None if bundle is None else str(bundle),
        "trials": None if found.bundle is None else [asdict(trial) for trial in found.bundle],
        "can_run": found.can_run,
    }


def show(found: Diagnosis, bundle: Path | None, console: Console) -> None:
    """Print what was found, one row each, then how the bundle does."""
    table = Table("what", "found", show_header=False)
    table.columns[1].overflow = "fold"
    for name, text in _rows(found):
        table.add_row(name, text)
    console.print(table)
    if found.opencv.note:
        console.print(escape(found.opencv.note), style="yellow", soft_wrap=True)
    if found.bundle is not None:
        _show_trials(found, bundle, console)
    console.print(f"\nnext: {escape(_next(found, bundle))}", style="dim", soft_wrap=True)


def _rows(found: Diagnosis) -> list[tuple[str, str]]:
    facts, state = found.facts, found.state
    bits = "" if facts.bits == 64 else f", the interpreter has {facts.bits} bits"
    rows = [
        ("machine", escape(facts.board or facts.processor or "unknown")),
        ("architecture", f"{facts.architecture}{bits}, {facts.processors} processors"),
        ("system", escape(", ".join(filter(None, (facts.distribution, facts.system, facts.c_library))))),
        ("python", f"{facts.python}, numpy {version_of('numpy')}, adafocus-edge {version_of('adafocus-edge')}"),
        ("opencv", f"[yellow]{escape(found.opencv.text)}[/]" if found.opencv.problem else escape(found.opencv.text)),
    ]
    if found.pyav is not None:
        rows.append(("pyav", f"[{'yellow' if found.pyav.missing else 'default'}]{escape(found.pyav.text)}[/]"))
    for name, runtime in found.runtimes.items():
        style = "yellow" if runtime.missing else "green"
        rows.append((f"runtime {name}", f"[{style}]{escape(runtime.text)}[/]"))
    for title, findings in (("camera", found.cameras), ("meter", found.meters)):
        rows += [(f"{title} {escape(one.name)}", f"[{STYLES[one.presence]}]{escape(one.text)}[/]") for one in findings]
    if not found.cameras:
        rows.append(("cameras", "[dim]none[/]"))
    return rows + _state_rows(facts, state, found.disk_free_bytes)


def _state_rows(facts: Facts, state: State, disk_free_bytes: int) -> list[tuple[str, str]]:
    governor = ", ".join(state.governor) or "unknown"
    if state.governor and set(state.governor) != {"performance"}:
        governor += f"; for steady clocks: {GOVERNOR_COMMAND}"
    heat = ", ".join(f"{name} {value:.1f} °C" for name, value in state.temperature_c.items()) or "unknown"
    clock = f"{state.mean_mhz:.0f} MHz" if state.mean_mhz else "unknown"
    swap = "unknown" if state.swap_bytes is None else f"{_gb(state.swap_free_bytes)} free of {_gb(state.swap_bytes)}"
    rows = [
        ("clock", f"{clock}, governor {governor}"),
        ("temperature", escape(heat)),
        ("throttled", _throttled(state)),
        ("memory", f"{_gb(state.memory_available_bytes)} free of {_gb(facts.memory_bytes)}, swap {swap}"),
        ("disk", f"{_gb(disk_free_bytes)} free"),
    ]
    return [*rows, ("power mode", escape(state.power_mode))] if state.power_mode else rows


def _throttled(state: State) -> str:
    if state.throttled is None:
        return "unknown"
    now = f"[red]{escape(' and '.join(state.throttled))}[/]" if state.throttled else "[green]no[/]"
    return f"{now}, since the start: {' and '.join(state.throttled_before)}" if state.throttled_before else now


def _show_trials(found: Diagnosis, bundle: Path | None, console: Console) -> None:
    free = found.state.memory_available_bytes
    for trial in found.bundle or ():
        style = "green" if trial.answers else "red"
        console.print(f"{escape(str(bundle))} with {trial.runtime}: [{style}]{escape(trial.text)}[/]", soft_wrap=True)
        if trial.peak_memory_bytes and free is not None and trial.peak_memory_bytes > free:
            needs = f"It needs {_gb(trial.peak_memory_bytes)} of memory, and {_gb(free)} is free."
            console.print(needs, style="yellow")


def _next(found: Diagnosis, bundle: Path | None) -> str:
    """Return the command to type next: install a runtime, test a bundle, or run it."""
    if found.opencv.problem:
        return "install OpenCV with the line above"
    running = [trial.runtime for trial in found.bundle or () if trial.answers]
    if running:
        chosen = "" if DEFAULT_RUNTIME in running else f" --runtime {running[0]}"
        return options.command("run", bundle or "BUNDLE", f"VIDEO{chosen}")
    if all(state.missing for state in found.runtimes.values()):
        return "install a runtime with one of the lines above"
    return options.command("selftest", bundle or "BUNDLE")


def _gb(value: int | None) -> str:
    return "unknown" if value is None else f"{value / GIGABYTE:.1f} GB"
