"""Reading chosen frames of a video by its packets: only what those frames need is decoded.

PyAV lists the packets of the file first, which costs next to nothing; that list says which packet holds which frame
and where decoding may begin. Then only the stretches that lead to a wanted frame are decoded, and within them frames
that no other frame refers to are skipped (H.264). The frames are the same bytes as those that are read in order through
OpenCV: whatever is not known to be exact is declined, and is read in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.sources.pyav_file import failures, main_stream, open_container, pixel_aspect, shown
from adafocus.edge.video.cheap_frames import FrameCosts
from adafocus.edge.video.timeline import Packets

# packet lists that fit are held in memory, longer files are gone through twice
HELD_BYTES = 64 * 2**20
# smaller pictures are decoded in one thread: handing them to several costs more than it gains
ONE_THREAD_PX = 640 * 360
CONTAINERS = ("mov,mp4", "matroska")
# PyAV's and OpenCV's conversion to BGR were compared for these
PIXELS = frozenset({"yuv420p", "yuvj420p"})
# NAL unit types at which decoding may begin without anything that came before
H264_IDR = frozenset({5})
H264_SLICES = frozenset({1, 2, 5})
HEVC_IDR = frozenset({19, 20})


class Declined(Exception):
    """This file is to be read in order."""


@dataclass
class Stretch:
    """Packets from one at which decoding may begin, to the last one that is needed of those that follow it."""

    first: int
    last: int


@dataclass
class Index:
    """The packets of a file in decoding order.

    Attributes:
        pts: presentation time of each, in the stream's unit.
        entries: positions at which decoding may begin.
        held: the packets themselves, where they are few enough.
    """

    pts: list[int] = field(default_factory=list)
    entries: list[int] = field(default_factory=list)
    held: list[Any] | None = field(default_factory=list)


class SelectiveDecoder:
    """Reads chosen frames of one opened file. A :class:`adafocus.edge.video.reader.VideoReader`.

    Where something turns out not to be exact, a reading ends early and ``complete`` stays False.
    """

    def __init__(self, av: Any, path: str | Path, container: Any, one_thread: bool = False) -> None:
        """List the packets.

        Args:
            av: PyAV.
            path: of the file; packets that are too many to hold are read from it again.
            container: the opened file.
            one_thread: decode in one thread, which takes longer, and less of the processor's time.

        Raises:
            Declined: the file is to be read in order.
        """
        self.complete = False
        self.warnings: list[str] = []
        self._av, self._path = av, path
        self._stream = _stream(container, one_thread)
        packets = Packets()
        self._index = _index(container, self._stream, packets)
        self._converter = av.video.reformatter.VideoReformatter()
        timeline = packets.timeline(container, self._stream)
        if timeline.short:
            raise Declined
        self.frame_count, self.varying_s = timeline.frame_count, timeline.varying_s
        self.fps = timeline.rate(float(self._stream.guessed_rate or 0))

    @property
    def costs(self) -> FrameCosts | None:
        """What decoding each frame needs; None where the times of the frames do not say which is which."""
        index, context = self._index, self._stream.codec_context
        order = np.argsort(np.array(index.pts), kind="stable")
        if len(set(index.pts)) != len(index.pts):
            return None
        entries, needed = np.zeros(len(order), bool), np.ones(len(order), bool)
        entries[index.entries] = True
        if context.name == "h264" and index.held is not None:
            length_bytes = _length_bytes(context.name, context.extradata)
            needed[:] = [_is_referred_to(memoryview(packet), length_bytes) for packet in index.held]
        return FrameCosts(order, entries[order], needed[order])

    def read(self, indices: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Decode frames, in the order of presentation or nearly so."""
        try:
            yield from self._decode(_by_time(self._index, indices))
        except _failures():
            return
        self.complete = True

    def _decode(self, wanted: dict[int, int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Decode frames by presentation time -> number."""
        context, index, left = self._stream.codec_context, self._index, dict(wanted)
        skips = context.name == "h264"
        mode = ""
        packets = self._numbered_packets()
        for stretch in _stretches(index, wanted):
            for position, packet in packets:
                if position < stretch.first:
                    continue
                if packet.pts != index.pts[position]:
                    raise Declined
                needed = "DEFAULT" if packet.pts in wanted or not skips else "NONREF"
                if needed != mode:
                    context.skip_frame = mode = needed
                yield from self._convert(context.decode(packet), left)
                if position == stretch.last:
                    break
            # what the decoder still holds back; then it begins anew
            yield from self._convert(context.decode(None), left)
            context.flush_buffers()
            if not left:
                return
        raise Declined

    def _convert(self, frames: Iterable[Any], left: dict[int, int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Convert decoded frames that are wanted, and take them off ``left``."""
        for frame in frames:
            # damage is handed on from frame to frame, so one that is not wanted counts too
            if frame.is_corrupt:
                raise Declined
            number = left.pop(frame.pts, None)
            if number is None:
                continue
            if frame.format.name not in PIXELS:
                raise Declined
            yield number, shown(frame, pixel_aspect(self._stream), self._converter)

    def _numbered_packets(self) -> Iterator[tuple[int, Any]]:
        if self._index.held is not None:
            yield from enumerate(self._index.held)
            return
        with open_container(self._path) as again:
            yield from enumerate(packet for packet in again.demux(main_stream(again)) if packet.size)


@contextmanager
def open_selective(path: str | Path, one_thread: bool = False) -> Iterator[SelectiveDecoder | None]:
    """Open a video file for as long as it is read.

    Args:
        path: of a file.
        one_thread: decode in one thread, which takes longer, and less of the processor's time.

    Yields:
        The decoder, or None where PyAV is not installed or the file is to be read in order.

    Raises:
        AdafocusError: the name of the file can be given to no library.
    """
    try:
        av = import_module("av")
    except ImportError:
        yield None
        return
    with ExitStack() as opened:
        try:
            decoder = SelectiveDecoder(av, path, opened.enter_context(open_container(path)), one_thread)
        except _failures():
            decoder = None
        yield decoder


def _failures() -> tuple[type[Exception], ...]:
    return Declined, *failures()


def _stream(container: Any, one_thread: bool) -> Any:
    stream = main_stream(container)
    if stream is None or not container.format.name.startswith(CONTAINERS):
        raise Declined
    context = stream.codec_context
    # a damaged header can name a codec that there is none of; the stream has no context then
    if context is None or context.name not in ("h264", "hevc") or not context.width or not stream.guessed_rate:
        raise Declined
    small = one_thread or context.width * context.height <= ONE_THREAD_PX
    stream.thread_type = "SLICE" if small else "AUTO"
    context.thread_count = 1 if small else 0
    # a decoder that conceals damage makes different pictures of it when frames are skipped
    context.options = {"err_detect": "explode"}
    return stream


def _index(container: Any, stream: Any, packets: Packets) -> Index:
    """List the packets, and their times in ``packets``; whatever is unusual about them is declined."""
    index = Index()
    context = stream.codec_context
    length_bytes = _length_bytes(context.name, context.extradata)
    kinds = H264_IDR if context.name == "h264" else HEVC_IDR
    newest, entry, held_bytes = -(2**63), 0, 0
    for packet in container.demux(stream):
        if not packet.size:
            continue
        pts = packet.pts
        if pts is None or packet.is_corrupt or packet.is_discard:
            raise Declined
        if packet.is_keyframe and _begins(bytes(packet), context.name, length_bytes, kinds):
            if pts <= newest:
                raise Declined
            index.entries.append(len(index.pts))
            entry = pts
        elif not index.entries or pts < entry:
            raise Declined
        newest = max(newest, pts)
        index.pts.append(pts)
        packets.add(packet)
        held_bytes += packet.size
        if index.held is not None:
            index.held.append(packet)
            if held_bytes > HELD_BYTES:
                index.held = None
    if not index.pts:
        raise Declined
    return index


def _length_bytes(codec: str, extradata: bytes | None) -> int:
    """Return how many bytes state the length of a NAL unit (ISO/IEC 14496-15: avcC byte 4, hvcC byte 21)."""
    place = 4 if codec == "h264" else 21
    if not extradata or len(extradata) <= place or extradata[0] != 1:
        raise Declined
    return (extradata[place] & 3) + 1


def _begins(data: bytes, codec: str, length_bytes: int, kinds: frozenset[int]) -> bool:
    """Tell whether the packet holds a slice of a picture that nothing after it looks back across."""
    place = 0
    while place + length_bytes < len(data):
        size = int.from_bytes(data[place : place + length_bytes], "big")
        head = data[place + length_bytes]
        if (head & 31 if codec == "h264" else head >> 1 & 63) in kinds:
            return True
        place += length_bytes + size
    return False


def _is_referred_to(data: memoryview, length_bytes: int) -> bool:
    """Tell whether other pictures refer to the one of an H.264 packet (``nal_ref_idc`` of its first slice)."""
    place = 0
    while place + length_bytes < len(data):
        head = data[place + length_bytes]
        if head & 31 in H264_SLICES:
            return bool(head >> 5 & 3)
        place += length_bytes + int.from_bytes(data[place : place + length_bytes], "big")
    return True


def _by_time(index: Index, numbers: NDArray[np.int64]) -> dict[int, int]:
    """Map presentation time -> frame number of the wanted frames."""
    ordered = sorted(index.pts)
    if len(set(ordered)) != len(ordered) or int(numbers.max()) >= len(ordered):
        raise Declined
    return {ordered[number]: number for number in sorted(set(numbers.tolist()))}


def _stretches(index: Index, wanted: dict[int, int]) -> list[Stretch]:
    """List what must be decoded: for every entry that leads to a wanted frame, up to the last of them."""
    stretches: list[Stretch] = []
    entries = np.array(index.entries)
    for position, pts in enumerate(index.pts):
        if pts in wanted:
            first = int(entries[np.searchsorted(entries, position, "right") - 1])
            if stretches and stretches[-1].first == first:
                stretches[-1].last = position
            else:
                stretches.append(Stretch(first, position))
    return stretches
