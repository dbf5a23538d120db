"""One picture of one prediction: what was glanced at, what was chosen, what was seen, what it is."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from adafocus.edge.bundle.files import replacing_file
from adafocus.edge.recognizer import Prediction
from adafocus.edge.video.clip import Clip

WIDTH_PX = 1360
MARGIN_PX = 36
GAP_PX = 12
# short side of a large frame with its box
BOXED_PX = 512
PAPER, INK, FAINT, ACCENT, TRACK = "#fbfaf7", "#1d1f24", "#747a85", "#e4572e", "#e9e6df"
BARS = 5
TITLE_PT, HEAD_PT, TEXT_PT, SMALL_PT = 34, 19, 18, 14


def draw_picture(clip: Clip, prediction: Prediction, title: str, path: Path) -> None:
    """Draw a prediction and write it as PNG.

    Args:
        clip: the decoded frames.
        prediction: of them.
        title: what to call the video.
        path: where to write; the file appears only when it is whole.

    Raises:
        AdafocusError: the place cannot be written to.
    """
    canvas = Canvas()
    canvas.headline(prediction.label, f"{100 * prediction.score:.0f} %", title)
    times = [clip.moment_s(int(i)) for i in clip.glance_indices]
    canvas.strip(
        f"Glance: {len(clip.glance)} frames at {clip.glance.shape[1]} px",
        [Image.fromarray(frame) for frame in clip.glance],
        [f"{moment:.1f} s" for moment in times],
        largest_px=150,
    )
    if len(prediction.candidate_indices):
        frames = [
            boxed(clip.candidates[i], box)
            for i, box in zip(prediction.candidate_indices, prediction.boxes, strict=True)
        ]
        moments = [f"{clip.moment_s(i):.1f} s" for i in prediction.frame_indices]
        chosen = f"Policy: {len(frames)} of {len(clip.candidates)} candidate frames, and where to look"
        canvas.strip(chosen, frames, moments, largest_px=220)
        patches = [Image.fromarray(patch) for patch in prediction.patches]
        canvas.strip(f"Focus: the patches, {patches[0].width} px", patches, [""] * len(patches), largest_px=220)
    else:
        canvas.note("Confident enough after the glance: the policy and the focus did not run.")
    canvas.bars(prediction.top(BARS))
    canvas.note(_timing(prediction))
    with replacing_file(path.with_suffix(".png")) as beside:
        canvas.finish().save(beside, format="PNG")


def boxed(frame: NDArray[np.uint8], box: NDArray[np.float32]) -> Image.Image:
    """Show a frame, dimmed outside its box; small ones are doubled, large ones come near the size of those."""
    size = np.array(frame.shape[:2])
    corners = np.concatenate((box[:2], box[:2] + box[2:])).astype(float) * np.tile(size, 2)
    top, left, bottom, right = np.rint(corners).astype(int)
    dimmed = (frame * 0.45 + 0.55 * 235 * 0.35).astype(np.uint8)
    dimmed[top:bottom, left:right] = frame[top:bottom, left:right]
    scale = min(2.0, BOXED_PX / int(size.min()))
    tall, wide = np.rint(size * scale).astype(int).tolist()
    drawn = Image.fromarray(cv2.resize(dimmed, (wide, tall), interpolation=cv2.INTER_CUBIC))
    y, x, end_y, end_x = (corners * scale).tolist()
    ImageDraw.Draw(drawn).rectangle([x, y, end_x - 1, end_y - 1], outline=ACCENT, width=6)
    return drawn


def _timing(prediction: Prediction) -> str:
    spent = prediction.timing_ms
    stages = [f"{name} {spent[name]:.1f}" for name in ("glance", "policy", "focus") if name in spent]
    host = sum(spent.get(name, 0.0) for name in ("resize", "pixels", "select", "crop", "other"))
    parts = [f"decode {spent['decode']:.1f}", f"host {host:.1f}", *stages]
    return f"{prediction.macs / 1e9:.2f} GMAC   |   milliseconds: {',  '.join(parts)}"


class Canvas:
    """A page that grows downwards."""

    def __init__(self) -> None:
        self._image = Image.new("RGB", (WIDTH_PX, 2000), PAPER)
        self._draw = ImageDraw.Draw(self._image)
        self._y = MARGIN_PX

    def headline(self, label: str, score: str, title: str) -> None:
        """Write the prediction, large, with the video's name on the right."""
        self._text((MARGIN_PX, self._y), label, TITLE_PT, INK)
        offset = self._draw.textlength(label, font=text_font(TITLE_PT))
        self._text((MARGIN_PX + offset + 16, self._y), score, TITLE_PT, ACCENT)
        right = WIDTH_PX - MARGIN_PX - self._draw.textlength(title, font=text_font(TEXT_PT))
        self._text((right, self._y + 14), title, TEXT_PT, FAINT)
        self._y += 62

    def strip(self, heading: str, images: list[Image.Image], captions: list[str], largest_px: int) -> None:
        """Draw a heading over a row of pictures with captions, each within a square."""
        self._text((MARGIN_PX, self._y), heading, HEAD_PT, INK)
        self._y += 32
        room = WIDTH_PX - 2 * MARGIN_PX - GAP_PX * (len(images) - 1)
        side = min(largest_px, room // len(images))
        fitted = [ImageOps.contain(image, (side, side), Image.Resampling.LANCZOS) for image in images]
        tallest = max(image.height for image in fitted)
        for index, (image, caption) in enumerate(zip(fitted, captions, strict=True)):
            x = MARGIN_PX + index * (side + GAP_PX)
            self._image.paste(image, (x, self._y))
            self._text((x + 2, self._y + tallest + 4), caption, SMALL_PT, FAINT)
        self._y += tallest + (30 if any(captions) else 18)

    def bars(self, best: list[tuple[str, float]]) -> None:
        """Draw labels with bars of their probability."""
        self._text((MARGIN_PX, self._y), "Prediction", HEAD_PT, INK)
        self._y += 34
        names = max(self._draw.textlength(label, font=text_font(TEXT_PT)) for label, _ in best)
        start = MARGIN_PX + names + 20
        end = WIDTH_PX - MARGIN_PX - 70
        for index, (label, score) in enumerate(best):
            self._text((MARGIN_PX, self._y), label, TEXT_PT, INK)
            self._draw.rounded_rectangle([start, self._y + 4, end, self._y + 20], 8, fill=TRACK)
            length = max(10.0, (end - start) * score)
            colour = ACCENT if index == 0 else FAINT
            self._draw.rounded_rectangle([start, self._y + 4, start + length, self._y + 20], 8, fill=colour)
            self._text((end + 14, self._y), f"{100 * score:.1f} %", TEXT_PT, INK)
            self._y += 30
        self._y += 10

    def note(self, text: str) -> None:
        """Write a faint line."""
        self._text((MARGIN_PX, self._y), text, TEXT_PT, FAINT)
        self._y += 32

    def finish(self) -> Image.Image:
        """Return the page, cut to its length."""
        return self._image.crop((0, 0, WIDTH_PX, self._y + MARGIN_PX // 2))

    def _text(self, place: tuple[float, float], text: str, size: int, colour: str) -> None:
        self._draw.text(place, text, font=text_font(size), fill=colour)


def text_font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Load the font of all pictures, in points."""
    return ImageFont.load_default(size)
