"""Training: taken up wherever it stopped, it ends with the same weights; two processes learn what one does."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from adafocus.calibration.commands.train import train
from adafocus.calibration.datasets import LabeledClip
from adafocus.calibration.training.data import Fold, StepSampler, split_folds
from adafocus.calibration.training.recipe import Recipe
from adafocus.errors import AdafocusError
from tests.helpers.training_run import write_clips, write_recipe

PROGRAM = Path(sys.executable).with_name("adafocus")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clips(tmp_path_factory.mktemp("clips"))


def arguments(recipe: Path, clips: Path, place: Path, *more: str) -> list[str]:
    return [
        str(recipe),
        *("--clips", str(clips), "--work", str(place / "work"), "--cache", str(clips.parent / "cache")),
        *("--out", str(place / "out.safetensors"), *more),
    ]


def test_splits_have_their_former_spellings_and_all_and_none_stand_for_no_split(tmp_path: Path) -> None:
    given = arguments(tmp_path / "recipe.yaml", tmp_path / "clips.csv", tmp_path)
    for spelling, other in (("--train-split", "--val-split"), ("--split", "--judge")):
        named = train.make_context("train", [*given, spelling, "a", other, "b"]).params
        assert (named["train_split"], named["val_split"]) == ("a", "b")
        neither = train.make_context("train", [*given, spelling, "all", other, "none"]).params
        assert (neither["train_split"], neither["val_split"]) == (None, None)
    usual = train.make_context("train", given).params
    assert (usual["train_split"], usual["val_split"]) == ("train", "val")


def launch(given: list[str]) -> subprocess.Popen[str]:
    """Run the command as a program of its own, on one thread: with more, the order of sums may change."""
    return subprocess.Popen(
        [PROGRAM, "train", *given],
        env={"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(given: list[str]) -> None:
    process = launch(given)
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output


def steps(work: Path) -> list[dict[str, str]]:
    with (work / "steps.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_with_the_same_weights(clips: Path, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, ema_decay=0.9)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    finish(arguments(recipe, clips, whole))
    rng = np.random.default_rng()
    for number in range(2):
        process = launch(arguments(recipe, clips, parts))
        deadline = time.monotonic() + 120
        wanted = 1 + number + int(rng.integers(2))
        while process.poll() is None and time.monotonic() < deadline:
            if (parts / "work" / "steps.csv").exists() and len(steps(parts / "work")) >= wanted:
                break
            time.sleep(0.01)
        time.sleep(float(rng.uniform(0, 0.2)))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    finish(arguments(recipe, clips, parts))
    first, second = (load_file(place / "out.safetensors") for place in (whole, parts))
    assert [name for name, value in first.items() if not torch.equal(value, second[name])] == []
    numbers = [int(row["step"]) for row in steps(parts / "work")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert [row["total"] for row in steps(parts / "work")] == [row["total"] for row in steps(whole / "work")]
    assert (parts / "work" / "curves.png").stat().st_size > 1000


@pytest.mark.slow
def test_two_processes_learn_what_one_does(clips: Path, tmp_path: Path) -> None:
    # batch norms would see halves of the batch
    recipe = write_recipe(tmp_path, frozen_norms=True, epochs=3)
    curves = []
    for name, more in (("one", ()), ("two", ("--processes", "2"))):
        (tmp_path / name).mkdir()
        finish(arguments(recipe, clips, tmp_path / name, *more))
        curves.append([[float(row[term]) for term in ("glance", "total")] for row in steps(tmp_path / name / "work")])
    one, two = np.array(curves)
    assert one.shape == two.shape == (9, 2)
    assert np.abs(one - two).max() < 0.15 * one.max()


def test_every_epoch_is_a_permutation_that_processes_share_out() -> None:
    indices = np.arange(10)
    whole = StepSampler(indices, 4, 2, 7, 0, 1)
    keys = [key for batch in whole for key in batch]
    assert len(whole) == 4
    assert len({index for epoch, index in keys if epoch == 0}) == 8
    halves = [list(StepSampler(indices, 4, 2, 7, rank, 2)) for rank in (0, 1)]
    for batch, first, second in zip(whole, *halves, strict=True):
        assert sorted(batch) == sorted(first + second)
    later = StepSampler(indices, 4, 2, 7, 0, 1)
    later.start = 3
    assert list(later) == list(whole)[3:]


def test_folds_keep_groups_whole_and_validate_on_every_clip_once() -> None:
    clips = [LabeledClip(Path(f"{n}.avi"), (f"c{n % 3}",), f"g{n // 2}", "train") for n in range(60)]
    validated: list[int] = []
    for number in range(1, 6):
        training, validation = split_folds(clips, Fold(number, 5), seed=3)
        groups = [{clips[i].group for i in indices} for indices in (training, validation)]
        assert not groups[0] & groups[1]
        assert sorted(training + validation) == list(range(60))
        validated += validation
    assert sorted(validated) == list(range(60))


@pytest.mark.parametrize("text", ["5", "0/5", "6/5", "1/1", "a/b", "1/2/3"])
def test_a_fold_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(AdafocusError, match="2/5"):
        Fold.parse(text)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"epoch": 3}, "epoch"),
        ({"classifier": {"backbone": "x3d_xs"}}, "exactly one"),
        ({"soft_weight": 1.0}, "--teacher"),
        ({"hard_weight": 0.0}, "nothing would train"),
        ({"rates": {"glances": 1.0}}, "glances"),
        ({"epochs": -1}, "epochs"),
        ({"overrides": {"glance_frame": 3}}, "glance_frame"),
        ({"frozen": ["no_such_part"]}, "no_such_part"),
        ({"frozen": [""]}, "nothing is left"),
        ({"batch": 64}, "fewer than one batch"),
        ({"learning_rate": 1e30, "gradient_norm": 0.0}, "not finite"),
    ],
)
def test_a_recipe_that_cannot_be_run_is_answered_with_a_sentence(
    clips: Path, tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    recipe = write_recipe(tmp_path, **changes)
    result = CliRunner().invoke(train, arguments(recipe, clips, tmp_path))
    assert isinstance(result.exception, AdafocusError)
    assert said in str(result.exception)
    assert not (tmp_path / "out.safetensors").exists()


def test_a_recipe_survives_its_own_form() -> None:
    recipe = Recipe.read(Path("calibration/recipes/x3d-xs-jhmdb.yaml"))
    assert Recipe.from_dict(recipe.as_dict()) == recipe


@pytest.mark.slow
def test_another_recipe_in_the_same_folder_is_refused(clips: Path, tmp_path: Path) -> None:
    first = CliRunner().invoke(train, arguments(write_recipe(tmp_path, epochs=1), clips, tmp_path))
    assert first.exit_code == 0, first.output
    second = CliRunner().invoke(train, arguments(write_recipe(tmp_path, epochs=1, seed=2), clips, tmp_path))
    assert "another recipe" in str(second.exception)


@pytest.mark.slow
def test_the_start_keeps_its_share_of_the_weights(clips: Path, tmp_path: Path) -> None:
    weights = {}
    for name, settings in (("start", {"epochs": 0}), ("trained", {}), ("blended", {"start_share": 0.25})):
        (tmp_path / name).mkdir()
        recipe = write_recipe(tmp_path / name, frozen_norms=True, **settings)
        run = CliRunner().invoke(train, arguments(recipe, clips, tmp_path / name, "--val-split", "none"))
        assert run.exit_code == 0, run.output
        weights[name] = load_file(tmp_path / name / "out.safetensors")
    moved = 0
    for name, blended in weights["blended"].items():
        start, trained = weights["start"][name], weights["trained"][name]
        moved += int(not torch.equal(start, trained))
        if start.is_floating_point():
            assert torch.allclose(blended, 0.25 * start + 0.75 * trained, atol=1e-6), name
    assert moved > 10
