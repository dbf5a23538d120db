"""The baseline: a float classifier that looks at whole frames, at its own cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from adafocus.calibration.datasets import LabeledClip
from adafocus.calibration.datasets.augmentation import normalize
from adafocus.calibration.evaluation.figures import Baseline
from adafocus.calibration.training.checkpoint import is_checkpoint, load_checkpoint
from adafocus.calibration.training.recipe import Classifier, Recipe
from adafocus.calibration.training.tasks import classifier_config
from adafocus.calibration.training.teacher import load_teacher
from adafocus.edge.video.clip import sample_video
from adafocus.edge.video.preprocess import fit_frame
from adafocus.errors import AdafocusError
from adafocus.networks.cost import count_macs


class WholeFrameClassifier:
    """A classifier on whole frames."""

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

    def predict(self, clips: Sequence[LabeledClip]) -> Baseline:
        """Classify clips that can be read.

        Raises:
            AdafocusError: it knows another number of classes than the bundle.
        """
        views = (self._view(clip) for clip in track(clips, "baseline", console=Console(stderr=True), transient=True))
        rows, spent_s = [], []
        with torch.no_grad():
            for view in views:
                started = time.perf_counter()
                rows.append(self._net(view)[0].numpy())
                spent_s.append(time.perf_counter() - started)
        logits = np.stack(rows)
        if logits.shape[1] != self._classes:
            raise AdafocusError(
                f"{self._checkpoint} knows {logits.shape[1]} classes, the bundle {self._classes}. Give a --baseline "
                "for the same labels."
            )
        view = self._view(clips[0])
        macs = count_macs(self._net, lambda: self._net(view))
        return Baseline(logits[:, self._order], macs, 1000.0 * float(np.median(spent_s)))

    def _view(self, clip: LabeledClip) -> Tensor:
        """Read a clip as evaluation samples it, ``(1, T, 3, S, S)``."""
        size, short_side = self._shape.size, self._shape.short_side_px
        pixels = sample_video(clip.path, self._shape.frames, lambda frame: fit_frame(frame, size, short_side))
        return normalize(pixels, self._feed)[None]


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
