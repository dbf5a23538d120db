"""Chosen frames of whatever has an end, decoding as little as possible."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adafocus.edge import sources
from adafocus.edge.sources.base import FiniteSource
from adafocus.edge.sources.video_file import VideoFile
from adafocus.edge.video.selective_decoder import is_interlaced, read_chosen, read_interlaced
from adafocus.errors import VideoError

Choose = Callable[[int], NDArray[np.int64]]
Keep = Callable[[int, NDArray[np.uint8]], None]


@dataclass
class Decoded:
    """How the reading of chosen frames went.

    Attributes:
        stand_ins: frame number -> number of the frame that stands in for it, of frames that are damaged.
        frame_count: frames that can be decoded.
        fps: frames per second.
        decode_ms: time spent in the decoder.
        keep_ms: time spent on kept frames.
        warnings: sentences on what is wrong with the file.
        alike: whether several frames were read and all are the same, byte for byte.
    """

    stand_ins: dict[int, int] = field(default_factory=dict)
    frame_count: int = 0
    fps: float = 0.0
    decode_ms: float = 0.0
    keep_ms: float = 0.0
    warnings: list[str] = field(default_factory=list)
    alike: bool = False


def read_chosen_frames(address: str | Path, choose: Choose, keep: Keep, packets: bool = True) -> Decoded:
    """Hand chosen frames on in one pass, or in two where the header's frame count is wrong.

    Args:
        address: of a source with an end.
        choose: frame count -> the frame numbers wanted, increasing or not, with or without repeats; asked again where
            the count turned out to be another one, after which every frame is handed on anew.
        keep: takes a wanted frame, ``(H, W, 3)`` uint8 BGR, in memory that nobody writes to again.
        packets: read videos by their packets where PyAV is installed.

    Raises:
        VideoError: not a video, or no frame of it can be decoded.
        SourceError: another source that cannot be read, or one without an end.
    """
    video = sources.kind_of(address) == sources.FILE and Path(address).is_file()
    if packets and video:
        read = read_chosen(address, choose, keep, lambda: _stated(address))
        if read is not None:
            return Decoded({}, read.frame_count, read.fps, read.decode_ms, read.keep_ms)
    decoded = _read_in_order(address, choose, keep)
    if video and decoded.alike:
        _look_again(Path(address), choose, keep, decoded)
    return decoded


def _look_again(path: Path, choose: Choose, keep: Keep, decoded: Decoded) -> None:
    """Tell a still picture from an interlaced video.

    OpenCV (4.13 and 5.0) fails to convert interlaced frames, says that all is well, and gives the same memory again and
    again, whatever is in it.
    """
    interlaced = is_interlaced(path)
    if interlaced is False or (interlaced and read_interlaced(path, choose(decoded.frame_count), keep)):
        return
    decoded.warnings.append(
        f"{path.name}: all frames are the same. If it moves, it is interlaced video, which this OpenCV cannot convert. "
        f"Then either: pip install av, or: ffmpeg -i {path.name} -vf yadif -c:v libx264 out.mp4"
    )


def _open(address: str | Path) -> FiniteSource:
    if sources.kind_of(address) == sources.FILE:
        return VideoFile(address, share_buffer=True)
    return sources.open_finite(address)


def _stated(address: str | Path) -> int:
    with closing(_open(address)) as source:
        return source.stated_frames


def _read_in_order(address: str | Path, choose: Choose, keep: Keep) -> Decoded:
    result = Decoded()
    with closing(_open(address)) as source:
        stated, result.fps = source.stated_frames, source.fps
    total = stated or _count(address, result)
    for _ in range(2):
        wanted = set(choose(total).tolist())
        found: set[int] = set()
        reached = _pass(address, wanted, found, keep, result)
        result.frame_count = total
        if wanted <= found:
            return result
        if reached == 0 or reached > max(wanted):
            break
        result.warnings.append(
            f"{Path(address).name}: the header states {total} frames, but only {reached} can be decoded; "
            "the answer rests on those."
        )
        total = reached
    if not found:
        raise VideoError(f"No frame of {address} can be decoded, expected at least one. The file may be damaged.")
    there = np.array(sorted(found))
    for number in sorted(wanted - found):
        result.stand_ins[number] = int(there[np.abs(there - number).argmin()])
    result.warnings.append("Some frames are damaged; their nearest neighbours stand in for them.")
    return result


def _pass(address: str | Path, wanted: set[int], found: set[int], keep: Keep, result: Decoded) -> int:
    """Read up to the last wanted frame; return how many frames there were."""
    last = max(wanted)
    result.alike, first = len(wanted) > 1, None
    with closing(_open(address)) as source:
        for number in range(last + 1):
            started = time.perf_counter()
            frame = None
            if not source.grab():
                return number
            if number in wanted:
                frame = source.retrieve()
            decoded = time.perf_counter()
            if frame is not None:
                pixels = frame.pixels.copy()
                first = pixels if first is None else first
                result.alike = result.alike and np.array_equal(first, pixels)
                keep(number, pixels)
                found.add(number)
            result.decode_ms += 1e3 * (decoded - started)
            result.keep_ms += 1e3 * (time.perf_counter() - decoded)
    return last + 1


def _count(address: str | Path, result: Decoded) -> int:
    started = time.perf_counter()
    count = 0
    with closing(_open(address)) as source:
        while source.grab():
            count += 1
    result.decode_ms += 1e3 * (time.perf_counter() - started)
    if count == 0:
        raise VideoError(f"{address} has no frames, expected at least one. Record or convert it again.")
    return count
