"""Predictions of a made-up model, and of the numpy bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from adafocus.calibration.datasets import LabeledClip
from adafocus.calibration.exits.cross_validation import LabeledPredictions
from adafocus.calibration.predictions.collect import Predictions
from adafocus.calibration.predictions.ground_truth import GroundTruth


def made_sample(
    clips: int = 200, exits: int = 2, groups: int = 20, classes: int = 8, seed: int = 0
) -> LabeledPredictions:
    rng = np.random.default_rng(seed)
    first, group = rng.integers(0, classes, clips), rng.integers(0, groups, clips)
    ease = rng.uniform(0, 2, clips) + rng.normal(0, 0.5, groups)[group]
    strength = np.outer(ease, np.linspace(1, 3, exits))
    logits = rng.normal(0, 1, (clips, 1, classes)) + rng.normal(0, 0.5, (clips, exits, classes))
    every = np.eye(classes, dtype=bool)[first]
    logits += strength[:, :, None] * every[:, None, :]
    macs = np.linspace(1e9, 5e9, exits).astype(np.int64)
    found = Predictions(
        tuple(LabeledClip(Path(f"{place}.mp4"), ("a",), f"g{group[place]}", "val") for place in range(clips)),
        logits.astype(np.float32),
        macs,
        np.tile(macs / 1e8, (clips, 1)),
    )
    return LabeledPredictions(found, GroundTruth(first, every), np.array(found.groups()))
