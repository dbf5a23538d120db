"""Quantization-aware training resumes only from what it was started with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import nn

from adafocus.calibration.commands.quantize import quantize
from adafocus.calibration.quantization.pipeline import CHECKPOINT, QatTrainer, Settings
from adafocus.calibration.training.checkpoint import save_checkpoint
from adafocus.calibration.training.recipe import Recipe
from adafocus.calibration.training.tasks import build_task
from adafocus.errors import AdafocusError
from tests.helpers.training_run import CLASSES, write_clips, write_recipe

SETTINGS = Settings(steps=4, batch=2)
MADE_FROM = {"checkpoint": "a" * 64, "clips to train on": {"clips": 4, "videos": "v", "labels": "l"}}


class SmallNetwork(nn.Module):
    """Stand for a quantized network; only its weights are saved and loaded."""

    def __init__(self, width: int = 2) -> None:
        super().__init__()
        self.glance = nn.Linear(width, 2)

    def prepared(self) -> dict[str, nn.Module]:
        return {"glance": self.glance}


def trainer(folder: Path, settings: Settings = SETTINGS, width: int = 2, **changes: Any) -> QatTrainer:
    stages: Any = None
    network: Any = SmallNetwork(width)
    return QatTrainer(stages, network, settings, folder, {**MADE_FROM, **changes})


@pytest.fixture
def work(tmp_path: Path) -> Path:
    begun = trainer(tmp_path)
    begun.step = 2
    begun.save()
    return tmp_path


def test_the_same_run_goes_on(work: Path) -> None:
    assert trainer(work).step == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"settings": Settings(steps=5, batch=2)}, r"other settings \(steps is 4 there, 5 here\)"),
        ({"settings": Settings(4, 4, 2, 1e-4)}, "other settings"),
        ({"checkpoint": "b" * 64}, r"another checkpoint \(aaaaaaaa\.\.\. there, bbbbbbbb\.\.\. here\)"),
        ({"clips to train on": {"clips": 5, "videos": "v", "labels": "l"}}, "4 there, 5 here"),
        ({"clips to train on": {"clips": 4, "videos": "w", "labels": "l"}}, "4 of other content"),
        ({"clips to train on": {"clips": 4, "videos": "v", "labels": "m"}}, "other labels"),
    ],
)
def test_a_run_of_something_else_is_refused(work: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(AdafocusError, match=rf"{said}.*--work"):
        trainer(work, **changes)


@pytest.mark.parametrize("content", [b"", b"garbage", bytes(500), b"\x80\x02}q\x00"])
def test_a_checkpoint_that_is_none_is_refused(work: Path, content: bytes) -> None:
    (work / CHECKPOINT).write_bytes(content)
    with pytest.raises(AdafocusError, match=r"quantizing\.pt is damaged.*Delete it"):
        trainer(work)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_checkpoint_that_is_cut_short_is_refused(work: Path, share: float) -> None:
    content = (work / CHECKPOINT).read_bytes()
    (work / CHECKPOINT).write_bytes(content[: int(share * len(content))])
    with pytest.raises(AdafocusError, match=r"quantizing\.pt is damaged.*Delete it"):
        trainer(work)


def test_weights_that_do_not_fit_are_refused(work: Path) -> None:
    with pytest.raises(AdafocusError, match="damaged"):
        trainer(work, width=3)
    torch.save({"step": 3}, work / CHECKPOINT)
    with pytest.raises(AdafocusError, match="damaged"):
        trainer(work)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    write_clips(folder, 4, 2)
    for seed in (0, 1):
        torch.manual_seed(seed)
        recipe = Recipe.read(write_recipe(folder))
        net = build_task(recipe, 2).net
        with torch.no_grad():
            for _ in range(20):
                net.train_forward(torch.randn(2, 4, 3, 64, 64), torch.randn(2, 2, 3, 32, 32))
        save_checkpoint(folder / f"{seed}.safetensors", net.eval(), recipe, CLASSES, {"steps": 0})
    return folder


@pytest.mark.slow
def test_the_verb_refuses_other_weights_settings_and_clips(inputs: Path, tmp_path: Path) -> None:
    lines = (inputs / "clips.csv").read_text().splitlines()
    (inputs / "fewer.csv").write_text("\n".join(line for line in lines if not line.startswith("1.avi")))

    def said(checkpoint: str, clips: str, *more: str) -> str:
        places = ["--work", str(tmp_path / "work"), "--cache", str(inputs / "cache"), "--out", str(tmp_path / "out.st")]
        given = ["--clips", str(inputs / clips), *places, "--steps", "1", "--batch", "1", "--bound", "100", *more]
        result = CliRunner().invoke(quantize, [str(inputs / checkpoint), *given])
        assert result.exception is None or isinstance(result.exception, AdafocusError)
        (tmp_path / "out.st").unlink(missing_ok=result.exception is not None)
        return str(result.exception or "")

    assert said("0.safetensors", "clips.csv") == ""
    assert "another checkpoint" in said("1.safetensors", "clips.csv")
    assert "other settings (seed is 1 there, 2 here)" in said("0.safetensors", "clips.csv", "--seed", "2")
    assert "other clips to train on (4 there, 3 here)" in said("0.safetensors", "fewer.csv")
    assert "only of train, val" in said("0.safetensors", "clips.csv", "--val-split", "vall")
    assert said("0.safetensors", "clips.csv") == ""
    (tmp_path / "work" / CHECKPOINT).write_bytes(b"")
    assert "is damaged" in said("0.safetensors", "clips.csv")
