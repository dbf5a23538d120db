"""Draw the way from a checkpoint to a bundle: ``docs/export.png``.

``python -m docs.tools.export_drawing``
"""

from __future__ import annotations

from dataclasses import dataclass

import click

from docs.tools.canvas import ACCENT, FAINT, INK, PAPER, TRACK, WHITE, Canvas, Point
from docs.tools.table import ROOT

OUT = ROOT / "docs" / "export.png"
WIDTH, HEIGHT = 1080, 668
SIDE, TALL = 232, 84
GAP = (WIDTH - 56 - 4 * SIDE) / 3


@dataclass(frozen=True)
class Box:
    """A thing or a step: where it stands, its name, and what it is."""

    column: int
    top: float
    name: str
    says: str
    step: bool = False

    @property
    def corner(self) -> Point:
        """Return its upper left corner."""
        return 28 + self.column * (SIDE + GAP), self.top

    @property
    def left(self) -> Point:
        """Return the middle of its left side."""
        return self.corner[0], self.top + TALL / 2

    @property
    def right(self) -> Point:
        """Return the middle of its right side."""
        return self.corner[0] + SIDE, self.top + TALL / 2

    @property
    def above(self) -> Point:
        """Return the middle of its upper side."""
        return self.corner[0] + SIDE / 2, self.top

    @property
    def below(self) -> Point:
        """Return the middle of its lower side."""
        return self.corner[0] + SIDE / 2, self.top + TALL


CHECKPOINT = Box(0, 80, "checkpoint", "net.safetensors or net.pth:\nfloat32 weights")
QUANTIZE = Box(1, 80, "adafocus quantize", "int8 weights, scales from\nyour clips", step=True)
MODEL = Box(2, 80, "model file", "model.safetensors: weights,\nscales, labels, recipe")
LOWER = Box(2, 252, "lower", "three static graphs:\nglance, policy, focus", step=True)
CLIPS = Box(0, 396, "real videos", "--verify video.mp4:\nclips are cut from them")
PROGRAM = Box(1, 396, "trained program", "the same stages in PyTorch,\nquantized")
COMPARE = Box(2, 396, "verify", "same clips through both: same\nnumbers, label and frames?", step=True)
CONVERT = Box(3, 252, "convert", ".tflite  .onnx  .pte  .mlpackage,\neach in a process of its own", step=True)
GOLDEN = Box(0, 556, "golden clip", "one real clip and what every\nstage must give")
MANIFEST = Box(1, 556, "manifest.json", "labels, sizes, exits, and the\nhash of every file")
BUNDLE = Box(2, 556, "bundle", "a folder or one .zip: all that\na device needs")
REFUSED = Box(3, 556, "not packed", "a runtime that differs: it fails\nwith a sentence, others go on")
ALL = (CHECKPOINT, QUANTIZE, MODEL, LOWER, CLIPS, PROGRAM, COMPARE, CONVERT, GOLDEN, MANIFEST, BUNDLE, REFUSED)


def draw() -> Canvas:
    """Return the drawing."""
    canvas = Canvas(WIDTH, HEIGHT)
    canvas.box((12, 192), (WIDTH - 24, HEIGHT - 204), PAPER, TRACK, 2)
    canvas.text((28, 28), "From a checkpoint to a bundle", 22, INK)
    canvas.text((28, 208), "adafocus export model.safetensors --out bundle --verify video.mp4", 17, ACCENT)
    for box in ALL:
        canvas.box(box.corner, (SIDE, TALL), WHITE, ACCENT if box.step else TRACK, 2)
        x, y = box.corner
        canvas.text((x + 14, y + 10), box.name, 17, ACCENT if box.step else INK)
        canvas.text((x + 14, y + 36), box.says, 13, FAINT)
    level = (
        (CHECKPOINT, QUANTIZE), (QUANTIZE, MODEL), (LOWER, CONVERT), (CLIPS, PROGRAM), (PROGRAM, COMPARE),
        (GOLDEN, MANIFEST), (MANIFEST, BUNDLE),
    )  # fmt: skip
    for first, second in level:
        canvas.arrow([first.right, second.left])
    for upper, lower in ((MODEL, LOWER), (COMPARE, BUNDLE)):
        canvas.arrow([upper.below, lower.above])
    canvas.arrow([LOWER.left, (PROGRAM.above[0], LOWER.left[1]), PROGRAM.above])
    canvas.arrow([CONVERT.below, (CONVERT.below[0], COMPARE.right[1]), COMPARE.right])
    canvas.text((COMPARE.below[0] + 10, COMPARE.below[1] + 10), "yes", 15, ACCENT)
    turn = COMPARE.below[1] + 44
    start = (COMPARE.below[0] + 60, COMPARE.below[1])
    canvas.arrow([start, (start[0], turn), (REFUSED.above[0], turn), REFUSED.above])
    canvas.text((REFUSED.above[0] - 90, turn - 24), "no", 15, ACCENT)
    return canvas


@click.command()
def main() -> None:
    """Draw the way from a checkpoint to a bundle."""
    draw().save(OUT)
    click.echo(f"wrote {OUT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
