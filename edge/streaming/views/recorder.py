"""The annotated video: the kept frames with the results on them, written by a thread of its own."""

from __future__ import annotations

import queue
import shutil
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bundle.files import replacing_file
from adafocus.edge.sources.capture import open_capture
from adafocus.edge.streaming.result import Result
from adafocus.edge.streaming.views.overlay import Overlay
from adafocus.errors import AdafocusError
from adafocus.native_names import native_name

CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "mp4v"}
# sides of a video by which the encoder is tried
PROBED_PX = 448
WAITING_FRAMES = 32
# what is left free for the end of the file, without which an MP4 cannot be opened, and for everybody else
RESERVE_BYTES = 32 * 2**20
LONGEST_GAP_S = 1.0

Warn = Callable[[str], None]


class AnnotatedVideo:
    """Writes a file beside its place, and renames it at the end, also after Ctrl-C.

    The first frame decides the size of the video. It has the rate at which frames are kept, and follows their
    timestamps: a frame is repeated where the next one comes late, and pauses are shortened to a second. At most
    ``WAITING_FRAMES`` frames wait to be written. A live stream does not wait for the disk: further frames are left out
    and counted. A file does wait.

    A disk that fills up does not end the stream: the video is finished while there is still room for its end, what was
    written until then is kept, and a sentence says so.
    """

    def __init__(self, path: Path, fps: float, *, live: bool, warn: Warn) -> None:
        """Open the file and start the thread.

        Args:
            path: ends in ``.mp4``, ``.avi`` or ``.mkv``.
            fps: rate at which frames are kept.
            live: leave frames out where the disk is slow, rather than wait.
            warn: called once, with a sentence, when something went wrong.

        Raises:
            AdafocusError: another ending, a place that cannot be written to, or no encoder.
        """
        self.path, self._fps, self._live, self._warn = path, fps, live, warn
        if path.suffix.lower() not in CODECS:
            raise AdafocusError(f"--annotate is {path}, expected a name that ends in {', '.join(CODECS)}.")
        self._overlay, self._opened = Overlay(), False
        self._stack = ExitStack()
        self._beside = self._stack.enter_context(replacing_file(path))
        self._name = self._stack.enter_context(native_name(self._beside))
        self._writer = cv2.VideoWriter()
        try:
            # the size is not known before the first frame, but whether there is an encoder is
            self._open_writer(PROBED_PX, PROBED_PX)
        except AdafocusError as error:
            self._stack.__exit__(type(error), error, None)
            raise
        # a pair of pixels and moment, a result, or None at the end
        self._waiting: queue.Queue[Any] = queue.Queue(WAITING_FRAMES)
        self.written = self.left_out = 0
        self.finished = False
        self._zero_s: float | None = None
        self._thread = threading.Thread(target=self._write_all, name="annotated video", daemon=True)
        self._thread.start()

    def _open_writer(self, height: int, width: int) -> None:
        """Begin the file, anew where it was begun already.

        Raises:
            AdafocusError: no encoder, or none for this size.
        """
        suffix = self.path.suffix.lower()
        codec = CODECS[suffix]
        if not self._writer.open(self._name, cv2.VideoWriter_fourcc(*codec), self._fps, (width, height)):
            raise AdafocusError(
                f"This OpenCV cannot write {suffix} files ({codec}) of {width} x {height} px. Use a name that ends in "
                ".avi, or install opencv-python from PyPI."
            )

    def add_frame(self, pixels: NDArray[np.uint8], timestamp_s: float) -> None:
        """Take a kept frame, ``(H, W, 3)`` uint8 RGB, which nobody else will change."""
        self._put((pixels, timestamp_s))

    def update(self, result: Result) -> None:
        """Use this result for the frames that follow."""
        self._put(result)

    def close(self) -> None:
        """Write what waits, finish the file and give it its name."""
        if self._thread.is_alive():
            self._waiting.put(None)
        self._thread.join()

    def _put(self, item: Any) -> None:
        if self.finished:
            return
        try:
            self._waiting.put(item, block=not self._live)
        except queue.Full:
            self.left_out += 1

    def _write_all(self) -> None:
        try:
            with self._stack:
                self._write_until_the_end()
                self._writer.release()
                self._check()
        except AdafocusError as error:
            self.written = 0
            self._warn(f"{error} There is no annotated video; the stream goes on.")
        self.finished = True
        # a file that waits for room in the queue goes on, too
        while not self._waiting.empty():
            self._waiting.get_nowait()

    def _write_until_the_end(self) -> None:
        while (item := self._waiting.get()) is not None:
            if isinstance(item, Result):
                self._overlay.update(item)
                continue
            if self.written % max(1, round(self._fps)) == 0 and not self._room():
                self._warn(
                    f"Less than {RESERVE_BYTES // 2**20} MB are free where {self.path} is written, so the annotated "
                    "video ends here; the stream goes on. Make room on the disk."
                )
                return
            self._write(*item)

    def _room(self) -> bool:
        return shutil.disk_usage(self._beside.parent).free >= RESERVE_BYTES

    def _write(self, pixels: NDArray[np.uint8], timestamp_s: float) -> None:
        place_s = self.written / self._fps
        if self._zero_s is None:
            self._zero_s = timestamp_s
        if not -LONGEST_GAP_S < timestamp_s - self._zero_s - place_s < LONGEST_GAP_S:
            self._zero_s = timestamp_s - place_s
        picture = self._overlay.draw(pixels)
        if not self._opened:
            self._open_writer(*picture.shape[:2])
            self._opened = True
        # a frame stands from its moment until the next one comes; this fills up to its own moment and itself
        until = round((timestamp_s - self._zero_s) * self._fps) + 1
        for _ in range(max(0, until - self.written)):
            self._writer.write(picture)
            self.written += 1

    def _check(self) -> None:
        """Open the file again, because OpenCV does not say when a write failed.

        Raises:
            AdafocusError: it holds no video.
        """
        if not self.written:
            raise AdafocusError(f"No frame came for {self.path}.")
        capture = open_capture(self._name, cv2.CAP_FFMPEG)
        readable = capture is not None and capture.grab()
        if capture is not None:
            capture.release()
        if not readable:
            raise AdafocusError(f"{self.path} could not be written. Make room on the disk.")
