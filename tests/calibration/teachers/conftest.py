"""Clips and small teachers for them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from adafocus import networks
from adafocus.calibration.training.checkpoint import save_checkpoint
from adafocus.calibration.training.recipe import Recipe
from tests.helpers.small_networks import lively
from tests.helpers.training_run import CLASSES, write_clips

SHAPE = {"backbone": "mobilenet_v2", "frames": 2, "size": 32, "short_side_px": 40}


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a list of eight clips to train on and four to validate on, in two classes."""
    return write_clips(tmp_path_factory.mktemp("clips"), 8, 4)


def write_teacher(path: Path, seed: int = 1, labels: tuple[str, ...] = CLASSES, **shape: object) -> Path:
    """Write a classifier of random weights as ``adafocus train`` does."""
    torch.manual_seed(seed)
    net = lively(networks.build_classifier("mobilenet_v2", len(labels)), seed)
    save_checkpoint(path, net, Recipe.from_dict({"classifier": {**SHAPE, **shape}}), labels, {"seen": "0" * 12})
    return path


@pytest.fixture(scope="session")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a classifier of random weights."""
    return write_teacher(tmp_path_factory.mktemp("teacher") / "teacher.safetensors")
