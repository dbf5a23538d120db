"""Checkpoints of training and model files: what is damaged, of another kind or not finite is refused in a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from adafocus.calibration.inspection import FORMAT, describe
from adafocus.calibration.quantization.model_file import load_model
from adafocus.calibration.training.checkpoint import load_checkpoint, save_checkpoint
from adafocus.calibration.training.recipe import Recipe
from adafocus.calibration.training.tasks import build_task
from adafocus.errors import AdafocusError
from tests.helpers.training_run import CLASSES, write_recipe

CLASSIFIER = {"backbone": "mobilenet_v2", "frames": 2, "size": 32, "short_side_px": 40}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    recipe = Recipe.read(write_recipe(folder, preset="", overrides={}, classifier=CLASSIFIER))
    net = build_task(recipe, 2).net
    save_checkpoint(folder / "net.safetensors", net.eval(), recipe, CLASSES, {"steps": 0})
    return folder / "net.safetensors"


def changed(checkpoint: Path, path: Path, metadata: dict[str, str], value: float | None = None) -> Path:
    """Write a checkpoint again with other metadata, and with a value in one of its tensors."""
    state = load_file(checkpoint)
    with safe_open(checkpoint, "pt") as file:
        kept = {**file.metadata(), **metadata}
    if value is not None:
        state["head.fc.bias"][1] = value
    save_file(state, path, {key: text for key, text in kept.items() if text})
    return path


def test_a_good_checkpoint_is_read(checkpoint: Path, tmp_path: Path) -> None:
    assert load_checkpoint(changed(checkpoint, tmp_path / "net.safetensors", {})).labels == CLASSES


@pytest.mark.parametrize("load", [load_checkpoint, load_model])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"access denied\n", "access denied"),
        (b"<!doctype html><title>404</title>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (bytes(range(256)) * 4, "net.safetensors"),
    ],
)
def test_what_is_no_checkpoint_says_what_it_is(
    load: Callable[[Path], Any], content: bytes, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(content)
    with pytest.raises(AdafocusError, match=said):
        load(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_checkpoint_that_is_cut_short_is_refused(checkpoint: Path, share: float, tmp_path: Path) -> None:
    path, content = tmp_path / "net.safetensors", checkpoint.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(AdafocusError, match="damaged"):
        load_checkpoint(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_checkpoint_that_is_not_finite_is_refused(checkpoint: Path, value: float, tmp_path: Path) -> None:
    for load, metadata in ((load_checkpoint, {}), (load_model, {"format": FORMAT})):
        path = changed(checkpoint, tmp_path / "net.safetensors", metadata, value)
        with pytest.raises(AdafocusError, match=r"not finite.*head\.fc\.bias"):
            load(path)


@pytest.mark.parametrize("key", ["recipe", "labels", "history"])
@pytest.mark.parametrize("text", ["", "{", "3", '{"1": 2}'])
def test_a_checkpoint_that_does_not_say_what_it_is_of_is_refused(
    checkpoint: Path, key: str, text: str, tmp_path: Path
) -> None:
    if key == "history" and text in ("3", '{"1": 2}'):
        return
    path = changed(checkpoint, tmp_path / "net.safetensors", {key: text})
    with pytest.raises(AdafocusError, match=r"does not (say|fit)"):
        load_checkpoint(path)
    if not text:
        with pytest.raises(AdafocusError, match="damaged"):
            describe(str(path))


@pytest.mark.parametrize("key", ["config", "preset", "labels"])
def test_a_model_file_that_does_not_say_what_it_is_of_is_refused(checkpoint: Path, key: str, tmp_path: Path) -> None:
    texts = {"config": json.dumps({"preset": 1}), "preset": "x", "labels": "[]", key: ""}
    path = changed(checkpoint, tmp_path / "net.safetensors", {"format": FORMAT, **texts})
    with pytest.raises(AdafocusError, match="does not say"):
        load_model(path)


def test_a_tensor_of_another_shape_is_named(checkpoint: Path, tmp_path: Path) -> None:
    path = changed(checkpoint, tmp_path / "net.safetensors", {"labels": json.dumps(["a", "b", "c"])})
    with pytest.raises(AdafocusError, match=r"head\.fc"):
        load_checkpoint(path)
    assert torch.isfinite(load_file(path)["head.fc.bias"]).all()
