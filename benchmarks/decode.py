"""Measure what decoding a clip costs: OpenCV, PyAV, threads and seeking against reading and resizing every frame.

    python -m benchmarks.decode VIDEO... --out decode.json

All ways to read take turns, so that a machine that is busy with other things is busy for all of them. Processor time
counts all threads; wall-clock time depends on how many cores are free.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bundle.manifest import Geometry
from adafocus.edge.policy import uniform_indices
from adafocus.edge.sources.video_file import VideoFile
from adafocus.edge.video.clip import read_clip, read_frames
from adafocus.edge.video.preprocess import fit_frame
from benchmarks.harness import PATH, Benchmark, machine, median, option, out_option, take_turns, write

# of the shipped bundle
GEOMETRY = Geometry(
    variant="x3d",
    glance_frames=4,
    candidate_frames=24,
    focus_frames=8,
    frame_size=224,
    short_side=256,
    glance_size=160,
    patch_size=128,
    mean=(0.45, 0.45, 0.45),
    std=(0.225, 0.225, 0.225),
)
EVERY = "every frame, OpenCV"
IN_ORDER = "clip, in order"
OURS = "clip, by packets"
Way = Callable[[], dict[int, NDArray[np.uint8]]]


def fit(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Do to a frame what is done to those that are kept."""
    return cv2.cvtColor(fit_frame(frame, GEOMETRY.frame_size, GEOMETRY.short_side), cv2.COLOR_BGR2RGB)


def every_frame(path: Path, threads: int | None = None) -> dict[int, NDArray[np.uint8]]:
    """Read and resize all of it."""
    capture = _open(path, threads)
    frames: dict[int, NDArray[np.uint8]] = {}
    while True:
        found, frame = capture.read()
        if not found:
            capture.release()
            return frames
        frames[len(frames)] = fit(frame)


def by_grabbing(path: Path, wanted: list[int], threads: int | None) -> dict[int, NDArray[np.uint8]]:
    """Grab every frame, make those that are wanted."""
    capture = _open(path, threads)
    frames = {}
    for number in range(wanted[-1] + 1):
        capture.grab()
        if number in wanted:
            frames[number] = fit(capture.retrieve()[1])
    capture.release()
    return frames


def by_seeking(path: Path, wanted: list[int]) -> dict[int, NDArray[np.uint8]]:
    """Have OpenCV seek to each wanted frame."""
    capture = _open(path, None)
    frames = {}
    for number in wanted:
        capture.set(cv2.CAP_PROP_POS_FRAMES, number)
        found, frame = capture.read()
        if found:
            frames[number] = fit(frame)
    capture.release()
    return frames


def by_pyav(path: Path, wanted: list[int], thread_type: str) -> dict[int, NDArray[np.uint8]]:
    """Have PyAV decode every frame, make those that are wanted."""
    av = import_module("av")
    frames = {}
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = thread_type
        for number, frame in enumerate(container.decode(stream)):
            if number in wanted:
                frames[number] = fit(frame.to_ndarray(format="bgr24"))
            if number == wanted[-1]:
                break
    return frames


def _open(path: Path, threads: int | None) -> cv2.VideoCapture:
    settings = [] if threads is None else [cv2.CAP_PROP_N_THREADS, threads]
    return cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, settings)


def _clip(path: Path, packets: bool) -> dict[int, NDArray[np.uint8]]:
    clip = read_clip(path, GEOMETRY, packets=packets)
    return dict(zip(clip.candidate_indices.tolist(), clip.candidates, strict=True))


def ways(path: Path, wanted: list[int], brief: bool) -> dict[str, Way]:
    """Return the ways to read one video, by name: with ``brief`` only every frame and the project's own two."""
    found: dict[str, Way] = {
        EVERY: lambda: every_frame(path),
        IN_ORDER: lambda: _clip(path, packets=False),
        OURS: lambda: _clip(path, packets=True),
    }
    if brief:
        return found
    found["grab and retrieve, OpenCV"] = lambda: by_grabbing(path, wanted, None)
    found["grab and retrieve, OpenCV, 1 thread"] = lambda: by_grabbing(path, wanted, 1)
    found["seek to each frame, OpenCV"] = lambda: by_seeking(path, wanted)
    for kind in ("AUTO", "FRAME", "SLICE"):
        found[f"every frame decoded, PyAV {kind}"] = lambda kind=kind: by_pyav(path, wanted, kind)  # type: ignore[misc]
    return found


def measure(path: Path, turns: int, brief: bool) -> dict[str, Any]:
    """Return the median costs of all ways to read one video, and whether they gave the frames of reading in order.

    Args:
        path: a video.
        turns: how often each way is used.
        brief: only every frame, and the project's own two ways.

    Raises:
        VideoError: not a video.
    """
    VideoFile(path).close()
    exact = every_frame(path)
    total = len(exact)
    kinds = [uniform_indices(total, count) for count in (GEOMETRY.glance_frames, GEOMETRY.candidate_frames)]
    wanted = sorted(set(np.concatenate(kinds).tolist()))
    calls = {name: partial(_costs, way, exact) for name, way in ways(path, wanted, brief).items()}
    costs = take_turns(calls, (None,), 1, turns)
    medians = {name: tuple(map(median, zip(*rows, strict=True)))[:2] for name, rows in costs.items()}
    every = medians[EVERY]
    height, width = _size(path)
    return {
        "video": path.name,
        "width_px": width,
        "height_px": height,
        "frames": total,
        "frames_kept": len(wanted),
        "ways": {
            name: {
                "processor_ms": round(processor, 2),
                "wall_ms": round(wall, 2),
                "processor_share": round(processor / every[0], 4),
                "wall_share": round(wall / every[1], 4),
                "same_frames": all(row[2] for row in costs[name]),
            }
            for name, (processor, wall) in medians.items()
        },
    }


def _costs(way: Way, exact: dict[int, NDArray[np.uint8]], _: None) -> tuple[float, float, bool]:
    """Return milliseconds of processor and of wall-clock time, and whether the frames are those of reading in order."""
    processor, wall = time.process_time(), time.perf_counter()
    frames = way()
    spent = 1e3 * (time.process_time() - processor), 1e3 * (time.perf_counter() - wall)
    return *spent, all(np.array_equal(frame, exact[number]) for number, frame in frames.items())


def _size(path: Path) -> tuple[int, int]:
    """Return height and width of a video."""
    shape = read_frames(path, [0])[0].shape
    return shape[0], shape[1]


@click.command(cls=Benchmark)
@click.argument("videos", nargs=-1, required=True, type=PATH)
@option(
    "--turns", default=5, type=click.IntRange(1), help="Use each way this many times, after one that does not count."
)
@click.option("--brief", is_flag=True, help="Compare only every frame and the project's own two ways.")
@out_option
def main(videos: tuple[Path, ...], turns: int, brief: bool, out: Path | None) -> None:
    """Measure what it costs to read the frames of a clip from VIDEOS."""
    content = {
        "command": f"python -m benchmarks.decode{' --brief' if brief else ''} --turns {turns} VIDEO ...",
        "machine": machine(),
        "load": os.getloadavg()[0],
        "opencv": cv2.__version__,
        "pyav": import_module("av").__version__,
        "turns": turns,
    }
    write(out, {**content, "videos": [measure(path, turns, brief) for path in videos]})


if __name__ == "__main__":
    main()
