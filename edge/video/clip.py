"""One clip of a video: the glance frames and the candidate frames, resized at most once, and nothing else decoded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from adafocus.edge.bundle.manifest import Geometry
from adafocus.edge.sources.source import FALLBACK_FPS, Frame
from adafocus.edge.stopwatch import Stopwatch
from adafocus.edge.video.pixels import bgr_pixels
from adafocus.edge.video.preprocess import fit_frame, resize_square
from adafocus.edge.video.reader import attempts
from adafocus.edge.video.timeline import frames_at
from adafocus.errors import SourceError

Transform = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]

# what the frames of a clip may take as they were decoded; larger ones are resized at once
MAX_WAITING_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Clip:
    """What the recognizer needs of one video.

    Attributes:
        glance: ``(T_G, S, S, 3)`` uint8 RGB.
        candidates: N frames, ``(F, F, 3)`` uint8 RGB, most of which are resized when they are first looked at.
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


class ClipBuilder:
    """Puts frames where a clip has them: one block of memory, those of the glance first, so that none is moved again.

    Frames wait as they were decoded until somebody looks at them.

    Attributes:
        indices: frame numbers of the glance, then of the candidates, each spread evenly.
    """

    def __init__(
        self,
        geometry: Geometry,
        window: tuple[int, int] | None,
        frame_count: int,
        varying_s: NDArray[np.float64] | None = None,
    ) -> None:
        """Choose the frames, out of a whole video of ``frame_count`` or of a window of it, and make room for them.

        ``varying_s`` says when each frame appears, as :class:`adafocus.edge.video.reader.VideoReader` has it.
        """
        self._geometry, self._frame_count, self._varying_s = geometry, frame_count, varying_s
        first, last = window or (0, frame_count)
        last = max(first + 1, min(last, frame_count))
        edges_s = None if last > frame_count else varying_s
        self._glance_indices = frames_at(first, last, geometry.glance_frames, edges_s)
        self._candidate_indices = frames_at(first, last, geometry.candidate_frames, edges_s)
        self.indices = np.concatenate([self._glance_indices, self._candidate_indices])
        self._places = {number: place for place, number in enumerate(dict.fromkeys(self.indices.tolist()))}
        self._block = np.empty((len(self._places), geometry.frame_size, geometry.frame_size, 3), np.uint8)
        self._waiting: dict[int, NDArray[np.uint8]] = {}
        self._making = threading.Lock()

    def keep(self, number: int, pixels: NDArray[np.uint8]) -> None:
        """Keep a frame, ``(H, W, 3)`` uint8 BGR, in memory that nobody writes to again; large ones are resized."""
        if pixels.nbytes * len(self._places) > MAX_WAITING_BYTES:
            self._put(self._places[number], pixels)
        else:
            self.hold(number, pixels)

    def hold(self, number: int, pixels: NDArray[np.uint8]) -> None:
        """Keep a frame as it is, however large, because its memory is taken anyway."""
        self._waiting[self._places[number]] = pixels

    def build(self, fps: float, watch: Stopwatch, warnings: Sequence[str] = ()) -> Clip:
        """Make the clip when all its frames are kept; ``watch`` tells the time of ``decode`` and ``resize``."""
        glance = self._glance()
        places = [self._places[number] for number in self._candidate_indices.tolist()]
        candidates = Candidates(self._block, places, self._make)
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

    def _glance(self) -> NDArray[np.uint8]:
        """Resize the glance frames, ``(T_G, S, S, 3)`` uint8 RGB."""
        size, numbers = self._geometry.glance_size, self._glance_indices.tolist()
        frames = [self._frame(number) for number in numbers]
        if size == self._geometry.frame_size and len(set(numbers)) == len(numbers):
            return self._block[: len(numbers)]
        pictures = np.empty((len(numbers), size, size, 3), np.uint8)
        for frame, picture in zip(frames, pictures, strict=True):
            resize_square(frame, size, picture)
        return pictures

    def _frame(self, number: int) -> NDArray[np.uint8]:
        self._make(self._places[number])
        return self._block[self._places[number]]

    def _make(self, place: int) -> None:
        # recognizers in several threads may share a clip; a frame is left to nobody else before it is whole
        if place in self._waiting:
            with self._making:
                waiting = self._waiting.get(place)
                if waiting is not None:
                    self._put(place, waiting)
                    del self._waiting[place]

    def _put(self, place: int, pixels: NDArray[np.uint8]) -> None:
        frame = self._block[place]
        fit_frame(pixels, self._geometry.frame_size, self._geometry.short_side, frame)
        cv2.cvtColor(frame, cv2.COLOR_BGR2RGB, dst=frame)


def read_clip(
    address: str | Path, geometry: Geometry, window: tuple[int, int] | None = None, *, packets: bool = True
) -> Clip:
    """Sample a video as the bundle's geometry asks: glance and candidate frames, each spread evenly over its time.

    Args:
        address: a video file, a folder of pictures or a .npy file.
        geometry: of the bundle.
        window: first frame and the one after the last, where only a part of the video is meant.
        packets: decode only what the frames need, where PyAV is installed; the frames are the same either way.

    Raises:
        VideoError: not a video, or no frame of it can be decoded.
        SourceError: another source that cannot be read, or one without an end.

    Example:
        >>> from adafocus import Bundle
        >>> clip = read_clip("video.mp4", Bundle.open("bundle").manifest.geometry)
        >>> clip.glance.shape, len(clip.candidates)
        ((4, 128, 128, 3), 24)
    """
    watch = Stopwatch()
    for reader in attempts(address, packets):
        builder = ClipBuilder(geometry, window, reader.frame_count, reader.varying_s)
        for number, pixels in reader.read(builder.indices):
            watch.lap("decode")
            builder.keep(number, pixels)
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
        SourceError: there are no frames, they are bare arrays, or their pixels are of another type or shape.
    """
    _check_frames(frames)
    watch = Stopwatch()
    builder = ClipBuilder(geometry, window, len(frames))
    for number in sorted(set(builder.indices.tolist())):
        builder.hold(number, bgr_pixels(frames[number].pixels, f"Frame {number}"))
    length_s = frames[-1].timestamp_s - frames[0].timestamp_s
    rate = fps or ((len(frames) - 1) / length_s if length_s > 0 else FALLBACK_FPS)
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


def glance_of_small(frame: Frame, geometry: Geometry) -> NDArray[np.uint8] | None:
    """Make a glance frame from a camera's second picture: the field of view that the glance has of the first.

    Returns:
        ``(S, S, 3)`` uint8 RGB, or None where there is no second picture, or it would have to be enlarged.
    """
    if frame.small is None:
        return None
    small = bgr_pixels(frame.small, f"The second picture of frame {frame.number}")
    size, short_side = geometry.glance_size, round(geometry.short_side * geometry.glance_size / geometry.frame_size)
    if min(small.shape[:2]) < short_side:
        return None
    return cv2.cvtColor(fit_frame(small, size, short_side), cv2.COLOR_BGR2RGB)


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
    """Stack ``count`` frames spread evenly over a video, each ``(H, W, 3)`` uint8 RGB before ``transform``.

    Raises:
        VideoError: not a video, or no frame of it can be decoded.
    """
    frames: dict[int, NDArray[np.uint8]] = {}
    for reader in attempts(path):
        indices = frames_at(0, reader.frame_count, count, reader.varying_s)
        frames = {n: transform(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)) for n, pixels in reader.read(indices)}
    return np.stack([frames[number] for number in indices.tolist()])


class Candidates:
    """The candidate frames of a clip: a sequence of N frames, ``(F, F, 3)`` uint8 RGB.

    The focus looks at a few of them, and a clip that stops at the glance needs none; to resize all would be in vain.
    ``np.asarray`` makes and gives all of them, ``(N, F, F, 3)``.
    """

    def __init__(
        self,
        frames: NDArray[np.uint8],
        places: Sequence[int] | None = None,
        make: Callable[[int], None] | None = None,
    ) -> None:
        """Show frames that are in memory already.

        Args:
            frames: ``(n, F, F, 3)`` uint8 RGB.
            places: ``(N,)`` where each candidate stands in it; None: N = n, in order.
            make: sees to it that the frame at a place is there; None: all are.
        """
        self._frames, self._make = frames, make
        self._places = range(len(frames)) if places is None else places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        place = self._places[index]
        if self._make is not None:
            self._make(place)
        return self._frames[place]

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return (self[index] for index in range(len(self)))

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[np.generic]:
        for _ in self:
            pass
        places = list(self._places)
        in_order = places == list(range(len(places)))
        frames = self._frames[: len(places)] if in_order else self._frames[places]
        # numpy 1 knows no copy=None
        return np.array(frames, dtype) if copy else np.asarray(frames, dtype)
