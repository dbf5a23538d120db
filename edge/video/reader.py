"""Frames of a video by their numbers: one protocol, read in order or by decoding only what they need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.sources import FiniteSource, is_video_file, open_finite
from adafocus.edge.sources.decoders.choice import Decoder
from adafocus.edge.sources.pyav_file import pyav_installed
from adafocus.edge.video.cheap_frames import FrameCosts
from adafocus.edge.video.selective_decoder import open_selective
from adafocus.edge.video.timeline import Timeline, lost_frames, read_timeline, timeline_of
from adafocus.errors import VideoError, shell_word

Pixels = NDArray[np.uint8]


class VideoReader(Protocol):
    """Frames of one video by their numbers, counted from 0.

    Attributes:
        frame_count: frames of the video, as far as is known before they are read.
        varying_s: ``(frame_count + 1,)`` when each frame appears, and when the last one goes, in seconds from 0; None
            where the rate is constant, or not known.
        fps: frames per second.
        complete: whether the last reading gave all frames that were asked for.
        warnings: sentences on what is wrong with the file.
    """

    frame_count: int
    varying_s: NDArray[np.float64] | None
    fps: float
    complete: bool
    warnings: list[str]

    @property
    def costs(self) -> FrameCosts | None:
        """What decoding each frame needs; None where that is not known."""
        ...

    def read(self, indices: NDArray[np.int64]) -> Iterator[tuple[int, Pixels]]:
        """Decode frames.

        Args:
            indices: the frames wanted, in any order, with or without repeats.

        Yields:
            The number of each wanted frame and its ``(H, W, 3)`` uint8 BGR, in memory that nobody writes to again.
            Where a number comes twice, the later one counts. It ends early where ``complete`` stays False.
        """
        ...


def attempts(
    address: str | Path, packets: bool = True, decoder: Decoder | None = None, one_thread: bool = False
) -> Iterator[VideoReader]:
    """Give readers of one video until one was complete; what was read from the last one counts.

    A header may state another number of frames than there are, and damage is seen only while decoding. So the frames
    are chosen anew for each reader::

        for reader in attempts("clip.mp4"):
            frames = dict(reader.read(uniform_indices(reader.frame_count, 8)))

    Args:
        address: of a source with an end.
        packets: decode only what the frames need, where PyAV is installed.
        decoder: in hardware, which reads in order; None: software.
        one_thread: decode by packets in one thread, which takes longer, and less of the processor's time.

    Raises:
        VideoError: not a video, or no frame of it can be decoded.
        SourceError: another source that cannot be read, or one without an end.
    """
    in_hardware = None
    if decoder is not None and is_video_file(address):
        in_hardware = decoder.open_file(address, lambda: open_finite(address))
    if packets and in_hardware is None and is_video_file(address):
        with open_selective(address, one_thread) as decoder:
            if decoder is not None:
                yield decoder
                if decoder.complete:
                    return
    try:
        ordered = OrderedReader(address, in_hardware)
    except BaseException:
        if in_hardware is not None:
            in_hardware.close()
        raise
    while not ordered.complete:
        yield ordered


class OrderedReader:
    """Reads any source that has an end in order, up to the last frame wanted. A :class:`VideoReader`."""

    # all of it is decoded anyway
    costs = None

    def __init__(self, address: str | Path, opened: FiniteSource | None = None) -> None:
        """Ask the source how many frames it has; count them where it does not say.

        Args:
            address: of a source with an end.
            opened: the same source, to be read the first time; None: it is opened.

        Raises:
            VideoError: not a video, or one without frames.
            SourceError: another source that cannot be read, or one without an end.
        """
        self.complete = self._damaged = False
        self.warnings: list[str] = []
        self._address, self._opened = address, opened
        with closing(open_finite(address)) as source:
            stated, self.fps = source.stated_frames, source.fps
        self._timeline = read_timeline(address) if is_video_file(address) else None
        self.varying_s: NDArray[np.float64] | None = None
        if self._timeline is None:
            self.frame_count = stated or self._count()
        else:
            self._follow(self._timeline)

    def _follow(self, timeline: Timeline) -> None:
        self.frame_count, self.varying_s = timeline.frame_count, timeline.varying_s
        self.fps = timeline.rate(self.fps)

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
        if self._timeline is not None and self._timeline.short:
            self.warnings.append(f"{Path(self._address).name}: {self._timeline.short}")
        if self._damaged:
            self.warnings.append("Some frames are damaged; their nearest neighbours stand in for them.")
        # with PyAV interlaced files never come as far as OpenCV
        if alike and is_video_file(self._address) and not pyav_installed():
            name = Path(self._address).name
            self.warnings.append(
                f"{name}: all frames are the same. If it moves, it is interlaced video, which this OpenCV cannot "
                "convert. Then either: pip install av, or: "
                f"ffmpeg -i {shell_word(self._address)} -vf yadif -c:v libx264 out.mp4"
            )
        self.complete = True

    def _grabbed(self, wanted: list[int]) -> Iterator[tuple[int, Pixels | None]]:
        """Go through the source once; a wanted frame that cannot be decoded is None."""
        numbers = set(wanted)
        times_s: list[float] = []
        opened, self._opened = self._opened, None
        with closing(opened or open_finite(self._address)) as source:
            for number in range(wanted[-1] + 1):
                if not source.grab():
                    break
                times_s.append(source.timestamp_s)
                if number in numbers:
                    frame = source.retrieve()
                    self._damaged |= frame is None
                    yield number, None if frame is None else frame.pixels
            else:
                return
        if 0 < number < self.frame_count:
            self._correct(times_s)
            return
        self._damaged = True
        yield from ((beyond, None) for beyond in wanted if beyond >= number)

    def _correct(self, times_s: list[float]) -> None:
        """Believe what was decoded rather than what was stated, and warn of frames that are missing."""
        stated, count = self.frame_count, len(times_s)
        lost = stated - count if self._timeline is None else lost_frames(self._timeline, times_s)
        if lost:
            self.warnings.append(
                f"{Path(self._address).name}: the header states {stated} frames, but only {count} can be decoded; the "
                "answer rests on those."
            )
        self.frame_count = count
        if self._timeline is not None:
            self._timeline = replace(timeline_of(times_s), short="" if lost else self._timeline.short)
            self._follow(self._timeline)

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
