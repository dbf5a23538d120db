"""The baseline: a float classifier that looks at whole frames, at its own cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from calibration.checkpoint_file import is_checkpoint, load_checkpoint
from calibration.clips import LabelledClip
from calibration.evaluation.figures import Baseline
from calibration.recipe import Classifier, Recipe
from calibration.tasks import feed_of
from calibration.teacher import load_teacher
from calibration.views import normalise
from edge.clip import sample_video
from edge.errors import AdafocusError
from edge.preprocess import fit_frame
from networks.cost import count_macs


def ask_baseline(
    checkpoint: Path, recipe: Path | None, clips: Sequence[LabelledClip], labels: tuple[str, ...]
) -> Baseline:
    """Run a classifier on clips that can be read.

    Args:
        checkpoint: of ``adafocus train``, or a published X3D.
        recipe: says how a published one looks at a clip (``teacher`` or ``classifier``).
        clips: n of them.
        labels: K, of the bundle.

    Raises:
        AdafocusError: it is no classifier, needs a recipe, or knows other labels.
    """
    shape, order = _shape_and_order(checkpoint, recipe, labels)
    net, feed = load_teacher(checkpoint, shape.backbone), feed_of(shape)
    rows, macs = [], 0
    for clip in track(clips, "baseline", console=Console(stderr=True), transient=True):
        pixels = sample_video(clip.path, shape.frames, lambda frame: fit_frame(frame, shape.size, shape.short_side_px))
        view = normalise(pixels, feed)[None]
        macs = macs or count_macs(net, lambda view=view: net(view))
        with torch.no_grad():
            rows.append(net(view)[0].numpy())
    logits = np.stack(rows)
    if order is None and logits.shape[1] != len(labels):
        raise AdafocusError(
            f"{checkpoint} knows {logits.shape[1]} classes, the bundle {len(labels)}. Give a --baseline for the same "
            "labels."
        )
    return Baseline(logits if order is None else logits[:, order], macs)


def _shape_and_order(
    checkpoint: Path, recipe: Path | None, labels: tuple[str, ...]
) -> tuple[Classifier, list[int] | None]:
    """How the classifier looks at a clip, and where the bundle's labels stand among its own, if it names them."""
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
            f"{checkpoint} does not say how it looks at a clip. Give --recipe with the key teacher or classifier."
        )
    return shape, None
