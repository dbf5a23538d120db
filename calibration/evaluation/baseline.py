"""The plain network: a float classifier that looks at whole frames, at several costs of its own."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from torch import Tensor

from adafocus.calibration.datasets import LabeledClip
from adafocus.calibration.datasets.augmentation import normalize
from adafocus.calibration.evaluation.evaluation_input import BASELINE, PlainNetwork
from adafocus.calibration.teachers.loading import load_teacher
from adafocus.calibration.training.checkpoint import is_checkpoint, load_checkpoint
from adafocus.calibration.training.recipe import Classifier, Recipe
from adafocus.calibration.training.tasks import classifier_config
from adafocus.edge.video.clip import sample_video
from adafocus.edge.video.preprocess import fit_frame
from adafocus.errors import AdafocusError
from adafocus.networks.cost import count_macs

MAX_FRAMES, MIN_SIZE_PX, MAX_SIZE_PX = 64, 32, 512


@dataclass(frozen=True)
class View:
    """How many frames a plain network sees of a clip, and their side in pixels."""

    frames: int
    size_px: int

    def __str__(self) -> str:
        return f"{self.frames} x {self.size_px} px"

    @classmethod
    def parse(cls, text: str) -> View:
        """Read a view such as ``8x160``.

        Raises:
            AdafocusError: it is none.
        """
        found = re.fullmatch(r"\s*(\d{1,3})\s*x\s*(\d{2,4})\s*", text)
        frames, size = (0, 0) if found is None else map(int, found.groups())
        if not 1 <= frames <= MAX_FRAMES or not MIN_SIZE_PX <= size <= MAX_SIZE_PX:
            raise AdafocusError(
                f"--view is {text!r}, expected frames x pixels, such as 8x160, with 1 to {MAX_FRAMES} frames of "
                f"{MIN_SIZE_PX} to {MAX_SIZE_PX} px."
            )
        return cls(frames, size)


# the plain network's own curve
VIEWS = tuple(View(frames, size) for frames in (4, 8, 16) for size in (128, 160, 192))


class WholeFrameClassifier:
    """A classifier on whole frames, in float32 by PyTorch."""

    def __init__(self, checkpoint: Path, recipe: Path | None, labels: tuple[str, ...]) -> None:
        """Open a classifier.

        Args:
            checkpoint: of ``adafocus train``, or a published X3D.
            recipe: says how a published one samples a clip (``teacher`` or ``classifier``).
            labels: K, of the bundle.

        Raises:
            AdafocusError: it is no classifier, needs a recipe, or knows other labels.
        """
        self._checkpoint, self._classes = checkpoint, len(labels)
        self._shape, self._order = _shape_and_order(checkpoint, recipe, labels)
        self._net, self._feed = load_teacher(checkpoint, self._shape.backbone), classifier_config(self._shape)

    @property
    def view(self) -> View:
        """The view that it was trained for."""
        return View(self._shape.frames, self._shape.size)

    def predict(self, clips: Sequence[LabeledClip], views: Sequence[View]) -> list[PlainNetwork]:
        """Classify clips that can be read, by every view.

        Frames of one clip are decoded once for all sizes; the short side that the square is cut from grows with its
        size. Milliseconds are those of the network alone, the median.

        Raises:
            AdafocusError: it knows another number of classes than the bundle.
        """
        rows: dict[View, list[NDArray[np.float32]]] = {view: [] for view in views}
        spent_s: dict[View, list[float]] = {view: [] for view in views}
        counts = dict.fromkeys(view.frames for view in views)
        for clip in track(clips, "plain network", console=Console(stderr=True), transient=True):
            for count in counts:
                sizes = [view.size_px for view in views if view.frames == count]
                for size, fed in self._fed(clip, count, sizes).items():
                    view, started = View(count, size), time.perf_counter()
                    with torch.no_grad():
                        rows[view].append(self._net(fed)[0].numpy())
                    spent_s[view].append(time.perf_counter() - started)
        return [self._plain(view, np.stack(rows[view]), 1000.0 * float(np.median(spent_s[view]))) for view in views]

    def _plain(self, view: View, logits: NDArray[np.float32], ms: float) -> PlainNetwork:
        """Return the predictions of one view, in the bundle's order of labels."""
        if logits.shape[1] != self._classes:
            raise AdafocusError(
                f"{self._checkpoint} knows {logits.shape[1]} classes, the bundle {self._classes}. Give a --baseline "
                "for the same labels."
            )
        blank = torch.zeros(1, view.frames, 3, view.size_px, view.size_px)
        macs = count_macs(self._net, lambda: self._net(blank))
        name = BASELINE if view == self.view else f"{BASELINE}, {view}"
        ordered = logits[:, self._order]
        return PlainNetwork(name, view.frames, view.size_px, ordered, macs, ms, "PyTorch, float32", False)

    def _fed(self, clip: LabeledClip, count: int, sizes: Sequence[int]) -> dict[int, Tensor]:
        """Read a clip as evaluation samples it, ``(1, T, 3, S, S)`` by size."""

        def fitted(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
            """Cut the centre square out of a frame in every size, one behind the other."""
            return np.concatenate([fit_frame(frame, size, self._short_side(size)).reshape(-1) for size in sizes])

        pixels = sample_video(clip.path, count, fitted)
        ends = np.cumsum([3 * size * size for size in sizes])
        parts = zip(sizes, np.split(pixels, ends[:-1], axis=1), strict=True)
        return {size: normalize(part.reshape(count, size, size, 3), self._feed)[None] for size, part in parts}

    def _short_side(self, size: int) -> int:
        """Return the short side that a square of this size is cut from, in the proportion of the training."""
        return round(self._shape.short_side_px * size / self._shape.size)


def _shape_and_order(checkpoint: Path, recipe: Path | None, labels: tuple[str, ...]) -> tuple[Classifier, list[int]]:
    """Return how the classifier samples a clip, and where the bundle's labels stand among its own.

    A published checkpoint does not name its labels; they are taken to be those of the bundle, in the same order.
    """
    if not checkpoint.is_file():
        raise AdafocusError(f"There is no baseline at {checkpoint}. Give --baseline the path of a checkpoint.")
    if is_checkpoint(checkpoint):
        trained = load_checkpoint(checkpoint)
        if trained.recipe.classifier is None:
            raise AdafocusError(f"{checkpoint} is no classifier on whole frames. Convert it, and evaluate the bundle.")
        apart = sorted(set(trained.labels) ^ set(labels))
        if apart:
            raise AdafocusError(f"{checkpoint} and the bundle differ in the label {apart[0]!r}. Give one of the same.")
        return trained.recipe.classifier, [trained.labels.index(label) for label in labels]
    found = Recipe.read(recipe) if recipe is not None else None
    shape = None if found is None else found.teacher or found.classifier
    if shape is None:
        raise AdafocusError(
            f"{checkpoint} does not say how it samples a clip. Give --recipe with the key teacher or classifier."
        )
    return shape, list(range(len(labels)))
