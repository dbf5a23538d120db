"""Frames of a video by their numbers: one protocol, read in order or by decoding only what they need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.sources import is_video_file, open_finite
from adafocus.edge.video.selective_decoder import open_selective
from adafocus.errors import VideoError

Pixels = NDArray[np.uint8]


class VideoReader(Protocol):
    """Frames of one video by their numbers, counted from 0.

    Attributes:
        frame_count: frames of the video, as far as is known before they are read.
        fps: frames per second.
        complete: whether the last reading gave all frames that were asked for.
        warnings: sentences on what is wrong with the file.
    """

    frame_count: int
    fps: float
    complete: bool
    warnings: list[str]

    def read(self, indices: NDArray[np.int64]) -> Iterator[tuple[int, Pixels]]:
        """Decode frames.

        Args:
            indices: the frames wanted, in any order, with or without repeats.

        Yields:
            The number of each wanted frame and its ``(H, W, 3)`` uint8 BGR, in memory that nobody writes to again.
            Where a number comes twice, the later one counts. It ends early where ``complete`` stays False.
        """
        ...


def attempts(address: str | Path, packets: bool = True) -> Iterator[VideoReader]:
    """Give readers of one video until one was complete; what was read from the last one counts.

    A header may state another number of frames than there are, and damage is seen only while decoding. So the frames
    are chosen anew for each reader::

        for reader in attempts("clip.mp4"):
            frames = dict(reader.read(uniform_indices(reader.frame_count, 8)))

    Args:
        address: of a source with an end.
        packets: decode only what the frames need, where PyAV is installed.

    Raises:
        VideoError: not a video, or no frame of it can be decoded.
        SourceError: another source that cannot be read, or one without an end.
    """
    if packets and is_video_file(address):
        with open_selective(address) as decoder:
            if decoder is not None:
                yield decoder
                if decoder.complete:
                    return
    ordered = OrderedReader(address)
    while not ordered.complete:
        yield ordered


class OrderedReader:
    """Reads any source that has an end in order, up to the last frame wanted. A :class:`VideoReader`."""

    def __init__(self, address: str | Path) -> None:
        """Ask the source how many frames it has; count them where it does not say.

        Raises:
            VideoError: not a video, or one without frames.
            SourceError: another source that cannot be read, or one without an end.
        """
        self.complete = self._damaged = False
        self.warnings: list[str] = []
        self._address = address
        with closing(open_finite(address)) as source:
            stated, self.fps = source.stated_frames, source.fps
        self.frame_count = stated or self._count()

    def read(self, indices: NDArray[np.int64]) -> Iterator[tuple[int, Pixels]]:
        """Decode frames; the nearest one stands in for each that is damaged.

        Where the source ends earlier than it states, this ends early with ``frame_count`` corrected.

        Raises:
            VideoError: no frame can be decoded.
        """
        wanted = sorted(set(indices.tolist()))
        stated, self._damaged = self.frame_count, False
        first, alike = None, len(wanted) > 1
        for number, pixels in fill_gaps(self._grabbed(wanted)):
            first = pixels if first is None else first
            alike = alike and np.array_equal(first, pixels)
            yield number, pixels
        if self.frame_count != stated:
            return
        if first is None:
            raise VideoError(
                f"No frame of {self._address} can be decoded, expected at least one. The file may be damaged."
            )
        if self._damaged:
            self.warnings.append("Some frames are damaged; their nearest neighbours stand in for them.")
        if alike and is_video_file(self._address):
            yield from self._look_again(Path(self._address), wanted)
        self.complete = True

    def _grabbed(self, wanted: list[int]) -> Iterator[tuple[int, Pixels | None]]:
        """Go through the source once; a wanted frame that cannot be decoded is None."""
        numbers = set(wanted)
        with closing(open_finite(self._address)) as source:
            for number in range(wanted[-1] + 1):
                if not source.grab():
                    break
                if number in numbers:
                    frame = source.retrieve()
                    self._damaged |= frame is None
                    yield number, None if frame is None else frame.pixels
            else:
                return
        if 0 < number < self.frame_count:
            self.warnings.append(
                f"{Path(self._address).name}: the header states {self.frame_count} frames, but only {number} can be "
                "decoded; the answer rests on those."
            )
            self.frame_count = number
            return
        self._damaged = True
        yield from ((beyond, None) for beyond in wanted if beyond >= number)

    def _look_again(self, path: Path, wanted: list[int]) -> Iterator[tuple[int, Pixels]]:
        """Read frames that are all the same once more with PyAV if they are interlaced.

        OpenCV (4.13 and 5.0) fails to convert interlaced frames, says that all is well, and gives the same memory again
        and again, whatever is in it.
        """
        interlaced = is_interlaced(path)
        if interlaced is False:
            return
        left = set(wanted)
        for number, pixels in read_interlaced(path, wanted) if interlaced else ():
            left.remove(number)
            yield number, pixels
        if left:
            self.warnings.append(
                f"{path.name}: all frames are the same. If it moves, it is interlaced video, which this OpenCV cannot "
                f"convert. Then either: pip install av, or: ffmpeg -i {path.name} -vf yadif -c:v libx264 out.mp4"
            )

    def _count(self) -> int:
        count = 0
        with closing(open_finite(self._address)) as source:
            while source.grab():
                count += 1
        if count == 0:
            raise VideoError(f"{self._address} has no frames, expected at least one. Record or convert it again.")
        return count


def fill_gaps(frames: Iterable[tuple[int, Pixels | None]]) -> Iterator[tuple[int, Pixels]]:
    """Let the nearest frame stand in for each that is None; of two that are equally near, the earlier one.

    Args:
        frames: numbers, increasing, with their pixels.

    Yields:
        The same numbers, each with pixels; none at all where all are None.
    """
    gaps: list[int] = []
    before: tuple[int, Pixels] | None = None
    for number, pixels in frames:
        if pixels is None:
            gaps.append(number)
            continue
        for gap in gaps:
            yield gap, before[1] if before is not None and gap - before[0] <= number - gap else pixels
        yield number, pixels
        gaps, before = [], (number, pixels)
    if before is not None:
        yield from ((gap, before[1]) for gap in gaps)


def is_interlaced(path: Path) -> bool | None:
    """Tell whether the first frame of a video is interlaced; None where PyAV is not installed or cannot tell."""
    try:
        av = import_module("av")
        with av.open(str(path)) as container:
            return bool(next(container.decode(video=0)).interlaced_frame)
    except (ImportError, StopIteration, ValueError, OSError, IndexError):
        return None


def read_interlaced(path: Path, wanted: list[int]) -> Iterator[tuple[int, Pixels]]:
    """Read wanted frames of an interlaced video in order with PyAV; it ends early where the file is damaged."""
    av = import_module("av")
    try:
        with av.open(str(path)) as container:
            for number, frame in zip(range(wanted[-1] + 1), container.decode(video=0), strict=False):
                if number in wanted:
                    yield number, frame.to_ndarray(format="bgr24")
    except (ValueError, OSError):
        return
