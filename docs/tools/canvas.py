"""A page to draw on: text, boxes, arrows and pictures, with the colors of the program's own pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from adafocus.edge.picture import ACCENT, FAINT, INK, PAPER, TRACK, text_font

__all__ = ["ACCENT", "FAINT", "INK", "PAPER", "TRACK", "WHITE", "Canvas", "Point"]

WHITE = "#ffffff"
HEAD_PX = 9
LINE_SPACING = 1.35
# everything is drawn twice as large, so that it is sharp on fine screens
SCALE = 2

Point = tuple[float, float]


class Canvas:
    """A page; all places and sizes are in points, from the upper left corner."""

    def __init__(self, width: int, height: int) -> None:
        self._image = Image.new("RGB", (SCALE * width, SCALE * height), PAPER)
        self._draw = ImageDraw.Draw(self._image)

    def text(self, place: Point, text: str, size: int = 15, color: str = INK, anchor: str = "la") -> None:
        """Write lines of text; ``anchor`` is that of Pillow."""
        x, y = place
        for number, line in enumerate(text.split("\n")):
            spot = (SCALE * x, SCALE * (y + number * size * LINE_SPACING))
            self._draw.text(spot, line, font=text_font(SCALE * size), fill=color, anchor=anchor)

    def box(self, corner: Point, size: Point, fill: str = WHITE, outline: str = TRACK, width: int = 1) -> None:
        """Draw a rectangle with round corners."""
        (x, y), (across, down) = corner, size
        self._draw.rounded_rectangle(
            [SCALE * x, SCALE * y, SCALE * (x + across), SCALE * (y + down)],
            SCALE * 7,
            fill=fill,
            outline=outline,
            width=SCALE * width,
        )

    def bar(self, corner: Point, size: Point, fill: str) -> None:
        """Draw a plain filled rectangle."""
        (x, y), (across, down) = corner, size
        self._draw.rectangle([SCALE * x, SCALE * y, SCALE * (x + across), SCALE * (y + down)], fill=fill)

    def line(self, places: Sequence[Point], color: str = FAINT, width: int = 2) -> None:
        """Draw a line through some places."""
        self._draw.line([(SCALE * x, SCALE * y) for x, y in places], fill=color, width=SCALE * width, joint="curve")

    def arrow(self, places: Sequence[Point], color: str = FAINT, width: int = 2) -> None:
        """Draw a line through some places, with a head at the last; its last part must be level or upright."""
        self.line(places, color, width)
        (before_x, before_y), (x, y) = places[-2:]
        along = ((x > before_x) - (x < before_x), (y > before_y) - (y < before_y))
        sides = [
            (x - HEAD_PX * along[0] + turn * along[1], y - HEAD_PX * along[1] + turn * along[0]) for turn in (-5, 5)
        ]
        self._draw.polygon([(SCALE * a, SCALE * b) for a, b in ((x, y), *sides)], fill=color)

    def picture(self, corner: Point, size: Point, picture: Image.Image) -> None:
        """Put a picture into a rectangle."""
        x, y = corner
        pixels = (round(SCALE * size[0]), round(SCALE * size[1]))
        self._image.paste(picture.resize(pixels, Image.Resampling.LANCZOS), (round(SCALE * x), round(SCALE * y)))

    def save(self, path: Path) -> None:
        """Write the page as PNG with a table of colors, which is a third of the bytes."""
        self._image.quantize(256, dither=Image.Dither.NONE).save(path, format="PNG", optimize=True)
