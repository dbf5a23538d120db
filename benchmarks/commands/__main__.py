"""Time whole commands from the start of their process to its end, and measure the memory of all their processes.

    python -m benchmarks.commands MODEL VIDEO --bundle BUNDLE --before OLDER_CHECKOUT --out commands.yaml

An export with an empty cache, the same again, a quantization where a float checkpoint and clips are given, the
recognition of a video, the version and the import of the package. With the checkout of an earlier version every command
is run there as well, in turns. Memory is measured in a run of its own, because looking at it takes time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
import torch

from adafocus.errors import AdafocusError
from benchmarks.harness import PATH, Benchmark, machine, option, out_option, show, write

# how often a command of a second or less is run
SHORT_TURNS = 15
CALIBRATION_CLIPS = 40
SAMPLE_S = 0.2
BYTES_OF_KB = 1024
HERE = Path(__file__).resolve().parents[2]


class Commands:
    """What is run in one checkout, in a folder of its own."""

    def __init__(self, checkout: Path, work: Path) -> None:
        """Refuse a folder that is no checkout.

        Raises:
            AdafocusError: it has no folder ``src/adafocus``.
        """
        self._source = checkout.resolve() / "src"
        if not (self._source / "adafocus").is_dir():
            raise AdafocusError(f"{checkout} is no checkout of this project: it has no folder src/adafocus.")
        self._work = work
        work.mkdir()

    def adafocus(self, *words: str | Path) -> list[str]:
        """Return a command of the program; ``{work}`` stands for the folder."""
        return [sys.executable, "-m", "adafocus", *(str(word).format(work=self._work) for word in words)]

    def timed(self, command: Sequence[str]) -> float:
        """Run a command and return its seconds.

        Raises:
            AdafocusError: it failed.
        """
        started = time.perf_counter()
        process = self._started(command)
        _, errors = process.communicate()
        seconds = time.perf_counter() - started
        _refuse_failure(process, command, errors)
        return seconds

    def peak_bytes(self, command: Sequence[str]) -> int:
        """Run a command and return the most bytes that its processes held at once; what they share counts once.

        Raises:
            AdafocusError: it failed, or this system does not tell.
        """
        if not Path("/proc/self/smaps_rollup").exists():
            raise AdafocusError("This system does not tell what processes share. Measure memory on Linux.")
        process, most = self._started(command, subprocess.DEVNULL), 0
        while process.poll() is None:
            most = max(most, sum(map(_held_bytes, _with_children(process.pid))))
            time.sleep(SAMPLE_S)
        _refuse_failure(process, command, b"")
        return most

    def _started(self, command: Sequence[str], errors: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
        surroundings = {**os.environ, "PYTHONPATH": str(self._source)}
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, env=surroundings)


def _refuse_failure(process: subprocess.Popen[bytes], command: Sequence[str], errors: bytes) -> None:
    if process.returncode:
        said = errors.decode(errors="replace").strip().splitlines() or ["nothing"]
        raise AdafocusError(f"{' '.join(command)} ended with {process.returncode}; it said: {said[-1]}")


def _with_children(pid: int) -> Iterator[int]:
    """Yield a process and all that it started, as far as they still run."""
    yield pid
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            for child in Path(f"/proc/{pid}/task/{thread}/children").read_text(encoding="ascii").split():
                yield from _with_children(int(child))
    except OSError:
        return


def _held_bytes(pid: int) -> int:
    """Return the memory of a process, of what it shares its part; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return sum(BYTES_OF_KB * int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def measure(
    rows: Mapping[str, tuple[Callable[[Commands], list[str]], int]], sides: Mapping[str, Commands]
) -> dict[str, Any]:
    """Run every command so often as its row says, the sides in turns, and return the median seconds of each side.

    Args:
        rows: name -> a command of a side, and how often it is run.
        sides: name -> where it is run.
    """
    found: dict[str, Any] = {}
    for name, (command, turns) in rows.items():
        seconds: dict[str, list[float]] = {side: [] for side in sides}
        for _ in range(turns):
            for side, place in sides.items():
                seconds[side].append(place.timed(command(place)))
        found[name] = {f"{side}_s": round(float(np.median(values)), 3) for side, values in seconds.items()}
    return found


@click.command(cls=Benchmark)
@click.argument("model", type=PATH)
@click.argument("video", type=PATH)
@option("--bundle", type=PATH, required=True, help="Recognize the video with this bundle.")
@option("--checkpoint", type=PATH, help="Quantize this float checkpoint as well.")
@option("--clips", "clip_list", type=PATH, help="Calibrate it on clips of this set.")
@option("--before", type=PATH, help="Run every command in this checkout of an earlier version, too.")
@out_option
def main(
    model: Path,
    video: Path,
    bundle: Path,
    checkpoint: Path | None,
    clip_list: Path | None,
    before: Path | None,
    out: Path | None,
) -> None:
    """Time whole commands on the model file MODEL and on VIDEO."""
    if (checkpoint is None) != (clip_list is None):
        raise AdafocusError("--checkpoint and --clips go together. Give both, or none.")
    model, video, bundle = model.resolve(), video.resolve(), bundle.resolve()
    export = ("export", model, "--out", "{work}/bundle", "--cache", "{work}/graphs", "--verify", video)
    rows: dict[str, tuple[Callable[[Commands], list[str]], int]] = {
        "export": (lambda of: of.adafocus(*export), 1),
        "export again": (lambda of: of.adafocus(*export), 1),
    }
    if checkpoint is not None and clip_list is not None:
        words = ("quantize", checkpoint.resolve(), "--clips", clip_list.resolve(), "--val-split", "none")
        more = ("--calibration-clips", str(CALIBRATION_CLIPS), "--bound", "100", "--cache", "{work}/clips")
        ends = ("--work", "{work}/quantize", "--out", "{work}/int8.safetensors")
        rows["quantize"] = (lambda of: of.adafocus(*words, *more, *ends), 1)
    rows |= {
        "run": (lambda of: of.adafocus("run", bundle, video), SHORT_TURNS),
        "--version": (lambda of: of.adafocus("--version"), SHORT_TURNS),
        "import adafocus": (lambda _: [sys.executable, "-c", "import adafocus"], SHORT_TURNS),
        "python alone": (lambda _: [sys.executable, "-c", ""], SHORT_TURNS),
    }
    with TemporaryDirectory() as scratch:
        checkouts = {"now": HERE} if before is None else {"before": before, "now": HERE}
        sides = {name: Commands(place, Path(scratch) / name) for name, place in checkouts.items()}
        found = measure(rows, sides)
        now = Commands(HERE, Path(scratch) / "memory")
        for name in found.keys() & {"export", "export again", "quantize"}:
            found[name]["now_peak_mb"] = round(now.peak_bytes(rows[name][0](now)) / 1e6)
    ratios = {name: row["before_s"] / row["now_s"] for name, row in found.items() if "before_s" in row}
    columns = ("command", *(f"{side}, s" for side in sides), "peak MB")
    show(
        f"{model.name} and {video.name}",
        columns,
        [(name, *(row[f"{side}_s"] for side in sides), row.get("now_peak_mb", "-")) for name, row in found.items()],
        {f"{name}: before / now": ratio for name, ratio in ratios.items()},
    )
    content = {
        "command": "python -m benchmarks.commands MODEL VIDEO --bundle BUNDLE --checkpoint CHECKPOINT "
        "--clips CLIPS.csv --before OLDER_CHECKOUT",
        "torch": str(torch.__version__),
        "model": model.stem,
        "calibration_clips": CALIBRATION_CLIPS,
        "machine": machine(),
        "commands": found,
    }
    write(out, content)


if __name__ == "__main__":
    main()
