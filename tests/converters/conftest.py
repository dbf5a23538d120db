"""The shipped model, as it was trained and quantized."""

from __future__ import annotations

from pathlib import Path

import pytest

from adafocus.calibration.quantization.model_file import StoredModel, load_model


@pytest.fixture(scope="module")
def model(model_path: Path) -> StoredModel:
    return load_model(model_path)
