"""The page beside Python: what counts as the same answer."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.apps.web import COMPARED, differences

PATCHES = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
PREDICTION = SimpleNamespace(
    label="archery",
    frame_indices=(3, 9),
    boxes=np.array([[0.1, 0.2, 0.5, 0.5]], np.float32),
    patches=PATCHES,
    exit_logits=(np.array([1.5, -2.25], np.float32),),
)
TOLD: dict[str, Any] = {
    "label": "archery",
    "frameIndices": [3, 9],
    "boxes": [[float(np.float32(share)) for share in (0.1, 0.2, 0.5, 0.5)]],
    "patchesSha256": hashlib.sha256(PATCHES.tobytes()).hexdigest(),
    "logits": [1.5, -2.25],
}


def test_the_same_answer_differs_in_nothing() -> None:
    assert differences(PREDICTION, TOLD) == []


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"label": "bowling"}, ["label"]),
        ({"frameIndices": [3, 8]}, ["frames"]),
        ({"boxes": [[0.1, 0.2, 0.5, 0.6]]}, ["boxes"]),
        ({"boxes": []}, ["boxes"]),
        ({"patchesSha256": "0" * 64}, ["patches"]),
        ({"logits": [1.5, -2.2500002]}, ["logits"]),
        ({"error": "It is damaged."}, list(COMPARED)),
    ],
)
def test_any_other_answer_is_named(change: dict[str, Any], wrong: list[str]) -> None:
    assert differences(PREDICTION, {**TOLD, **change}) == wrong
