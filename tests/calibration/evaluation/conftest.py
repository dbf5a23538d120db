"""Grey clips and a bundle of numpy graphs that calls every one of them ``run``, the brighter the surer."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from grey_clips import CLIPS
from numpy_bundle import NumpyOpener, numpy_bundle

from adafocus.edge.manifest import ExitBudget, Exits
from adafocus.edge.recognizer import Recognizer

EXITS = Exits(temperature=2.0, budgets=(ExitBudget(unit="GMAC", budget=0.0012, thresholds=(0.6,)),))


@pytest.fixture
def clip_list(tmp_path: Path) -> Path:
    place = tmp_path / "clips"
    place.mkdir()
    rows = []
    for number, (level, label, group) in enumerate(CLIPS):
        np.save(place / f"{number}.npy", np.full((12, 16, 16, 3), level, np.uint8))
        rows.append([f"{number}.npy", label, group, "val"])
    with (place / "clips.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label", "group", "split"], *rows])
    return place / "clips.csv"


@pytest.fixture
def opener() -> NumpyOpener:
    return NumpyOpener()


@pytest.fixture
def recognizer(opener: NumpyOpener) -> Recognizer:
    return Recognizer(numpy_bundle("tsm", EXITS), "litert", 1, None, opener)
