"""One clip of a video: the glance frames and the candidate frames, resized at most once, and nothing else decoded."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from adafocus.edge.bundle.manifest import Geometry
from adafocus.edge.sources.decoders.choice import Decoder
from adafocus.edge.sources.source import FALLBACK_FPS, Frame
from adafocus.edge.stopwatch import Stopwatch
from adafocus.edge.video.cheap_frames import FrameCosts, cheap_frames, nearest_decoded
from adafocus.edge.video.kept_frames import Candidates, fit_bgr, kept_frames
from adafocus.edge.video.pixels import bgr_pixels
from adafocus.edge.video.preprocess import fit_frame
from adafocus.edge.video.reader import attempts
from adafocus.edge.video.timeline import frames_at
from adafocus.errors import SourceError

# moments are quotients of floats: the frame that begins at one is the one that is meant
HAIR_S = 1e-6
Transform = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


@dataclass(frozen=True)
class Clip:
    """What the recognizer needs of one video.

    Attributes:
        glance: ``(T_G, S, S, 3)`` uint8 RGB.
        candidates: N frames, uint8 RGB: ``(F, F, 3)``, most of which are resized when they are first looked at, or
            ``(H, W, 3)`` as decoded where boxes lie in the whole frame.
        glance_indices: ``(T_G,)`` frame numbers in the video, counted from 0.
        candidate_indices: ``(N,)`` likewise.
        frame_count: frames that can be decoded.
        fps: frames per second.
        decode_ms: time spent on opening and decoding the video.
        resize_ms: time spent on keeping frames, and on resizing those that the glance needs.
        warnings: sentences on what is wrong with the file.
        glance_names: ``(T_G,)`` numbers that name the glance frames among all clips of one stream, so that a frame is
            known when it comes again; None where clips share no frames.
        varying_s: ``(frame_count + 1,)`` when each frame appears, and when the last one goes; None where the rate is
            constant.
    """

    glance: NDArray[np.uint8]
    candidates: Candidates
    glance_indices: NDArray[np.int64]
    candidate_indices: NDArray[np.int64]
    frame_count: int
    fps: float
    decode_ms: float = 0.0
    resize_ms: float = 0.0
    warnings: tuple[str, ...] = ()
    glance_names: tuple[int, ...] | None = None
    varying_s: NDArray[np.float64] | None = None

    def moment_s(self, number: int) -> float:
        """Return when a frame is shown, in seconds from the first one."""
        return number / self.fps if self.varying_s is None else float(self.varying_s[number])


def read_frames(address: str | Path, indices: ArrayLike) -> dict[int, NDArray[np.uint8]]:
    """Decode frames of a video file, a folder of pictures or a .npy file.

    Args:
        address: of a source with an end.
        indices: frame numbers, counted from 0, in any order, with or without repeats.

    Returns:
        ``(H, W, 3)`` uint8 BGR by frame number.

    Raises:
        VideoError: not a video, or no frame of it can be decoded.
        SourceError: another source that cannot be read, or one without an end.
    """
    frames: dict[int, NDArray[np.uint8]] = {}
    for reader in attempts(address):
        frames = dict(reader.read(np.asarray(indices, np.int64)))
    return frames


def read_moments(
    address: str | Path, moments: Callable[[float, float], ArrayLike]
) -> tuple[list[NDArray[np.uint8]], float]:
    """Decode the frames that a viewer sees at some moments.

    Args:
        address: of a source with an end.
        moments: makes seconds from the first frame, in any order, of the length in seconds and the frames per second.

    Returns:
        ``(H, W, 3)`` uint8 BGR for each moment, and the frames per second. Beyond the ends stand the first and the last
        frame.

    Raises:
        VideoError: not a video, or no frame of it can be decoded.
        SourceError: another source that cannot be read, or one without an end.
    """
    frames: dict[int, NDArray[np.uint8]] = {}
    numbers, fps = np.empty(0, np.int64), FALLBACK_FPS
    for reader in attempts(address):
        fps, edges_s = reader.fps, reader.varying_s
        if edges_s is None:
            edges_s = np.arange(reader.frame_count + 1) / fps
        asked = np.asarray(moments(float(edges_s[-1]), fps)) + HAIR_S
        numbers = np.clip(np.searchsorted(edges_s, asked, "right") - 1, 0, reader.frame_count - 1)
        frames = dict(reader.read(np.unique(numbers)))
    return [frames[number] for number in numbers.tolist()], fps


class ClipBuilder:
    """Chooses the frames of a clip, takes them one by one, and makes the clip.

    Attributes:
        indices: frame numbers of the glance, then of the candidates, each spread evenly.
        kept: takes each of them.
    """

    def __init__(
        self,
        geometry: Geometry,
        window: tuple[int, int] | None,
        frame_count: int,
        varying_s: NDArray[np.float64] | None = None,
        costs: FrameCosts | None = None,
    ) -> None:
        """Choose the frames, out of a whole video of ``frame_count`` or of a window of it, and make room for them.

        ``varying_s`` says when each frame appears, as :class:`adafocus.edge.video.reader.VideoReader` has it. With
        ``costs`` frames give way to others that are near and cheaper to decode.

        Raises:
            SourceError: a window without a frame.
        """
        self._frame_count, self._varying_s = frame_count, varying_s
        first, last = window or (0, frame_count)
        if not 0 <= first < min(last, frame_count):
            raise SourceError(
                f"The window is from frame {first} to {last} of {frame_count}, expected one that begins in the video "
                "and ends after its beginning."
            )
        last = min(last, frame_count)
        self._glance_indices = frames_at(first, last, geometry.glance_frames, varying_s)
        self._candidate_indices = frames_at(first, last, geometry.candidate_frames, varying_s)
        if costs is not None:
            self._candidate_indices = cheap_frames(self._candidate_indices, first, last, costs)
            self._glance_indices = nearest_decoded(self._glance_indices, self._candidate_indices, costs)
        self.indices = np.concatenate([self._glance_indices, self._candidate_indices])
        self.kept = kept_frames(geometry, self._glance_indices.tolist(), self._candidate_indices.tolist())

    def build(self, fps: float, watch: Stopwatch, warnings: Sequence[str] = ()) -> Clip:
        """Make the clip when all its frames are kept; ``watch`` tells the time of ``decode`` and ``resize``."""
        glance, candidates = self.kept.glance(), self.kept.candidates()
        watch.lap("resize")
        spent = watch.spent_ms
        return Clip(
            glance,
            candidates,
            self._glance_indices,
            self._candidate_indices,
            self._frame_count,
            fps,
            spent.get("decode", 0.0),
            spent["resize"],
            tuple(warnings),
            varying_s=self._varying_s,
        )


def read_clip(
    address: str | Path,
    geometry: Geometry,
    window: tuple[int, int] | None = None,
    *,
    packets: bool = True,
    decoder: Decoder | None = None,
    cheap: bool = False,
    one_thread: bool = False,
) -> Clip:
    """Sample a video as the bundle's geometry asks: glance and candidate frames, each spread evenly over its time.

    Args:
        address: a video file, a folder of pictures or a .npy file.
        geometry: of the bundle.
        window: first frame and the one after the last, where only a part of the video is meant.
        packets: decode only what the frames need, where PyAV is installed; the frames are the same either way.
        decoder: in hardware, which reads in order; None: software.
        cheap: let frames give way to others of their part of the video that are cheaper to decode (H.264 and HEVC in
            MP4, MOV and Matroska); the glance sees frames that are decoded anyway.
        one_thread: decode by packets in one thread, which takes longer, and less of the processor's time.

    Raises:
        VideoError: not a video, or no frame of it can be decoded.
        SourceError: another source that cannot be read, one without an end, or a window without a frame.

    Example:
        >>> from adafocus import Bundle
        >>> clip = read_clip("video.mp4", Bundle.open("bundle").manifest.geometry)
        >>> clip.glance.shape, len(clip.candidates)
        ((4, 128, 128, 3), 24)
    """
    watch = Stopwatch()
    for reader in attempts(address, packets, decoder, one_thread):
        costs = reader.costs if cheap else None
        builder = ClipBuilder(geometry, window, reader.frame_count, reader.varying_s, costs)
        for number, pixels in reader.read(builder.indices):
            watch.lap("decode")
            builder.kept.keep(number, pixels)
            watch.lap("resize")
        watch.lap("decode")
    return builder.build(reader.fps, watch, reader.warnings)


def clip_from_frames(
    frames: Sequence[Frame], geometry: Geometry, window: tuple[int, int] | None = None, fps: float | None = None
) -> Clip:
    """Sample frames that are in memory, such as a recording of a camera, as :func:`read_clip` samples a file.

    Where every frame has the camera's second, smaller picture, and that is large enough, the glance is made of it.

    Args:
        frames: in order; their place in the sequence counts, not their ``number``. They are not copied: their pixels
            must stay as they are until the clip has been recognized. Pixels are uint8: BGR, or grey and BGRA, which are
            converted.
        geometry: of the bundle.
        window: first frame and the one after the last, where only a part is meant.
        fps: frames per second; None: from the timestamps.

    Raises:
        SourceError: there are no frames, they are bare arrays, their pixels are of another type or shape, their
            moments or the rate are no numbers, or the window has no frame.
    """
    _check_frames(frames)
    rate = _rate(frames, fps)
    watch = Stopwatch()
    builder = ClipBuilder(geometry, window, len(frames))
    for number in sorted(set(builder.indices.tolist())):
        builder.kept.hold(number, bgr_pixels(frames[number].pixels, f"Frame {number}"))
    clip = builder.build(rate, watch)
    small = [glance_of_small(frames[number], geometry) for number in clip.glance_indices.tolist()]
    found = [picture for picture in small if picture is not None]
    return replace(clip, glance=np.stack(found)) if len(found) == len(small) else clip


def _check_frames(frames: Sequence[Frame]) -> None:
    """Refuse what is no sequence of frames. Bare arrays do not say whether their colors are RGB or BGR."""
    found = f"an object of the type {type(frames).__name__}"
    if isinstance(frames, Sequence):
        if not frames:
            raise SourceError("There are no frames to make a clip of, expected at least one.")
        strange = [frame for frame in frames if not isinstance(frame, Frame)]
        if not strange:
            return
        found = f"a {type(frames).__name__} that holds an object of the type {type(strange[0]).__name__}"
    raise SourceError(
        f"Found {found}, expected a list of frames. Make them of arrays whose colors are blue, green, red: "
        "from adafocus.edge.sources import Frame; frames = [Frame(pixels, number, number / 25, 'camera') for number, "
        "pixels in enumerate(arrays)]"
    )


def _rate(frames: Sequence[Frame], fps: float | None) -> float:
    """Return frames per second: as given, or from the moments of the first and the last frame."""
    wrong = [frame for frame in (frames[0], frames[-1]) if not _is_number(frame.timestamp_s)]
    if wrong:
        raise SourceError(
            f"Frame {wrong[0].number} has the timestamp {wrong[0].timestamp_s!r}, expected seconds, a finite number."
        )
    if fps is not None:
        if not _is_number(fps) or fps <= 0:
            raise SourceError(f"fps is {fps!r}, expected frames per second, a number above 0, or None.")
        return float(fps)
    length_s = float(frames[-1].timestamp_s) - float(frames[0].timestamp_s)
    return (len(frames) - 1) / length_s if length_s > 0 else FALLBACK_FPS


def _is_number(value: object) -> bool:
    """Return whether this is a finite number that a float can hold."""
    try:
        return isinstance(value, Real) and math.isfinite(value)
    except OverflowError:
        return False


def glance_of_small(frame: Frame, geometry: Geometry) -> NDArray[np.uint8] | None:
    """Make a glance frame from a camera's second picture: the field of view that the glance has of the first.

    Returns:
        ``(S, S, 3)`` uint8 RGB, or None where there is no second picture, or it would have to be enlarged.
    """
    if frame.small is None:
        return None
    small = bgr_pixels(frame.small, f"The second picture of frame {frame.number}")
    size, short_side = geometry.glance_size, round(geometry.short_side * geometry.glance_size / geometry.frame_size)
    least, longest = min(small.shape[:2]), max(small.shape[:2])
    fits = {"square": least >= short_side, "squeezed": least >= size, "padded": longest >= size}
    if not fits[geometry.glance_fit]:
        return None
    if geometry.boxes_in == "square":
        return cv2.cvtColor(fit_frame(small, size, short_side), cv2.COLOR_BGR2RGB)
    picture = np.empty((size, size, 3), np.uint8)
    fit_bgr(small, geometry, picture)
    return picture


def clip_windows(path: str | Path, geometry: Geometry, count: int) -> list[Clip]:
    """Cut ``count`` clips out of one video: the whole of it first, then windows of half its time spread over it.

    Raises:
        VideoError: not a video, or no frame of it can be decoded.
    """
    whole = read_clip(path, geometry)
    shares = [i / max(1, count - 2) for i in range(count - 1)]
    if whole.varying_s is None:
        half = max(1, whole.frame_count // 2)
        starts = [round(share * (whole.frame_count - half)) for share in shares]
        windows = [(start, start + half) for start in starts]
    else:
        edges_s, half_s = whole.varying_s, float(whole.varying_s[-1]) / 2
        starts_s = half_s * np.asarray(shares)
        # the frame that is shown when the window begins, and the one that appears when it ends or after that
        first = np.searchsorted(edges_s[:-1], starts_s + HAIR_S, "right") - 1
        last = np.searchsorted(edges_s, starts_s + half_s - HAIR_S, "left")
        windows = list(zip(first.tolist(), last.tolist(), strict=True))
    return [whole, *(read_clip(path, geometry, window) for window in windows)][:count]


def sample_video(path: str | Path, count: int, transform: Transform) -> NDArray[np.uint8]:
    """Stack ``count`` frames spread evenly over a video, each ``(H, W, 3)`` uint8 RGB before ``transform``.

    Raises:
        VideoError: not a video, or no frame of it can be decoded.
    """
    frames: dict[int, NDArray[np.uint8]] = {}
    for reader in attempts(path):
        indices = frames_at(0, reader.frame_count, count, reader.varying_s)
        frames = {n: transform(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)) for n, pixels in reader.read(indices)}
    return np.stack([frames[number] for number in indices.tolist()])
