"""Measure what decoding a clip costs: OpenCV, PyAV, threads and seeking against reading and resizing every frame.

    python -m benchmarks.decode VIDEO... --out decode.json

A clip is read as ``adafocus run`` reads it: its frames are decoded, and those of the glance are resized. All ways take
turns, so that a machine that is busy with other things is busy for all of them. Processor time
counts all threads; wall-clock time depends on how many cores are free.
"""

from __future__ import annotations

import os
import resource
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

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import Geometry
from adafocus.edge.commands.inputs import DEFAULT_BUNDLE
from adafocus.edge.policy import uniform_indices
from adafocus.edge.sources.decoders.choice import Decoder
from adafocus.edge.sources.video_file import VideoFile
from adafocus.edge.video.clip import Clip, read_clip, read_frames
from adafocus.edge.video.preprocess import fit_frame
from adafocus.errors import AdafocusError
from benchmarks.harness import PATH, Benchmark, machine, median, option, out_option, take_turns, write

EVERY = "every frame, OpenCV"
IN_ORDER = "clip, in order"
OURS = "clip, by packets"
ONE_THREAD = "clip, by packets, one thread"
CHEAP = "clip, cheap frames"
IN_HARDWARE = "clip, {}"
Frames = dict[int, NDArray[np.uint8]]
Way = Callable[[], Frames | Clip]


def fit(frame: NDArray[np.uint8], geometry: Geometry) -> NDArray[np.uint8]:
    """Do to a frame what is done to those that the glance sees."""
    return cv2.cvtColor(fit_frame(frame, geometry.frame_size, geometry.short_side), cv2.COLOR_BGR2RGB)


def every_frame(path: Path, geometry: Geometry, threads: int | None = None) -> Frames:
    """Read and resize all of it."""
    capture = _open(path, threads)
    frames: Frames = {}
    while True:
        found, frame = capture.read()
        if not found:
            capture.release()
            return frames
        frames[len(frames)] = fit(frame, geometry)


def by_grabbing(path: Path, geometry: Geometry, wanted: list[int], threads: int | None) -> Frames:
    """Grab every frame, make those that are wanted."""
    capture = _open(path, threads)
    frames = {}
    for number in range(wanted[-1] + 1):
        capture.grab()
        if number in wanted:
            frames[number] = fit(capture.retrieve()[1], geometry)
    capture.release()
    return frames


def by_seeking(path: Path, geometry: Geometry, wanted: list[int]) -> Frames:
    """Have OpenCV seek to each wanted frame."""
    capture = _open(path, None)
    frames = {}
    for number in wanted:
        capture.set(cv2.CAP_PROP_POS_FRAMES, number)
        found, frame = capture.read()
        if found:
            frames[number] = fit(frame, geometry)
    capture.release()
    return frames


def by_pyav(path: Path, geometry: Geometry, wanted: list[int], thread_type: str) -> Frames:
    """Have PyAV decode every frame, make those that are wanted."""
    av = import_module("av")
    frames = {}
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = thread_type
        for number, frame in enumerate(container.decode(stream)):
            if number in wanted:
                frames[number] = fit(frame.to_ndarray(format="bgr24"), geometry)
            if number == wanted[-1]:
                break
    return frames


def _open(path: Path, threads: int | None) -> cv2.VideoCapture:
    settings = [] if threads is None else [cv2.CAP_PROP_N_THREADS, threads]
    return cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, settings)


def ways(path: Path, geometry: Geometry, wanted: list[int], brief: bool, decoders: tuple[str, ...]) -> dict[str, Way]:
    """Return the ways to read one video, by name: with ``brief`` only every frame and the project's own."""
    found: dict[str, Way] = {
        EVERY: lambda: every_frame(path, geometry),
        IN_ORDER: lambda: read_clip(path, geometry, packets=False),
        OURS: lambda: read_clip(path, geometry),
        ONE_THREAD: lambda: read_clip(path, geometry, one_thread=True),
        CHEAP: lambda: read_clip(path, geometry, cheap=True, one_thread=True),
    }
    for name in decoders:
        found[IN_HARDWARE.format(name)] = partial(_in_hardware, path, geometry, name)
    if brief:
        return found
    found["grab and retrieve, OpenCV"] = lambda: by_grabbing(path, geometry, wanted, None)
    found["grab and retrieve, OpenCV, 1 thread"] = lambda: by_grabbing(path, geometry, wanted, 1)
    found["seek to each frame, OpenCV"] = lambda: by_seeking(path, geometry, wanted)
    for kind in ("AUTO", "FRAME", "SLICE"):
        found[f"every frame decoded, PyAV {kind}"] = partial(by_pyav, path, geometry, wanted, kind)
    return found


def _in_hardware(path: Path, geometry: Geometry, name: str) -> Clip:
    """Read a clip with a decoder in hardware.

    Raises:
        AdafocusError: it does not decode the video here.
    """
    decoder = Decoder(name)
    clip = read_clip(path, geometry, decoder=decoder)
    if decoder.notes:
        raise AdafocusError(f"{decoder.notes[0]} There is nothing to measure.")
    return clip


def measure(path: Path, geometry: Geometry, turns: int, brief: bool, decoders: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the median costs of all ways to read one video, and whether they gave the frames of reading in order.

    Args:
        path: a video.
        geometry: of the clip.
        turns: how often each way is used.
        brief: only every frame, and the project's own ways.
        decoders: in hardware, which are compared, too.

    Raises:
        VideoError: not a video.
        AdafocusError: a decoder that does not decode it here.
    """
    VideoFile(path).close()
    exact = every_frame(path, geometry)
    total = len(exact)
    kinds = [uniform_indices(total, count) for count in (geometry.glance_frames, geometry.candidate_frames)]
    wanted = sorted(set(np.concatenate(kinds).tolist()))
    found = ways(path, geometry, wanted, brief, decoders)
    calls = {name: partial(_costs, way, geometry, exact) for name, way in found.items()}
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


def _costs(way: Way, geometry: Geometry, exact: Frames, _: None) -> tuple[float, float, bool]:
    """Return milliseconds of processor and of wall-clock time, and whether each frame is that of its number.

    Candidates of a clip are converted when somebody looks at them; that is no part of the time.
    """
    processor, wall = _processor_s(), time.perf_counter()
    found = way()
    spent = 1e3 * (_processor_s() - processor), 1e3 * (time.perf_counter() - wall)
    frames = _fitted(found, geometry) if isinstance(found, Clip) else found
    return *spent, all(np.array_equal(frame, exact[number]) for number, frame in frames.items())


def _processor_s() -> float:
    """Return the processor time of this process and of those that it has ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def _fitted(clip: Clip, geometry: Geometry) -> Frames:
    """Return the candidates by number, as :func:`fit` makes them."""
    pairs = zip(clip.candidate_indices.tolist(), clip.candidates, strict=True)
    if geometry.boxes_in == "square":
        return dict(pairs)
    return {number: fit_frame(frame, geometry.frame_size, geometry.short_side) for number, frame in pairs}


def _size(path: Path) -> tuple[int, int]:
    """Return height and width of a video."""
    shape = read_frames(path, [0])[0].shape
    return shape[0], shape[1]


@click.command(cls=Benchmark)
@click.argument("videos", nargs=-1, required=True, type=PATH)
@option("--bundle", default=DEFAULT_BUNDLE, type=PATH, help="Read clips as this bundle wants them.")
@option(
    "--turns", default=5, type=click.IntRange(1), help="Use each way this many times, after one that does not count."
)
@click.option("--brief", is_flag=True, help="Compare only every frame and the project's own ways.")
@click.option("--decoder", "decoders", multiple=True, help="Compare this decoder in hardware, too.")
@out_option
def main(
    videos: tuple[Path, ...], bundle: Path, turns: int, brief: bool, decoders: tuple[str, ...], out: Path | None
) -> None:
    """Measure what it costs to read the frames of a clip from VIDEOS."""
    opened = Bundle.open(bundle)
    content = {
        "command": f"python -m benchmarks.decode --bundle {bundle.name}{' --brief' * brief} --turns {turns} VIDEO ...",
        "bundle": opened.manifest.name,
        "machine": machine(),
        "load": os.getloadavg()[0],
        "opencv": cv2.__version__,
        "pyav": import_module("av").__version__,
        "turns": turns,
    }
    geometry = opened.manifest.geometry
    write(out, {**content, "videos": [measure(path, geometry, turns, brief, decoders) for path in videos]})


if __name__ == "__main__":
    main()
