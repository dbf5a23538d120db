"""Video files, decoded by OpenCV's FFmpeg back end; rotation in the header is applied, so frames are upright.

What OpenCV lacks a decoder for, or would show wrongly, is left to PyAV.
"""

from __future__ import annotations

import math
from pathlib import Path

import cv2

from adafocus.edge.sources.capture import Capture, open_capture
from adafocus.edge.sources.pyav_file import NoDecoder, PyAVFile, needs_pyav
from adafocus.edge.sources.source import Frame
from adafocus.errors import VideoError, shell_word
from adafocus.native_names import native_name

MAX_FRAMES = 10_000_000


class VideoFile(Capture):
    """One pass over a video file. ``grab`` advances, ``retrieve`` makes the grabbed frame.

    Timestamps are those of the container, so they are right where the frame rate varies.
    """

    def __init__(self, path: str | Path) -> None:
        """Open a file.

        Args:
            path: a video file.

        Raises:
            VideoError: there is no such file, it is empty, or it holds no video that can be decoded.
        """
        self.path = Path(path)
        _check(self.path)
        self._instead: PyAVFile | None = None
        with native_name(self.path) as name:
            capture = open_capture(name, cv2.CAP_FFMPEG)
        if capture is None:
            raise VideoError(
                f"{self.path} holds no video that can be decoded, expected a file such as MP4, MOV, MKV, AVI or WebM. "
                f"Try to play it, or convert it: ffmpeg -i {shell_word(self.path)} -c:v libx264 out.mp4"
            )
        super().__init__(capture, self.path.name, live=False)

    def grab(self) -> bool:
        """Advance to the next frame; False at the end.

        Raises:
            VideoError: neither OpenCV nor PyAV can decode a frame of the file.
        """
        if self._instead is None:
            if super().grab():
                return True
            if self.number >= 0:
                return False
            # OpenCV opens files that it has no decoder for
            self._instead = PyAVFile(self.path)
        if not self._instead.grab():
            return False
        self.number, self.timestamp_s = self._instead.number, self._instead.timestamp_s
        return True

    def retrieve(self) -> Frame | None:
        """Make the grabbed frame; None where it cannot be decoded."""
        return super().retrieve() if self._instead is None else self._instead.retrieve()

    def close(self) -> None:
        """Release the file."""
        super().close()
        if self._instead is not None:
            self._instead.close()

    @property
    def stated_frames(self) -> int:
        """Frame count that the header states, 0 where it states none or nonsense."""
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        return int(count) if math.isfinite(count) and 0 < count < MAX_FRAMES else 0

    def _moment(self) -> float:
        stated = self._position_s()
        # a raw stream has no clock: its frames follow at the nominal rate
        if self.number > 0 and stated <= 0:
            return self.number / self.fps
        return max(stated, 0.0)


def open_source(address: str) -> VideoFile | PyAVFile:
    """Open a video file with what shows it right.

    Raises:
        VideoError: there is no such file, it is empty, or it holds no video that can be decoded.
    """
    path = Path(address)
    _check(path)
    if needs_pyav(path):
        return PyAVFile(path)
    try:
        return VideoFile(path)
    except VideoError as error:
        # what OpenCV does not open PyAV may; if not, its sentence is better only where it names the codec
        try:
            return PyAVFile(path)
        except NoDecoder:
            raise
        except VideoError:
            raise error from None


def _check(path: Path) -> None:
    """Refuse what is no file, or an empty one."""
    if not path.exists():
        raise VideoError(f"There is no video at {path}. Check the path.")
    if not path.is_file():
        raise VideoError(f"{path} is not a file. Give the path of one video file.")
    if path.stat().st_size == 0:
        raise VideoError(f"{path} is empty (0 bytes), expected a video file. Copy or record it again.")
