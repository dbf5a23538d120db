"""Fitting: taken up where it stopped, it ends with the same weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from calibration.clips import CacheSettings, FrameCache, read_clips
from calibration.fitting import Fitting, Material, split_by_group
from calibration.recipe import Recipe
from edge.errors import AdafocusError

RECIPE = Recipe(
    preset="x3d-xs-xs",
    overrides={"glance_size": 32, "patch_size": 32, "frame_size": 64, "short_side_px": 72, "box_min_px": 24},
    cached_frames=8,
    calibration_clips=2,
    policy_views=1,
    policy_epochs=1,
    epochs=2,
    batch=1,
)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """With several threads the order of sums, and so the last bits, may differ from run to run."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def material(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Material:
    clips = read_clips(shared / "clips" / "jhmdb21.csv", "train")[:40:8]
    cache = FrameCache(tmp_path_factory.mktemp("cache"), clips, CacheSettings(8, 72))
    cache.fill()
    answers = torch.randn(len(clips), 400, generator=torch.Generator().manual_seed(0))
    return Material(cache, answers, np.arange(2), np.arange(2, 4))


def weights(fitting: Fitting) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in fitting.student.state_dict().items()}


def test_a_run_that_is_stopped_and_resumed_ends_with_the_same_weights(
    shared: Path, material: Material, tmp_path: Path
) -> None:
    teacher = shared / "weights" / "x3d_xs_k400.safetensors"
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    whole = Fitting(tmp_path / "whole", material, RECIPE, teacher)
    start = weights(whole)
    whole.run()
    stopped = Fitting(tmp_path / "parts", material, RECIPE, teacher)
    stopped._train_step()
    stopped.step += 1
    stopped._save()
    resumed = Fitting(tmp_path / "parts", material, RECIPE, teacher)
    assert resumed.step == 1
    resumed.run()
    first, second = weights(whole), weights(resumed)
    different = [name for name, value in first.items() if not torch.equal(value, second[name])]
    assert different == []
    assert sum(not torch.equal(value, start[name]) for name, value in first.items()) > 100


def test_groups_are_held_out_whole(shared: Path, tmp_path: Path) -> None:
    clips = read_clips(shared / "clips" / "ucf6.csv", "train")
    cache = FrameCache(tmp_path, clips, CacheSettings(1, 8))
    taught, held = split_by_group(cache, 0.1, seed=3)
    assert len(taught) + len(held) == len(clips)
    assert len(held) >= 0.1 * len(clips)
    assert not {(clips[i].label, clips[i].group) for i in taught} & {(clips[i].label, clips[i].group) for i in held}


def test_a_recipe_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("preset: x3d-xs-xs\nepoch: 3\n")
    with pytest.raises(AdafocusError, match="epochs"):
        Recipe.read(path)
