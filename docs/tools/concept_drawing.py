"""Draw how one real clip is recognized: ``docs/concepts.png``.

``python -m docs.tools.concept_drawing BUNDLE``: the video is one of the two of ``make demo``.
"""

from __future__ import annotations

from pathlib import Path

import click
from PIL import Image

from adafocus.apps.demo.videos import DEMO
from adafocus.edge.picture import boxed
from adafocus.edge.prediction import Prediction
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.video.clip import Clip, read_clip
from docs.tools.canvas import ACCENT, FAINT, INK, TRACK, WHITE, Canvas, Point
from docs.tools.table import ROOT

OUT = ROOT / "docs" / "concepts.png"
WIDTH, HEIGHT, MARGIN = 1080, 800, 28
# the columns: what a part is, and what it does
COLUMN = 230
STRIP = WIDTH - COLUMN - MARGIN
MIDDLE = COLUMN + STRIP / 2
TALL = 96
BEST = 3


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--threshold", default=0.95, show_default=True, help="Confidence at which the drawn exit would be taken.")
def main(bundle: Path, threshold: float) -> None:
    """Draw the parts of BUNDLE at work on a real clip."""
    recognizer = Recognizer.open(bundle)
    clip = read_clip(DEMO.fetch()[0], recognizer.bundle.manifest.geometry)
    draw(clip, recognizer.recognize_clip(clip), threshold).save(OUT)
    click.echo(f"wrote {OUT.relative_to(ROOT)}")


def draw(clip: Clip, prediction: Prediction, threshold: float) -> Canvas:
    """Return the drawing of one prediction.

    Args:
        clip: the decoded frames.
        prediction: for them, answered after the focus.
        threshold: of the exit after the glance.
    """
    canvas = Canvas(WIDTH, HEIGHT)
    _timeline(canvas, 24, clip)
    _glance(canvas, 96, clip)
    _exit(canvas, 238, "exit 1", prediction.confidences[0], threshold)
    _policy(canvas, 330, clip, prediction)
    _focus(canvas, 560, prediction)
    _answer(canvas, 702, prediction)
    return canvas


def _title(canvas: Canvas, top: float, name: str, says: str) -> None:
    canvas.text((MARGIN, top), name, 20, ACCENT)
    canvas.text((MARGIN, top + 30), says, 13, FAINT)


def _timeline(canvas: Canvas, top: float, clip: Clip) -> None:
    length = clip.frame_count / clip.fps
    canvas.text((MARGIN, top), "the clip", 20, INK)
    canvas.text((MARGIN, top + 28), f"{length:.1f} s, {clip.frame_count} frames", 13, FAINT)
    canvas.line([(COLUMN, top + 24), (COLUMN + STRIP, top + 24)], INK)
    for number in clip.candidate_indices:
        canvas.line([(_across(clip, number), top + 18), (_across(clip, number), top + 30)], FAINT, 1)
    for number in clip.glance_indices:
        canvas.bar((_across(clip, number) - 3, top + 14), (6, 20), ACCENT)
    canvas.text(
        (COLUMN, top + 38),
        f"{len(clip.candidate_indices)} candidate frames (lines), {len(clip.glance)} glance frames (bars)",
        12,
        FAINT,
    )


def _across(clip: Clip, number: float) -> float:
    return COLUMN + STRIP * (float(number) + 0.5) / clip.frame_count


def _glance(canvas: Canvas, top: float, clip: Clip) -> None:
    side = clip.glance.shape[1]
    _title(
        canvas,
        top,
        "1  glance",
        f"{len(clip.glance)} whole frames, spread evenly,\n{side} x {side} pixels. A small network\n"
        "looks at all of them: cheap.",
    )
    _strip(canvas, top, [Image.fromarray(frame) for frame in clip.glance], STRIP / len(clip.glance), TALL)


def _strip(canvas: Canvas, top: float, pictures: list[Image.Image], step: float, side: float) -> None:
    for place, picture in enumerate(pictures):
        canvas.picture((COLUMN + (place + 0.5) * step - side / 2, top), (side, side), picture)


def _exit(canvas: Canvas, top: float, name: str, confidence: float, threshold: float) -> None:
    canvas.arrow([(MIDDLE, top - 42), (MIDDLE, top)])
    canvas.box((COLUMN, top), (STRIP, 46))
    sure = confidence >= threshold
    canvas.text((COLUMN + 16, top + 14), f"{name}: is the glance confident enough?", 15)
    canvas.text((COLUMN + 330, top + 14), f"confidence {confidence:.2f}, threshold {threshold:.2f}", 15, FAINT)
    canvas.text((COLUMN + STRIP - 16, top + 14), "yes: stop here" if sure else "no: look closer", 15, ACCENT, "ra")
    canvas.text((MARGIN, top + 6), "An easy clip stops here,\nand the rest costs nothing.", 13, FAINT)
    canvas.arrow([(MIDDLE, top + 46), (MIDDLE, top + 84)])


def _policy(canvas: Canvas, top: float, clip: Clip, prediction: Prediction) -> None:
    chosen = len(prediction.frame_indices)
    _title(
        canvas,
        top,
        "2  policy",
        "From the features of the glance:\nwhen to look (weights over time,\n"
        f"{chosen} of {len(clip.candidates)} frames), and where\n(one box).",
    )
    base, weights = top + 62, prediction.frame_weights
    width = STRIP / len(weights)
    for place, weight in enumerate(weights.tolist()):
        tall = 56 * weight / float(weights.max())
        canvas.bar((COLUMN + place * width, base - tall), (width - 3, tall), TRACK)
        canvas.text((COLUMN + place * width + 8, base - 18), f"weight {weight:.2f}", 12, FAINT)
    step = STRIP / chosen
    for place, number in enumerate(prediction.frame_indices):
        above: Point = (_across(clip, number), base + 6)
        canvas.bar((above[0] - 2, base - 4), (4, 10), ACCENT)
        canvas.line([above, (COLUMN + (place + 0.5) * step, base + 40)], ACCENT, 1)
    frames = [
        boxed(clip.candidates[i], box) for i, box in zip(prediction.candidate_indices, prediction.boxes, strict=True)
    ]
    _strip(canvas, base + 42, frames, step, step - 8)
    canvas.arrow([(MIDDLE, base + 42 + step), (MIDDLE, top + 224)])


def _focus(canvas: Canvas, top: float, prediction: Prediction) -> None:
    size = prediction.patches.shape[1]
    _title(
        canvas,
        top,
        "3  focus",
        f"Only the boxes, {size} x {size} pixels\neach. A second network looks at\nthese patches.",
    )
    step = STRIP / len(prediction.patches)
    _strip(canvas, top, [Image.fromarray(patch) for patch in prediction.patches], step, step - 8)
    canvas.arrow([(MIDDLE, top + step - 4), (MIDDLE, top + 138)])


def _answer(canvas: Canvas, top: float, prediction: Prediction) -> None:
    canvas.text((MARGIN, top + 2), "exit 2", 20, ACCENT)
    canvas.text((MARGIN, top + 30), f"The prediction. {prediction.macs / 1e9:.2f} GMAC in all.", 13, FAINT)
    canvas.box((COLUMN, top), (STRIP, 74), WHITE)
    for place, (label, score) in enumerate(prediction.top(BEST)):
        spot = top + 8 + 21 * place
        canvas.text((COLUMN + 16, spot), label, 14)
        canvas.bar((COLUMN + 170, spot + 3), (STRIP - 260, 11), TRACK)
        canvas.bar((COLUMN + 170, spot + 3), ((STRIP - 260) * score, 11), ACCENT if place == 0 else FAINT)
        canvas.text((COLUMN + STRIP - 16, spot), f"{100 * score:.1f} %", 14, INK, "ra")


if __name__ == "__main__":
    main()
