"""What decoding a clip costs, against reading and resizing every frame: OpenCV, PyAV, threads and seeking by turns.

    python -m benchmarks.decode VIDEO... > decode.json

All ways take turns, so that a machine that is busy with other things is busy for all of them. Processor time counts all
threads; wall-clock time depends on how many cores are free.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
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
from adafocus.errors import AdafocusError

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
    """What is done to a kept frame."""
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
    """Ways to read one video, by name: what is compared with what the project does, or these two only."""
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
    """Median costs of all ways to read one video, and whether they gave the frames of reading in order.

    Args:
        path: a video.
        turns: how often each way is gone.
        brief: only every frame, and the project's own two ways.

    Raises:
        VideoError: not a video.
    """
    with VideoFile(path):
        pass
    exact = every_frame(path)
    total = len(exact)
    grids = [uniform_indices(total, count) for count in (GEOMETRY.glance_frames, GEOMETRY.candidate_frames)]
    wanted = sorted(set(np.concatenate(grids).tolist()))
    table = ways(path, wanted, brief)
    costs: dict[str, list[tuple[float, float]]] = {name: [] for name in table}
    same = dict.fromkeys(table, True)
    for turn in range(turns + 1):
        for name, way in table.items():
            processor, wall = time.process_time(), time.perf_counter()
            frames = way()
            cost = 1e3 * (time.process_time() - processor), 1e3 * (time.perf_counter() - wall)
            same[name] &= all(np.array_equal(frame, exact[number]) for number, frame in frames.items())
            if turn:
                costs[name].append(cost)
    medians = {
        name: tuple(statistics.median(column) for column in zip(*rows, strict=True)) for name, rows in costs.items()
    }
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
                "same_frames": same[name],
            }
            for name, (processor, wall) in medians.items()
        },
    }


def _size(path: Path) -> tuple[int, int]:
    shape = next(iter(read_frames(path, lambda total: np.array([0]), lambda frame: frame).frames.values())).shape
    return shape[0], shape[1]


@click.command()
@click.argument("videos", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--turns", default=5, show_default=True, type=click.IntRange(1), help="After one that does not count.")
@click.option("--brief", is_flag=True, help="Only every frame, and the project's own two ways.")
def main(videos: tuple[Path, ...], turns: int, brief: bool) -> None:
    """Measure VIDEOS and print one JSON object."""
    try:
        rows = [measure(path, turns, brief) for path in videos]
    except AdafocusError as error:
        click.echo(f"decode_bench: {error}", err=True)
        sys.exit(2)
    content = {
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "load": os.getloadavg()[0]},
        "opencv": cv2.__version__,
        "pyav": import_module("av").__version__,
        "turns": turns,
        "videos": rows,
    }
    click.echo(json.dumps(content, indent=1))


if __name__ == "__main__":
    main()
