"""Weights of glance and focus: found where one of both knows nothing, or shouts."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from adafocus.calibration.exits.fusion import MAX_WEIGHT, Fusion, fit_fusion, try_fusion
from adafocus.calibration.predictions.ground_truth import GroundTruth

CLIPS, CLASSES, GROUPS = 240, 5, 12


def truth_of(rng: np.random.Generator) -> GroundTruth:
    targets = rng.integers(0, CLASSES, CLIPS)
    return GroundTruth(targets, np.eye(CLASSES, dtype=bool)[targets])


def logits_of(truth: GroundTruth, strength: float, rng: np.random.Generator) -> NDArray[np.float32]:
    noise = rng.normal(0, 1, (CLIPS, CLASSES))
    return (noise + strength * truth.multi_hot).astype(np.float32)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1)


@pytest.fixture
def groups() -> NDArray[np.str_]:
    return np.array([f"g{number % GROUPS}" for number in range(CLIPS)])


def test_a_part_that_shouts_without_knowing_more_is_turned_down(
    rng: np.random.Generator, groups: NDArray[np.str_]
) -> None:
    truth = truth_of(rng)
    glance, quiet = logits_of(truth, 2.0, rng), logits_of(truth, 1.0, rng)
    focus = 8 * quiet
    fused = try_fusion(glance, glance, glance + focus, truth, groups)
    assert fused.fusion.focus == pytest.approx(fit_fusion(glance, quiet, truth.targets).focus / 8, rel=0.02)
    assert fused.trained < fused.glance < fused.unseen
    assert fused.never_loses


def test_a_part_that_knows_nothing_gets_hardly_a_weight(rng: np.random.Generator) -> None:
    truth = truth_of(rng)
    found = fit_fusion(logits_of(truth, 2.0, rng), logits_of(truth, 0.0, rng), truth.targets)
    assert found.focus < 0.15 < found.glance


def test_weights_are_the_best_of_a_grid(rng: np.random.Generator) -> None:
    truth = truth_of(rng)
    parts = logits_of(truth, 1.0, rng), logits_of(truth, 2.0, rng)

    def loss(fusion: Fusion) -> float:
        logits = fusion.logits(*parts)
        of_target = logits[np.arange(CLIPS), truth.targets]
        return float((np.log(np.exp(logits).sum(1)) - of_target).mean())

    best = loss(fit_fusion(*parts, truth.targets))
    assert all(
        best <= loss(Fusion(one, other)) + 1e-6 for one in np.arange(0, 3, 0.2) for other in np.arange(0, 3, 0.2)
    )


def test_a_set_that_is_told_apart_has_weights_with_an_end(rng: np.random.Generator) -> None:
    truth = truth_of(rng)
    clean = truth.multi_hot.astype(np.float32)
    found = fit_fusion(clean, clean, truth.targets)
    assert found.glance <= MAX_WEIGHT
    assert found.focus <= MAX_WEIGHT


def test_what_loses_is_called_so(rng: np.random.Generator) -> None:
    truth = truth_of(rng)
    glance, noise = logits_of(truth, 2.0, rng), logits_of(truth, 0.0, rng)
    # in each of two groups the focus is right where it is wrong in the other
    halves = np.array(["a", "b"])[np.arange(CLIPS) % 2]
    turned = np.where(halves == "a", 6.0, -6.0)[:, None] * truth.multi_hot + noise
    fused = try_fusion(glance, 0 * glance, turned.astype(np.float32), truth, halves)
    assert not fused.never_loses
