"""A classifier that learns the views of glance and focus, and the network that is made of it without training."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import save_file

from adafocus import networks
from adafocus.calibration.commands.train import train
from adafocus.calibration.datasets import CacheSettings
from adafocus.calibration.training.checkpoint import load_checkpoint, load_network
from adafocus.calibration.training.recipe import Recipe
from adafocus.calibration.training.tasks import build_task
from adafocus.errors import AdafocusError
from tests.helpers.training_run import write_clips, write_recipe
from tests.helpers.videos import write_video

CLASSIFIER: dict[str, Any] = {"backbone": "mobilenet_v2", "frames": 2, "size": 32, "short_side_px": 32}
OF_VIEWS: dict[str, Any] = {**CLASSIFIER, "views": ["square", "motion", "random"]}
RECIPE = {"preset": "", "overrides": {}, "classifier": OF_VIEWS, "cached_frames": 4, "epochs": 1, "batch": 4}
# the network that sees the same: its pixels are normalized as those of the published encoder
OVERRIDES = {
    **{"glance_frames": 2, "candidate_frames": 4, "focus_frames": 2, "focus_span": "spread"},
    **{"frame_size": 32, "short_side_px": 32, "glance_size": 32, "patch_size": 32, "box_min_px": 16, "box_max_px": 16},
}
NETWORK: dict[str, Any] = {"preset": "tsm-mbv2-mbv2-frame", "overrides": OVERRIDES, "classifier": None}


def run(folder: Path, out: str, *more: str, clips: str = "clips.csv", **changes: object) -> Result:
    """Train in a folder of its own."""
    recipe = write_recipe(folder, **{**RECIPE, **changes})
    places = ["--work", str(folder / f"work-{out}"), "--cache", str(folder / "cache"), "--out", str(folder / out)]
    return CliRunner().invoke(train, [str(recipe), "--clips", str(folder / clips), *places, *more])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with clips and a classifier of three views."""
    place = tmp_path_factory.mktemp("views")
    write_clips(place, 8, 4)
    result = run(place, "classifier.safetensors")
    assert result.exit_code == 0, (result.output, result.exception)
    return place


@pytest.mark.slow
def test_every_view_is_validated_and_glance_and_focus_together(folder: Path) -> None:
    with (folder / "work-classifier.safetensors" / "validation.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert list(row) == ["step", "square", "motion", "mean"]
    assert set(load_checkpoint(folder / "classifier.safetensors").history["validation"]) == {"square", "motion", "mean"}


def test_a_view_is_drawn_for_each_clip_and_step() -> None:
    task = build_task(
        Recipe.from_dict({**RECIPE, "classifier": {**OF_VIEWS, "views": ["square", "whole", "motion"]}}), 2
    )
    assert task.outputs == ("square", "whole", "motion", "mean")
    # frames whose parts differ in brightness: the centre, what moves at the left, and all of it
    frames = np.zeros((4, 40, 80, 3), np.uint8)
    frames[:, :, 20:60] = 90
    frames[1::2, 8:28, :20] = 250
    drawn = [task.inputs(frames, np.random.default_rng(seed)) for seed in range(24)]
    assert {len(parts) for parts in drawn} == {1}
    found = {(tuple(part.shape), round(float(part.mean()), 1)) for (part,) in drawn}
    assert {shape for shape, _ in found} == {(2, 3, 32, 32)}
    assert len(found) >= 3
    shown = task.inputs(frames, None)
    assert [tuple(part.shape) for part in shown] == [(2, 3, 32, 32)] * 3


def test_frames_are_kept_as_large_as_the_smallest_square_needs() -> None:
    task = build_task(Recipe.from_dict(RECIPE), 2)
    assert task.cache_settings == CacheSettings(4, 64, native=True)
    plain = build_task(Recipe.from_dict({**RECIPE, "classifier": CLASSIFIER}), 2)
    assert plain.cache_settings == CacheSettings(4, 32)
    assert plain.outputs == ("final",)


@pytest.mark.slow
def test_the_network_that_a_classifier_becomes_answers_as_it_does_of_both_views(folder: Path) -> None:
    start = ("--start", str(folder / "classifier.safetensors"), "--epochs", "0")
    result = run(folder, "net.safetensors", *start, **NETWORK)
    assert result.exit_code == 0, (result.output, result.exception)
    made, classifier = load_network(folder / "net.safetensors"), load_checkpoint(folder / "classifier.safetensors")
    assert made.history["steps"] == 0
    assert set(made.history["validation"]) == {"glance", "final"}
    glance, patches = (torch.randn(1, 2, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    with torch.no_grad():
        found = made.net.infer(patches, glance)  # type: ignore[operator]
        of_glance, of_focus = classifier.net(glance), classifier.net(patches)
    assert torch.allclose(found.glance_logits, of_glance, atol=1e-5)
    assert torch.allclose(found.logits, (of_glance + of_focus) / 2, atol=1e-5)


@pytest.mark.slow
def test_a_network_of_motion_is_trained_on_further(folder: Path) -> None:
    start = ("--start", str(folder / "classifier.safetensors"))
    result = run(folder, "trained.safetensors", *start, **NETWORK, ema_decay=0.9)
    assert result.exit_code == 0, (result.output, result.exception)
    with (folder / "work-trained.safetensors" / "steps.csv").open(newline="") as file:
        row = next(csv.DictReader(file))
    assert {"prediction", "glance", "local"} <= set(row)
    assert not {"temporal", "spatial", "size"} & set(row)


@pytest.mark.slow
def test_a_network_that_says_where_to_look_in_whole_frames_is_trained(folder: Path, tmp_path: Path) -> None:
    """Clips of several sizes are in one batch, since each cuts its own patches."""
    write_clips(tmp_path, 8, 4)
    for number in range(0, 12, 3):
        write_video(tmp_path / f"{number}.avi", 6 + number, (56, 100), "mjpeg", "yuvj420p")
    looking = {"policy": "network", "focus_span": "weights", "glance_fit": "padded", "box_max_px": 32}
    network = {"preset": NETWORK["preset"], "overrides": {**OVERRIDES, **looking}, "classifier": None}
    result = run(tmp_path, "policy.safetensors", **network)
    assert result.exit_code == 0, (result.output, result.exception)
    result = run(tmp_path, "frozen.safetensors", **network, frozen=["_encoder", "_head", "local_aux"])
    assert result.exit_code == 0, (result.output, result.exception)
    with (tmp_path / "work-frozen.safetensors" / "steps.csv").open(newline="") as file:
        assert set(next(csv.DictReader(file))) >= {"temporal", "spatial", "size"}


@pytest.mark.slow
def test_no_epoch_needs_neither_classes_nor_a_batch(folder: Path, tmp_path: Path) -> None:
    """Published classifiers know other classes than the clips at hand."""
    (tmp_path / "labels.txt").write_text("one\ntwo\nthree\n")
    classifier = networks.build_classifier("mobilenet_v2", 3, 8)
    save_file(classifier.state_dict(), tmp_path / "published.safetensors")
    start = ("--start", str(tmp_path / "published.safetensors"), "--labels", str(tmp_path / "labels.txt"))
    result = run(folder, "other.safetensors", *start, **NETWORK, epochs=0, batch=100)
    assert result.exit_code == 0, (result.output, result.exception)
    assert load_network(folder / "other.safetensors").labels == ("one", "two", "three")


@pytest.mark.slow
@pytest.mark.parametrize("frozen", [True, False])
def test_norms_of_a_folded_start_are_measured_where_they_learn(folder: Path, shared: Path, frozen: bool) -> None:
    start = ("--start", str(shared / "weights" / "mobilenet_v2_imagenet.safetensors"))
    out = f"folded-{frozen}.safetensors"
    result = run(folder, out, *start, frozen_norms=frozen)
    assert result.exit_code == 0, (result.output, result.exception)
    assert ("52 folded batch norms have the statistics of the clips now" in result.output) != frozen
    state = load_checkpoint(folder / out).net.state_dict()
    assert all(bool(value.eq(1.0 - 1e-5).all()) == frozen for name, value in state.items() if "running_var" in name)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"views": ["centre"]}, r"classifier\.views\.0 is 'centre'"),
        ({"box_side": 0.0}, "box_side is 0.0, expected above 0 and at most 1"),
        ({"candidate_frames": 1}, "candidate_frames is 1, expected at least the 2 frames"),
        ({"backbone": "x3d_xs", "shift": "past"}, "shift is past with backbone x3d_xs, which has no temporal shift"),
        ({"shift": "future"}, r"classifier\.shift is 'future'"),
    ],
)
def test_views_that_cannot_be_cut_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(AdafocusError, match=said):
        Recipe.from_dict({**RECIPE, "classifier": {**OF_VIEWS, **changes}})


@pytest.mark.parametrize("shift", ["both", "past"])
def test_a_classifier_of_the_past_does_not_see_what_comes(shift: str) -> None:
    recipe = Recipe.from_dict({**RECIPE, "classifier": {**OF_VIEWS, "shift": shift}})
    encoder = build_task(recipe, 2).net.get_submodule("encoder").eval()
    frames = torch.rand(1, 2, 3, 32, 32)
    later = frames.clone()
    later[:, 1] += 1.0
    with torch.no_grad():
        unmoved = torch.equal(encoder(frames)[:, 0], encoder(later)[:, 0])
    assert unmoved == (shift == "past")


def test_a_share_of_random_boxes_is_one() -> None:
    with pytest.raises(AdafocusError, match=r"random_boxes is 1\.5, expected a share from 0 to 1"):
        Recipe.from_dict({**RECIPE, "random_boxes": 1.5})
