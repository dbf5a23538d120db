"""One clip of a video: the glance frames and the candidate frames, resized once, and nothing else decoded."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import VideoError
from edge.manifest import Geometry
from edge.preprocess import fit_frame, resize_square
from edge.sampling import uniform_indices
from edge.sources import VideoFile

Transform = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


@dataclass(frozen=True)
class Clip:
    """What the recogniser needs of one video.

    Attributes:
        glance: ``(T_G, S, S, 3)`` uint8 RGB.
        candidates: ``(N, F, F, 3)`` uint8 RGB.
        glance_indices: ``(T_G,)`` frame numbers in the video, counted from 0.
        candidate_indices: ``(N,)`` likewise.
        frame_count: frames that can be decoded.
        fps: frames per second.
        decode_ms: time spent in the decoder.
        resize_ms: time spent on resizing kept frames.
        warnings: sentences on what is wrong with the file.
    """

    glance: NDArray[np.uint8]
    candidates: NDArray[np.uint8]
    glance_indices: NDArray[np.int64]
    candidate_indices: NDArray[np.int64]
    frame_count: int
    fps: float
    decode_ms: float = 0.0
    resize_ms: float = 0.0
    warnings: tuple[str, ...] = ()


@dataclass
class Decoded:
    """Chosen frames of one video by frame number, and how the reading went."""

    frames: dict[int, NDArray[np.uint8]] = field(default_factory=dict)
    frame_count: int = 0
    fps: float = 0.0
    decode_ms: float = 0.0
    transform_ms: float = 0.0
    warnings: list[str] = field(default_factory=list)


def read_frames(path: str | Path, choose: Callable[[int], NDArray[np.int64]], transform: Transform) -> Decoded:
    """Decode chosen frames of a video in one pass, or in two where the header's frame count is wrong.

    Args:
        path: a video file.
        choose: frame count -> the frame numbers wanted, increasing or not, with or without repeats.
        transform: applied once to every kept frame, ``(H, W, 3)`` uint8 BGR.

    Raises:
        VideoError: not a video, or no frame of it can be decoded.
    """
    result = Decoded()
    with VideoFile(path) as video:
        stated, result.fps = video.stated_frames, video.fps
    total = stated or _count(path, result)
    for _ in range(2):
        wanted = set(choose(total).tolist())
        reached = _read_pass(path, wanted, transform, result)
        result.frame_count = total
        if wanted <= result.frames.keys():
            return result
        if reached == 0:
            break
        result.warnings.append(
            f"{Path(path).name}: the header states {total} frames, but only {reached} can be decoded; "
            "the answer rests on those."
        )
        total = reached
    if not result.frames:
        raise VideoError(f"No frame of {path} can be decoded, expected at least one. The file may be damaged.")
    _fill_gaps(result, wanted)
    return result


def _read_pass(path: str | Path, wanted: set[int], transform: Transform, result: Decoded) -> int:
    """Read up to the last wanted frame; return how many frames there were."""
    result.frames.clear()
    last = max(wanted)
    with VideoFile(path) as video:
        for number in range(last + 1):
            started = time.perf_counter()
            frame = None
            if not video.grab():
                return number
            if number in wanted:
                frame = video.retrieve()
            decoded = time.perf_counter()
            if frame is not None:
                result.frames[number] = transform(frame)
            result.decode_ms += 1e3 * (decoded - started)
            result.transform_ms += 1e3 * (time.perf_counter() - decoded)
    return last + 1


def _count(path: str | Path, result: Decoded) -> int:
    started = time.perf_counter()
    count = 0
    with VideoFile(path) as video:
        while video.grab():
            count += 1
    result.decode_ms += 1e3 * (time.perf_counter() - started)
    if count == 0:
        raise VideoError(f"{path} has no frames, expected at least one. Record or convert it again.")
    return count


def _fill_gaps(result: Decoded, wanted: set[int]) -> None:
    """Stand the nearest decoded frame in for one that is damaged."""
    there = np.array(sorted(result.frames))
    for number in sorted(wanted - result.frames.keys()):
        result.frames[number] = result.frames[int(there[np.abs(there - number).argmin()])]
    result.warnings.append("Some frames are damaged; their nearest neighbours stand in for them.")


def read_clip(path: str | Path, geometry: Geometry, window: tuple[int, int] | None = None) -> Clip:
    """Sample a video as the bundle's geometry asks: two uniform grids over the whole video.

    Args:
        path: a video file.
        geometry: of the bundle.
        window: first frame and the one after the last, where only a part of the video is meant.

    Raises:
        VideoError: not a video, or no frame of it can be decoded.
    """

    def grids(total: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        first, last = window or (0, total)
        span = max(1, min(last, total) - first)
        glance, candidates = (
            first + uniform_indices(span, count) for count in (geometry.glance_frames, geometry.candidate_frames)
        )
        return glance, candidates

    def fit(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return cv2.cvtColor(fit_frame(frame, geometry.frame_size, geometry.short_side), cv2.COLOR_BGR2RGB)

    decoded = read_frames(path, lambda total: np.concatenate(grids(total)), fit)
    glance_indices, candidate_indices = grids(decoded.frame_count)
    started = time.perf_counter()
    glance = np.stack([resize_square(decoded.frames[int(i)], geometry.glance_size) for i in glance_indices])
    candidates = np.stack([decoded.frames[int(i)] for i in candidate_indices])
    resize_ms = decoded.transform_ms + 1e3 * (time.perf_counter() - started)
    return Clip(
        glance,
        candidates,
        glance_indices,
        candidate_indices,
        decoded.frame_count,
        decoded.fps,
        decoded.decode_ms,
        resize_ms,
        tuple(decoded.warnings),
    )


def clip_windows(path: str | Path, geometry: Geometry, count: int) -> list[Clip]:
    """Cut ``count`` clips out of one video: the whole of it first, then half-length windows spread over it.

    Raises:
        VideoError: not a video, or no frame of it can be decoded.
    """
    whole = read_clip(path, geometry)
    half = max(1, whole.frame_count // 2)
    starts = [round(i * (whole.frame_count - half) / max(1, count - 2)) for i in range(count - 1)]
    return [whole, *(read_clip(path, geometry, (start, start + half)) for start in starts)][:count]


def sample_video(path: str | Path, count: int, transform: Transform) -> NDArray[np.uint8]:
    """``count`` frames spread evenly over a video, each ``(H, W, 3)`` uint8 RGB before ``transform``, stacked.

    Raises:
        VideoError: not a video, or no frame of it can be decoded.
    """
    decoded = read_frames(
        path,
        lambda total: uniform_indices(total, count),
        lambda frame: transform(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)),
    )
    return np.stack([decoded.frames[int(i)] for i in uniform_indices(decoded.frame_count, count)])
