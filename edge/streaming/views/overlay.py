"""Draws a result onto a frame, for the preview window and the annotated video."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from adafocus.edge.picture import ACCENT, FAINT, INK, PAPER, SMALL_PT, TEXT_PT, TRACK, text_font
from adafocus.edge.streaming.result import Result

CAPTION_PX = 76
PAD_PX = 10
BAR_PX = 8
# of a picture: smaller frames are enlarged by a whole number, larger ones than the others are shrunk
MIN_SIDE_PX = 448
MAX_SHORT_SIDE_PX, MAX_LONG_SIDE_PX = 720, 1920
ACCENT_BGR = (46, 87, 228)


class Overlay:
    """The boxes and the caption of the newest result, on square or whole frames.

    All pictures have one size, as a video must; the first frame decides it. A later frame of another shape is fitted
    into the picture, with bars beside it. The caption is drawn once for each result, not for each frame.

    Attributes:
        shown: height and width of the part above the caption; None before the first frame.
    """

    def __init__(self) -> None:
        """Wait for the first frame and the first result."""
        self.shown: tuple[int, int] | None = None
        self._boxes = np.empty((0, 4), np.float32)
        self._told = "waiting for the first result", 0.0, ""
        self._caption: NDArray[np.uint8] | None = None

    def update(self, result: Result) -> None:
        """Use this result for the frames from now on."""
        label = result.label if result.label is not None else f"no label ({result.best}?)"
        detail = f"after the {result.exit_stage}, {result.gmac:.2f} GMAC, {result.latency_ms:.0f} ms"
        self._boxes = np.unique(result.boxes, axis=0)
        self._told, self._caption = (label, result.score, detail), None

    def draw(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Draw boxes and caption.

        Args:
            pixels: ``(H, W, 3)`` uint8 RGB, what boxes are fractions of: the centre square, or the whole frame.

        Returns:
            ``(height, width, 3)`` uint8 BGR, both even.
        """
        if self.shown is None:
            self.shown = picture_size(*pixels.shape[:2])
        tall, wide = self.shown
        if self._caption is None:
            self._caption = _draw_caption(wide, *self._told)
        picture = np.zeros((tall + CAPTION_PX, wide, 3), np.uint8)
        picture[tall:] = self._caption
        self._draw_frame(pixels, picture[:tall])
        return picture

    def _draw_frame(self, pixels: NDArray[np.uint8], room: NDArray[np.uint8]) -> None:
        """Draw a frame as large as it fits into the middle of ``(height, width, 3)``, and its boxes."""
        size, limits = np.array(pixels.shape[:2]), np.array(room.shape[:2])
        # a pixel more makes sides even, which is no reason for a bar
        sides = np.minimum(limits, _even(size * (limits / size).min()))
        (tall, wide), (top, left) = sides.tolist(), ((limits - sides) // 2).tolist()
        interpolation = cv2.INTER_AREA if wide < size[1] else cv2.INTER_LINEAR
        place = room[top : top + tall, left : left + wide]
        resized = cv2.resize(pixels, (wide, tall), interpolation=interpolation)
        cv2.cvtColor(resized, cv2.COLOR_RGB2BGR, dst=place)
        for y, x, height, width in self._boxes * np.tile(sides, 2):
            corners = (left + round(x), top + round(y)), (left + round(x + width) - 1, top + round(y + height) - 1)
            cv2.rectangle(room, *corners, ACCENT_BGR, 3)


def picture_size(height: int, width: int) -> tuple[int, int]:
    """Return how large frames of this size are shown: height and width in pixels, both even.

    A picture is at least 448 px wide, so that the caption has room; a narrow frame has bars beside it.
    """
    short, long = sorted((height, width))
    enlarged = -(-MIN_SIDE_PX // short)
    scale = min(enlarged, MAX_SHORT_SIDE_PX / short) if enlarged == 1 else enlarged
    tall, wide = _even(np.array((height, width)) * min(scale, MAX_LONG_SIDE_PX / long)).tolist()
    return tall, max(wide, MIN_SIDE_PX)


def _even(sides: NDArray[np.floating]) -> NDArray[np.int64]:
    """Round sides to whole pixels, at least 2 and even, because video codecs want that."""
    whole = np.rint(sides).astype(np.int64)
    return np.maximum(2, whole + whole % 2)


def _draw_caption(width: int, label: str, score: float, detail: str) -> NDArray[np.uint8]:
    """Draw a caption, ``(CAPTION_PX, width, 3)`` BGR; without a detail there is no result yet."""
    image = Image.new("RGB", (width, CAPTION_PX), PAPER)
    draw = ImageDraw.Draw(image)
    right = width - PAD_PX
    percent = f"{100 * score:.0f} %" if detail else ""
    draw.text((PAD_PX, 8), label, font=text_font(TEXT_PT), fill=INK)
    shown = draw.textlength(percent, font=text_font(TEXT_PT))
    draw.rectangle([right - shown - PAD_PX, 0, width, 34], fill=PAPER)
    draw.text((right - shown, 8), percent, font=text_font(TEXT_PT), fill=ACCENT)
    draw.rectangle([PAD_PX, 36, right, 36 + BAR_PX], fill=TRACK)
    draw.rectangle([PAD_PX, 36, PAD_PX + (right - PAD_PX) * min(1.0, score), 36 + BAR_PX], fill=ACCENT)
    draw.text((PAD_PX, 52), detail, font=text_font(SMALL_PT), fill=FAINT)
    return np.asarray(image)[:, :, ::-1]
