"""The pictures of the page: the newest frame as JPEG, encoded once for all, and the frames that were chosen.

Nothing is decoded or encoded while nobody looks. Whoever takes pictures slowly gets fewer of them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cv2
import numpy as np
from numpy.typing import NDArray

from adafocus.edge.prediction import Prediction
from adafocus.edge.sources.source import Frame
from adafocus.edge.streaming.result import Result
from adafocus.edge.video.clip import Clip

QUALITY = 80
MAX_SIDE_PX = 960
THUMB_PX = 240
MAX_THUMBS = 12
ACCENT_BGR = (46, 87, 228)
POLL_S = 0.5
Pixels = NDArray[np.uint8]


class Pictures:
    """Takes frames from the stream, and gives JPEG to those who look.

    Attributes:
        chosen: the chosen frames of the newest prediction side by side, as JPEG; empty where there are none.
    """

    def __init__(self, fps: float) -> None:
        """Start the thread that encodes.

        Args:
            fps: at most so many pictures a second.
        """
        self._period_s, self._shown_s = 1.0 / fps, -1.0 / fps
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._boxes = np.empty((0, 4), np.float32)
        self._in_square = False
        self._jpeg, self._number, self._lookers = b"", 0, 0
        self._ended = False
        self.chosen = b""
        self._thread = threading.Thread(target=self._encode_all, name="pictures", daemon=True)
        self._thread.start()

    @property
    def lookers(self) -> int:
        """How many look now."""
        return self._lookers

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Count somebody who looks."""
        with self._changed:
            self._lookers += 1
        try:
            yield
        finally:
            with self._changed:
                self._lookers -= 1

    def boxes_lie_in(self, square: bool) -> None:
        """Know what boxes are fractions of: the centre square of a frame, or the whole of it."""
        self._in_square = square

    def due_in_s(self, now_s: float) -> float:
        """Return the seconds until a frame is wanted, infinite where nobody looks."""
        return max(0.0, self._shown_s + self._period_s - now_s) if self._lookers else float("inf")

    def see(self, frame: Frame) -> None:
        """Take a frame; it is encoded by another thread."""
        with self._changed:
            now_s = time.monotonic()
            # on a grid of time, so that a source of another rate does not beat against it
            due_s = self._shown_s + self._period_s
            self._shown_s = due_s if now_s - due_s < self._period_s else now_s
            self._frame = frame
            self._changed.notify_all()

    def study(self, clip: Clip, prediction: Prediction, result: Result) -> tuple[float, ...]:
        """Take the boxes of a prediction and, where somebody looks, the frames that were chosen.

        Returns:
            For every chosen frame how many seconds before the end of the window it lies.
        """
        self._boxes = np.unique(result.boxes, axis=0)
        places, count = list(prediction.candidate_indices), len(clip.candidates)
        step_s = (result.span.end_s - result.span.start_s) / max(1, count)
        shown = list(zip(places, prediction.boxes, strict=True))[:MAX_THUMBS]
        if self._lookers and shown:
            thumbs = [thumbnail(np.asarray(clip.candidates[place]), box) for place, box in shown]
            self.chosen = as_jpeg(side_by_side(thumbs))
        elif not shown:
            self.chosen = b""
        return tuple(round((count - 1 - place) * step_s, 2) for place, _ in shown)

    def after(self, number: int, timeout_s: float) -> tuple[int, bytes]:
        """Wait for a picture that is newer than one; return its number and JPEG, the same number where none came."""
        with self._changed:
            self._changed.wait_for(lambda: self._number != number or self._ended, timeout_s)
            return self._number, self._jpeg

    def close(self) -> None:
        """End the thread; whoever waits gets what there is."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join()

    def _encode_all(self) -> None:
        while not self._ended:
            with self._changed:
                self._changed.wait_for(lambda: self._frame is not None or self._ended, POLL_S)
                frame, self._frame = self._frame, None
            if frame is None:
                continue
            jpeg = as_jpeg(drawn(frame.pixels, self._boxes, self._in_square))
            with self._changed:
                self._jpeg = jpeg
                self._number += 1
                self._changed.notify_all()


def drawn(pixels: Pixels, boxes: NDArray[np.float32], in_square: bool) -> Pixels:
    """Return a frame as it is shown, with its boxes.

    Args:
        pixels: ``(H, W, 3)`` uint8 BGR; also grey, ``(H, W)``, and BGRA.
        boxes: ``(n, 4)`` y, x, height, width as fractions.
        in_square: whether they are fractions of the centre square, otherwise of the whole frame.

    Returns:
        ``(h, w, 3)`` uint8 BGR, at most 960 px wide and high.
    """
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), np.uint8)
    picture = _fitted(pixels[:, :, :3], MAX_SIDE_PX)
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left, tall, wide = (
        ((height - side) / 2, (width - side) / 2, side, side) if in_square else (0, 0, height, width)
    )
    line = max(2, round(side / 160))
    for y, x, h, w in boxes:
        corners = (
            (round(left + x * wide), round(top + y * tall)),
            (round(left + (x + w) * wide) - 1, round(top + (y + h) * tall) - 1),
        )
        cv2.rectangle(picture, *corners, ACCENT_BGR, line, cv2.LINE_AA)
    return picture


def thumbnail(pixels: Pixels, box: NDArray[np.float32]) -> Pixels:
    """Return a chosen frame, small, dimmed outside its box.

    Args:
        pixels: ``(H, W, 3)`` uint8 RGB, what the box is a fraction of.
        box: ``(4,)`` y, x, height, width.

    Returns:
        ``(h, w, 3)`` uint8 BGR.
    """
    picture = np.asarray(cv2.cvtColor(_fitted(pixels, THUMB_PX), cv2.COLOR_RGB2BGR), np.uint8)
    sizes = np.tile(picture.shape[:2], 2)
    y, x, h, w = np.rint(box * sizes).astype(int).tolist()
    dimmed = (picture * 0.45).astype(np.uint8)
    dimmed[y : y + h, x : x + w] = picture[y : y + h, x : x + w]
    cv2.rectangle(dimmed, (x, y), (x + w - 1, y + h - 1), ACCENT_BGR, 2)
    return dimmed


def side_by_side(pictures: Sequence[Pixels]) -> Pixels:
    """Return pictures in one row, each as large as the first."""
    height, width = pictures[0].shape[:2]
    alike = [one if one.shape[:2] == (height, width) else cv2.resize(one, (width, height)) for one in pictures]
    return np.ascontiguousarray(np.concatenate(alike, axis=1), np.uint8)


def as_jpeg(picture: Pixels) -> bytes:
    """Return ``(H, W, 3)`` uint8 BGR as JPEG."""
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1])


def _fitted(pixels: Pixels, side_px: int) -> Pixels:
    """Return a frame whose longer side is at most so long, in memory of its own."""
    height, width = pixels.shape[:2]
    scale = side_px / max(height, width)
    if scale >= 1:
        return np.array(pixels, np.uint8)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
