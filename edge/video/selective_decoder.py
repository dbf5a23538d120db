"""Reading chosen frames of a video by its packets: only what those frames need is decoded.

PyAV lists the packets of the file first, which costs next to nothing; that list says which packet holds which frame
and where decoding may begin. Then only the stretches that lead to a wanted frame are decoded, and within them frames
that no other frame refers to are skipped (H.264). The frames are the same bytes as those of the ordinary way through
OpenCV: whatever is not known to be exact is declined, and goes that way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Keep = Callable[[int, NDArray[np.uint8]], None]

# packet lists that fit are held in memory, longer files are gone through twice
HELD_BYTES = 64 * 2**20
# smaller pictures are decoded in one thread: handing them to several costs more than it gains
ONE_THREAD_PX = 640 * 360
CONTAINERS = ("mov,mp4", "matroska")
# PyAV's and OpenCV's conversion to BGR were compared for these
PIXELS = frozenset({"yuv420p", "yuvj420p"})
# NAL unit types at which decoding may begin without anything that came before
H264_IDR = frozenset({5})
HEVC_IDR = frozenset({19, 20})


class Declined(Exception):
    """This file is for the ordinary way."""


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


@dataclass(frozen=True)
class Reading:
    """How the reading went.

    Attributes:
        frame_count: frames of the video.
        fps: frames per second.
        decode_ms: time spent in the decoder.
        keep_ms: time spent in ``keep``.
    """

    frame_count: int
    fps: float
    decode_ms: float
    keep_ms: float


def read_chosen(
    path: str | Path, choose: Callable[[int], NDArray[np.int64]], keep: Keep, count: Callable[[], int]
) -> Reading | None:
    """Decode chosen frames.

    Args:
        path: a video file.
        choose: frame count -> the frame numbers wanted.
        keep: takes every wanted frame once, in the order of presentation or nearly so: its number and its
            ``(H, W, 3)`` uint8 BGR, in memory that nobody writes to again.
        count: the frame count that the ordinary way goes by, asked for where the header states none.

    Returns:
        How it went, or None where PyAV is not installed or the file is for the ordinary way; ``keep`` may have been
        called before that.
    """
    try:
        av = import_module("av")
    except ImportError:
        return None
    started = time.perf_counter()
    spent = Spent()
    try:
        with av.open(str(path)) as container:
            stream = _stream(container)
            index = _index(container, stream)
            total = stream.frames or count() or len(index.pts)
            wanted = _by_time(index, choose(total))
            _decode(av, path, stream, index, wanted, keep, spent)
            fps = float(stream.guessed_rate or 0)
    except (Declined, av.error.FFmpegError, ValueError, OSError):
        return None
    return Reading(total, fps, 1e3 * (time.perf_counter() - started) - spent.keep_ms, spent.keep_ms)


@dataclass
class Spent:
    """Time that is not the decoder's."""

    keep_ms: float = 0.0


def _stream(container: Any) -> Any:
    if len(container.streams.video) != 1 or not container.format.name.startswith(CONTAINERS):
        raise Declined
    stream = container.streams.video[0]
    context = stream.codec_context
    # a damaged header can name a codec that there is none of; the stream has no context then
    if context is None or context.name not in ("h264", "hevc") or not context.width or not stream.guessed_rate:
        raise Declined
    small = context.width * context.height <= ONE_THREAD_PX
    stream.thread_type = "SLICE" if small else "AUTO"
    context.thread_count = 1 if small else 0
    # a decoder that conceals damage makes different pictures of it when frames are skipped
    context.options = {"err_detect": "explode"}
    return stream


def _index(container: Any, stream: Any) -> Index:
    """List the packets; whatever is unusual about them is declined."""
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
        held_bytes += packet.size
        if index.held is not None:
            index.held.append(packet)
            if held_bytes > HELD_BYTES:
                index.held = None
    if not index.pts:
        raise Declined
    return index


def _length_bytes(codec: str, extradata: bytes | None) -> int:
    """How many bytes state the length of a NAL unit (ISO/IEC 14496-15: avcC byte 4, hvcC byte 21)."""
    place = 4 if codec == "h264" else 21
    if not extradata or len(extradata) <= place or extradata[0] != 1:
        raise Declined
    return (extradata[place] & 3) + 1


def _begins(data: bytes, codec: str, length_bytes: int, kinds: frozenset[int]) -> bool:
    """Whether the packet holds a slice of a picture that nothing after it looks back across."""
    place = 0
    while place + length_bytes < len(data):
        size = int.from_bytes(data[place : place + length_bytes], "big")
        head = data[place + length_bytes]
        if (head & 31 if codec == "h264" else head >> 1 & 63) in kinds:
            return True
        place += length_bytes + size
    return False


def _by_time(index: Index, numbers: NDArray[np.int64]) -> dict[int, int]:
    """Presentation time -> frame number of the wanted frames."""
    ordered = sorted(index.pts)
    if len(set(ordered)) != len(ordered) or int(numbers.max()) >= len(ordered):
        raise Declined
    return {ordered[number]: number for number in sorted(set(numbers.tolist()))}


def _stretches(index: Index, wanted: dict[int, int]) -> list[Stretch]:
    """What must be decoded: for every entry that leads to a wanted frame, up to the last of them."""
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


def _decode(
    av: Any, path: str | Path, stream: Any, index: Index, wanted: dict[int, int], keep: Keep, spent: Spent
) -> None:
    context = stream.codec_context
    taker = Taker(av, dict(wanted), keep, spent)
    skips = context.name == "h264"
    mode = ""
    packets = _numbered(av, path, index)
    for stretch in _stretches(index, wanted):
        for position, packet in packets:
            if position < stretch.first:
                continue
            if packet.pts != index.pts[position]:
                raise Declined
            needed = "DEFAULT" if packet.pts in wanted or not skips else "NONREF"
            if needed != mode:
                context.skip_frame = mode = needed
            taker.take(context.decode(packet))
            if position == stretch.last:
                break
        # what the decoder still holds back; then it begins anew
        taker.take(context.decode(None))
        context.flush_buffers()
        if not taker.left:
            return
    raise Declined


def _numbered(av: Any, path: str | Path, index: Index) -> Iterator[tuple[int, Any]]:
    if index.held is not None:
        yield from enumerate(index.held)
        return
    with av.open(str(path)) as again:
        yield from enumerate(packet for packet in again.demux(again.streams.video[0]) if packet.size)


class Taker:
    """Converts wanted frames and hands them on."""

    def __init__(self, av: Any, left: dict[int, int], keep: Keep, spent: Spent) -> None:
        """``left``: presentation time -> number of the frames that are still to come."""
        self.left = left
        self._keep, self._spent = keep, spent
        self._converter = av.video.reformatter.VideoReformatter()

    def take(self, frames: Iterable[Any]) -> None:
        """Keep those that are wanted."""
        for frame in frames:
            # damage is handed on from frame to frame, so one that is not wanted counts too
            if frame.is_corrupt:
                raise Declined
            number = self.left.pop(frame.pts, None)
            if number is None:
                continue
            if frame.format.name not in PIXELS or getattr(frame, "rotation", True):
                raise Declined
            plane = self._converter.reformat(frame, format="bgr24").planes[0]
            rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: frame.height, : 3 * frame.width]
            started = time.perf_counter()
            self._keep(number, rows.reshape(frame.height, frame.width, 3))
            self._spent.keep_ms += 1e3 * (time.perf_counter() - started)


def is_interlaced(path: str | Path) -> bool | None:
    """Whether the first frame of a video is interlaced; None where PyAV is not installed or cannot tell."""
    try:
        av = import_module("av")
        with av.open(str(path)) as container:
            return bool(next(container.decode(video=0)).interlaced_frame)
    except (ImportError, StopIteration, ValueError, OSError, IndexError):
        return None


def read_interlaced(path: str | Path, numbers: NDArray[np.int64], keep: Keep) -> bool:
    """Read chosen frames of an interlaced video in order, which OpenCV cannot convert.

    Args:
        path: a video that :func:`is_interlaced`.
        numbers: of the wanted frames.
        keep: takes every wanted frame once: its number and its ``(H, W, 3)`` uint8 BGR.

    Returns:
        Whether all of them were read; ``keep`` may have been called where they were not.
    """
    av = import_module("av")
    left = set(numbers.tolist())
    try:
        with av.open(str(path)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number in left:
                    left.remove(number)
                    keep(number, frame.to_ndarray(format="bgr24"))
                if not left:
                    return True
    except (ValueError, OSError):
        return False
    return False
