"""A teacher that is asked at every step about the very pixels that the network learns from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from adafocus.calibration.commands.train import train
from adafocus.calibration.teachers.beside import TeacherBeside
from adafocus.calibration.training.checkpoint import load_checkpoint
from adafocus.calibration.training.losses import Target
from adafocus.calibration.training.recipe import Recipe
from adafocus.calibration.training.tasks import build_task, random_run
from adafocus.edge.bundle.files import sha256_of
from adafocus.errors import AdafocusError
from adafocus.networks import PRESETS
from tests.calibration.teachers.conftest import SHAPE, write_teacher
from tests.helpers.training_run import CLASSES, write_recipe

RECIPE: dict[str, Any] = {"classifier": SHAPE, "soft_weight": 1.0, "hard_weight": 0.0, "teacher_sees": "view"}


def test_it_is_asked_about_the_pixels_that_the_network_sees(teacher: Path) -> None:
    """Each has its own mean and deviation, but they are the same pixels."""
    task = build_task(Recipe.from_dict({**RECIPE, "classifier": {**SHAPE, "backbone": "x3d_xs"}}), 2)
    TeacherBeside([teacher], CLASSES).join(task)
    pixels = torch.rand(2, 2, 3, 32, 32, generator=torch.Generator().manual_seed(0))

    def normalized(preset: str) -> torch.Tensor:
        config = PRESETS[preset]
        return (pixels - torch.tensor(config.mean)[:, None, None]) / torch.tensor(config.std)[:, None, None]

    asked = task.get_submodule("teacher")
    wanted = load_checkpoint(teacher).net(normalized("tsm-mbv2-mbv2"))
    assert torch.allclose(asked(normalized("x3d-xs-xs")), wanted, atol=1e-4)
    task.train()
    assert not any(module.training for module in asked.modules())
    assert not any(parameter.requires_grad for parameter in asked.parameters())


def test_the_loss_is_nothing_where_the_network_says_what_the_teacher_does(teacher: Path) -> None:
    task = build_task(Recipe.from_dict(RECIPE), 2)
    TeacherBeside([teacher], CLASSES).join(task)
    frames = (torch.randn(4, 2, 3, 32, 32),)
    target = Target(torch.full((4,), -1))
    task.eval()
    assert float(task(frames, target, torch.Generator())["prediction"]) > 1e-3
    task.net.load_state_dict(load_checkpoint(teacher).net.state_dict())
    assert float(task(frames, target, torch.Generator())["prediction"]) == pytest.approx(0.0, abs=1e-6)


def run(clips: Path, tmp_path: Path, *teachers: Path, **changes: object) -> Result:
    recipe = write_recipe(tmp_path, **{"preset": "", "overrides": {}, "batch": 4, "epochs": 1, **RECIPE, **changes})
    places = ["--work", str(tmp_path / "work"), "--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "out.pt")]
    given = [word for path in teachers for word in ("--teacher", str(path))]
    return CliRunner().invoke(train, [str(recipe), "--clips", str(clips), *places, *given])


@pytest.mark.slow
def test_training_learns_from_it_and_says_so(clips: Path, teacher: Path, tmp_path: Path) -> None:
    result = run(clips, tmp_path, teacher, shortest_run=0.5)
    assert result.exit_code == 0, (result.output, result.exception)
    trained = load_checkpoint(tmp_path / "out.pt")
    assert trained.history["teacher_sha256"] == sha256_of(teacher)
    assert set(trained.net.state_dict()) == set(load_checkpoint(teacher).net.state_dict())


def test_what_cannot_be_asked_is_refused(clips: Path, teacher: Path, tmp_path: Path, shared: Path) -> None:
    stored, others = tmp_path / "stored.npz", write_teacher(tmp_path / "others.pt", labels=("one", "two", "three"))
    turned = write_teacher(tmp_path / "turned.pt", labels=CLASSES[::-1])
    dense = shared / "weights" / "i3d_rgb_k400.safetensors"
    for teachers, said in (
        ((teacher, teacher), "takes one teacher, found 2. Give --teacher once"),
        ((stored,), "holds stored answers, which nobody can ask anything"),
        ((others,), "has 3 classes, but the network 2: check --labels"),
        ((turned,), "knows other classes than the network, or in another order"),
        ((dense,), "sees dense clips only"),
    ):
        result = run(clips, tmp_path, *teachers)
        assert isinstance(result.exception, AdafocusError), result.output
        assert said in str(result.exception)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"soft_weight": 0.0, "hard_weight": 1.0}, "teacher_sees is view, which needs the key classifier"),
        ({"classifier": None, "preset": "tsm-mbv2-mbv2"}, "teacher_sees is view, which needs the key classifier"),
        ({"shortest_run": 0.0}, r"shortest_run is 0\.0, expected a share above 0 and at most 1"),
        (
            {"teacher_sees": "clip", "classifier": None, "preset": "tsm-mbv2-mbv2", "shortest_run": 0.5},
            "shortest_run is of a classifier's clips",
        ),
    ],
)
def test_a_recipe_that_contradicts_itself_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(AdafocusError, match=said):
        Recipe.from_dict({**RECIPE, **changes})


def test_runs_of_frames_are_as_long_as_asked_and_lie_anywhere() -> None:
    frames = np.arange(12, dtype=np.uint8)[:, None, None, None]
    rng = np.random.default_rng(0)
    runs = [random_run(frames, 0.4, rng)[:, 0, 0, 0] for _ in range(300)]
    assert {len(run) for run in runs} == set(range(5, 13))
    assert {int(run[0]) for run in runs if len(run) == 5} == set(range(8))
    assert all(np.array_equal(run, np.arange(run[0], run[0] + len(run))) for run in runs)
    assert np.array_equal(random_run(frames, 1.0, rng), frames)
