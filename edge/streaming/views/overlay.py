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
SMALLEST_SIDE_PX = 448
ACCENT_BGR = (46, 87, 228)


class Overlay:
    """The boxes and the caption of the newest result. The caption is drawn once for each result, not for each frame."""

    def __init__(self, frame_size: int) -> None:
        """Draw on frames of this side in pixels; small ones are enlarged by a whole number."""
        self.scale = -(-SMALLEST_SIDE_PX // frame_size)
        side = frame_size * self.scale
        # video codecs want even sides
        self.side = side + side % 2
        self._boxes = np.empty((0, 4), np.float32)
        self._caption = self._draw_caption("waiting for the first result", 0.0, "")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a picture."""
        return self.side, self.side + CAPTION_PX

    def update(self, result: Result) -> None:
        """Use this result for the frames from now on."""
        label = result.label if result.label is not None else f"no label ({result.best}?)"
        detail = f"after the {result.exit_stage}, {result.gmac:.2f} GMAC, {result.latency_ms:.0f} ms"
        self._boxes = np.unique(result.boxes, axis=0)
        self._caption = self._draw_caption(label, result.score, detail)

    def draw(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Draw boxes and caption.

        Args:
            pixels: ``(F, F, 3)`` uint8 RGB.

        Returns:
            ``(height, width, 3)`` uint8 BGR of ``size``.
        """
        picture = np.empty((self.side + CAPTION_PX, self.side, 3), np.uint8)
        enlarged = cv2.resize(pixels, (self.side, self.side), interpolation=cv2.INTER_LINEAR)
        cv2.cvtColor(enlarged, cv2.COLOR_RGB2BGR, dst=picture[: self.side])
        for top, left, height, width in self._boxes * self.side:
            corners = (round(left), round(top)), (round(left + width) - 1, round(top + height) - 1)
            cv2.rectangle(picture[: self.side], *corners, ACCENT_BGR, 3)
        picture[self.side :] = self._caption
        return picture

    def _draw_caption(self, label: str, score: float, detail: str) -> NDArray[np.uint8]:
        image = Image.new("RGB", (self.side, CAPTION_PX), PAPER)
        draw = ImageDraw.Draw(image)
        right = self.side - PAD_PX
        percent = f"{100 * score:.0f} %" if detail else ""
        draw.text((PAD_PX, 8), label, font=text_font(TEXT_PT), fill=INK)
        shown = draw.textlength(percent, font=text_font(TEXT_PT))
        draw.rectangle([right - shown - PAD_PX, 0, self.side, 34], fill=PAPER)
        draw.text((right - shown, 8), percent, font=text_font(TEXT_PT), fill=ACCENT)
        draw.rectangle([PAD_PX, 36, right, 36 + BAR_PX], fill=TRACK)
        draw.rectangle([PAD_PX, 36, PAD_PX + (right - PAD_PX) * min(1.0, score), 36 + BAR_PX], fill=ACCENT)
        draw.text((PAD_PX, 52), detail, font=text_font(SMALL_PT), fill=FAINT)
        return np.asarray(image)[:, :, ::-1]
