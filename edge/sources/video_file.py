"""Video files, decoded by OpenCV's FFmpeg back end; rotation in the header is applied, so frames are upright."""

from __future__ import annotations

import math
from pathlib import Path

import cv2

from adafocus.edge.sources.capture import Capture, open_capture
from adafocus.errors import VideoError

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
        if not self.path.exists():
            raise VideoError(f"There is no video at {self.path}. Check the path.")
        if not self.path.is_file():
            raise VideoError(f"{self.path} is not a file. Give the path of one video file.")
        if self.path.stat().st_size == 0:
            raise VideoError(f"{self.path} is empty (0 bytes), expected a video file. Copy or record it again.")
        capture = open_capture(str(self.path), cv2.CAP_FFMPEG)
        if capture is None:
            raise VideoError(
                f"{self.path} holds no video that can be decoded, expected a file such as MP4, MOV, MKV, AVI or WebM. "
                f"Try to play it, or convert it: ffmpeg -i {self.path.name} -c:v libx264 out.mp4"
            )
        super().__init__(capture, self.path.name, live=False)

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


open_source = VideoFile
