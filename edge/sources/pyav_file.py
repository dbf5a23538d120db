"""Video files, decoded by PyAV: what OpenCV has no decoder for, or would show in a wrong shape or from a wrong stream.

It also says how a decoded frame is to be shown: the width of its pixels, its rotation and its mirroring.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import nullcontext
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.sources.source import FALLBACK_FPS, Frame
from adafocus.errors import VideoError, shell_word
from adafocus.native_names import native_name, with_folder

# AV_DISPOSITION_ATTACHED_PIC and AV_DISPOSITION_TIMED_THUMBNAILS, AV_DISPOSITION_DEFAULT
PICTURES, DEFAULT = 0x400 | 0x800, 0x1
# a pixel that is wider or higher than this is a damaged header
MOST_STRETCHED = 8.0
# encoders that round a size state 4096:4083 and the like; that is no shape, and answers stay what they are
SQUARE_WITHIN = 0.02


class NoDecoder(VideoError):
    """A file that is whole, and whose codec no library here has a decoder for."""


class PyAVFile:
    """One pass over a video file. ``grab`` decodes the next frame, ``retrieve`` converts it.

    Attributes:
        name: of the file.
        live: False.
        number: of the frame grabbed last, counted from 0.
        timestamp_s: its presentation time.
    """

    live = False

    def __init__(self, path: str | Path) -> None:
        """Open a file.

        Raises:
            VideoError: PyAV is not installed, or the file holds no video that it can decode; a :class:`NoDecoder` where
                it has none for the codec.
        """
        self.path = Path(path)
        self.name, self.number, self.timestamp_s = self.path.name, -1, 0.0
        self._frame: Any = None
        try:
            self._container = open_container(path)
        except failures() as error:
            raise VideoError(_undecodable(self.path, "")) from error
        try:
            self._stream = main_stream(self._container)
            if self._stream is None:
                held = "a still picture, such as a cover, but " if self._container.streams.video else ""
                raise VideoError(f"{self.path} holds {held}no video, expected one. Check which file is meant.")
            if self._stream.codec_context is None:
                raise NoDecoder(_no_decoder(self.path, _stated_codec(self._container, self._stream.index)))
        except BaseException:
            self._container.close()
            raise
        self._stream.thread_type = "AUTO"
        self._frames = decoded(self._container, self._stream)
        self._converter = import_module("av").video.reformatter.VideoReformatter()

    @property
    def fps(self) -> float:
        """Frames per second, the nominal rate where the file states none."""
        return float(self._stream.guessed_rate or 0) or FALLBACK_FPS

    @property
    def stated_frames(self) -> int:
        """Frame count that the header states, 0 where it states none."""
        return max(0, int(self._stream.frames))

    def grab(self) -> bool:
        """Decode the next frame; False at the end.

        Raises:
            VideoError: the file ends before the first frame.
        """
        try:
            self._frame = next(self._frames, None)
        except failures():
            self._frame = None
        if self._frame is None:
            if self.number < 0:
                raise VideoError(_undecodable(self.path, _codec(self._stream)))
            return False
        self.number += 1
        moment = _moment(self._frame, self._stream)
        self.timestamp_s = self.number / self.fps if moment is None else max(moment, 0.0)
        return True

    def retrieve(self) -> Frame | None:
        """Convert the grabbed frame; None where it cannot be."""
        if self._frame is None:
            return None
        try:
            pixels = shown(self._frame, pixel_aspect(self._stream), self._converter)
        except failures():
            return None
        return Frame(pixels, self.number, self.timestamp_s, self.name)

    def close(self) -> None:
        """Close the file."""
        self._frame, self._frames = None, iter(())
        self._container.close()


def pyav_installed() -> bool:
    """Tell whether PyAV can be imported; a device may do without it."""
    try:
        import_module("av")
    except ImportError:
        return False
    return True


def failures() -> tuple[type[Exception], ...]:
    """Return what is raised where PyAV is not installed, or cannot read a file."""
    common = ImportError, ValueError, OSError, IndexError, RuntimeError
    try:
        return import_module("av").error.FFmpegError, *common
    except ImportError:
        return common


def open_container(path: str | Path) -> Any:
    """Open a file with PyAV, whatever its name.

    Raises:
        Exception: one of :func:`failures`.
    """
    av = import_module("av")
    # PyAV takes names as the file system has them, and FFmpeg a percent sign for a pattern
    with native_name(path) if "%" in str(path) else nullcontext(with_folder(path)) as name:
        return av.open(name, metadata_errors="replace")


def main_stream(container: Any) -> Any:
    """Return the stream that is the video: no cover art, rather moving than still, the default, the largest."""
    streams = [stream for stream in container.streams.video if not int(stream.disposition) & PICTURES]
    if len(streams) < 2:
        return streams[0] if streams else None

    def rank(stream: Any) -> tuple[bool, bool, bool, int]:
        context = stream.codec_context
        size = 0 if context is None else context.width * context.height
        return context is not None, stream.frames != 1, bool(int(stream.disposition) & DEFAULT), size

    return max(streams, key=rank)


def codec_of(path: str | Path) -> str:
    """Return the codec of a video file as FFmpeg names it; ``unknown`` where it cannot be looked into."""
    try:
        with open_container(path) as container:
            stream = main_stream(container)
            return _codec(stream) if stream is not None and stream.codec_context is not None else "unknown"
    except failures():
        return "unknown"


def decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Decode a stream in order; packets that cannot be decoded are passed over."""
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except failures():
            continue
        yield from frames


def pixel_aspect(stream: Any) -> float:
    """Return how many times as wide as high a pixel of the stream is; 1 where the file says nothing or nonsense."""
    aspect = float(stream.sample_aspect_ratio or 1)
    return aspect if 1 / MOST_STRETCHED <= aspect <= MOST_STRETCHED and abs(aspect - 1) > SQUARE_WITHIN else 1.0


def display_matrix(frame: Any) -> tuple[int, int, int, int]:
    """Return a, b, c, d of the frame's display matrix, by which (x, y) is shown at (ax + cy, bx + dy)."""
    for entry in frame.side_data:
        if entry.type.name == "DISPLAYMATRIX":
            a, b, _, c, d, *_ = np.frombuffer(bytes(entry), np.int32).tolist()
            return a, b, c, d
    return 1, 0, 0, 1


def shown(
    frame: Any, aspect: float, converter: Any, matrix: tuple[int, int, int, int] | None = None
) -> NDArray[np.uint8]:
    """Convert a decoded frame to what a player shows.

    Args:
        frame: of PyAV.
        aspect: as :func:`pixel_aspect` has it. Frames are stretched, never shrunk: no detail is lost.
        converter: PyAV's ``VideoReformatter``.
        matrix: as :func:`display_matrix` has it; None: that of the frame.

    Returns:
        ``(H, W, 3)`` uint8 BGR in memory of its own.
    """
    width, height = round(frame.width * max(aspect, 1.0)), round(frame.height / min(aspect, 1.0))
    # the interpolation is looked at only where the size changes
    plane = converter.reformat(frame, width, height, "bgr24", interpolation="BICUBIC").planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:height, : 3 * width]
    pixels: Any = rows.reshape(height, width, 3)
    a, b, c, d = display_matrix(frame) if matrix is None else matrix
    if b == c == 0 and a > 0 and d > 0:
        return pixels
    if abs(a) + abs(d) < abs(b) + abs(c):
        pixels, a, d = pixels.swapaxes(0, 1), c, b
    pixels = pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]
    return np.ascontiguousarray(pixels)


def needs_pyav(path: Path) -> bool:
    """Tell from the header and the first frame whether OpenCV would show a video file wrongly.

    It takes the first stream, though that may be cover art; it knows neither mirrored pictures nor the shape of pixels;
    and of interlaced frames it (4.13 and 5.0) gives the same memory again and again, and says that all is well.
    """
    state = path.stat()
    return _needs_pyav(path, state.st_mtime_ns, state.st_size, pyav_installed())


# a file is opened two or three times while a clip is read from it, and looked at once
@lru_cache(maxsize=16)
def _needs_pyav(path: Path, changed_ns: int, size_bytes: int, installed: bool) -> bool:
    """Look into a file as it was at that time."""
    try:
        with open_container(path) as container:
            stream = main_stream(container)
            if stream is None:
                return bool(container.streams.video)
            if stream.codec_context is None:
                return False
            if stream.index != container.streams.video[0].index or pixel_aspect(stream) != 1:
                return True
            # one thread gives the first frame soonest
            stream.thread_type = "NONE"
            frame = next(decoded(container, stream), None)
            if frame is None:
                return False
            a, b, c, d = (int(np.sign(value)) for value in display_matrix(frame))
            return pixel_aspect(stream) != 1 or bool(frame.interlaced_frame) or a * d - b * c < 0
    except failures():
        return False


def _moment(frame: Any, stream: Any) -> float | None:
    """Return the presentation time from the beginning of the stream, in seconds; None where there is no clock."""
    if frame.pts is None or frame.time_base is None:
        return None
    return float(frame.pts * frame.time_base - (stream.start_time or 0) * stream.time_base)


def _codec(stream: Any) -> str:
    """Return the name of a stream's codec as FFmpeg has it; empty where there is no stream."""
    return "" if stream is None else str(stream.codec_context.codec.canonical_name)


def _stated_codec(container: Any, index: int) -> str:
    """Return the name of a codec that there is no decoder for: FFmpeg's, or the file's own four letters."""
    logging = import_module("av").logging
    before = logging.get_level()
    # the description of a file is a remark of FFmpeg's, and remarks are switched off
    logging.set_level(logging.INFO)
    try:
        described = container.dumps_format()
    finally:
        logging.set_level(before)
    found = re.search(rf"Stream #0:{index}\b.*?: Video: (\w+)(?: \((?:[^)]*\) \()?([^)/]*))?", described)
    if found is None:
        return "unknown"
    name, letters = found.groups()
    return name if name != "none" else (letters or "").strip() or "unknown"


def _no_decoder(path: Path, codec: str) -> str:
    """Say that there is no decoder for a codec."""
    return (
        f"{path} is of the codec {codec}, which this OpenCV and this PyAV cannot decode. Convert it where it "
        f"plays: ffmpeg -i {shell_word(path)} -c:v libx264 out.mp4"
    )


def _undecodable(path: Path, codec: str) -> str:
    """Say that there is no frame, and why that may be."""
    if codec:
        return (
            f"No frame of {path} can be decoded, expected at least one. Its codec is {codec}; the file may be damaged, "
            "or this FFmpeg cannot decode it. Convert it where it plays: "
            f"ffmpeg -i {shell_word(path)} -c:v libx264 out.mp4"
        )
    reason = "The file may be damaged." if pyav_installed() else "PyAV decodes more than OpenCV does: pip install av"
    return f"No frame of {path} can be decoded, expected at least one. {reason}"
