"""Video files, decoded by OpenCV's FFmpeg back end; rotation in the header is applied, so frames are upright."""

from __future__ import annotations

import math
import os
from pathlib import Path
from types import TracebackType

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import VideoError

SILENT = 0

if "OPENCV_LOG_LEVEL" not in os.environ:
    # the variable is read when OpenCV is imported, which may have happened elsewhere
    # OpenCV 4, which tflite-runtime's numpy 1 asks for, has the call in another place
    (getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel)(SILENT)

MOST_FRAMES = 10_000_000
FALLBACK_FPS = 25.0


class VideoFile:
    """One pass over a video file. ``grab`` advances, ``retrieve`` decodes the grabbed frame to BGR."""

    def __init__(self, path: str | Path) -> None:
        """Open a file.

        Raises:
            VideoError: there is no such file, it is empty, or it holds no video that can be decoded.
        """
        self.path = Path(path)
        if not self.path.exists():
            raise VideoError(f"There is no video at {self.path}. Check the path.")
        if not self.path.is_file():
            raise VideoError(f"{self.path} is not a file. Give the path of one video file.")
        if self.path.stat().st_size == 0:
            raise VideoError(f"{self.path} is empty (0 bytes), expected a video file. Copy or record it again.")
        self._capture = cv2.VideoCapture(str(self.path), cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            raise VideoError(
                f"{self.path} holds no video that can be decoded, expected a file such as MP4, MOV, MKV, AVI or WebM. "
                f"Try to play it, or convert it: ffmpeg -i {self.path.name} -c:v libx264 out.mp4"
            )

    @property
    def stated_frames(self) -> int:
        """Frame count that the header states, 0 where it states none or nonsense."""
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        return int(count) if math.isfinite(count) and 0 < count < MOST_FRAMES else 0

    @property
    def fps(self) -> float:
        """Frames per second, the nominal rate where the file states none."""
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        return float(rate) if math.isfinite(rate) and rate > 0 else FALLBACK_FPS

    def grab(self) -> bool:
        """Advance to the next frame; False at the end."""
        return bool(self._capture.grab())

    def retrieve(self) -> NDArray[np.uint8] | None:
        """The grabbed frame as ``(H, W, 3)`` uint8 BGR, or None where it cannot be decoded."""
        found, frame = self._capture.retrieve()
        return frame if found and frame is not None and frame.size else None

    def close(self) -> None:
        """Release the file."""
        self._capture.release()

    def __enter__(self) -> VideoFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
