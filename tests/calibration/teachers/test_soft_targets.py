"""What is learned from teachers: the mean of their probabilities, by the content of the clips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from adafocus.calibration.commands.train import train
from adafocus.calibration.datasets import CacheSettings, FrameCache, read_clips
from adafocus.calibration.datasets.fingerprints import fingerprint, joined
from adafocus.calibration.teachers.answers import Answers, read_answers, write_answers
from adafocus.calibration.teachers.predict import Request, predict
from adafocus.calibration.teachers.probe import FITTED
from adafocus.calibration.teachers.soft_targets import Teachers
from adafocus.calibration.training.checkpoint import load_checkpoint
from adafocus.calibration.training.recipe import Classifier, Recipe
from adafocus.edge.bundle.files import sha256_of
from adafocus.errors import AdafocusError
from tests.calibration.teachers.conftest import SHAPE, write_teacher
from tests.helpers.training_run import CLASSES, write_recipe


@pytest.fixture
def stored(clips: Path, teacher: Path, tmp_path: Path) -> Path:
    path = tmp_path / "stored.npz"
    predict(Request(teacher, [clips], None, path))
    return path


def changed(path: Path, out: Path, **changes: Any) -> Path:
    """Write answers again with changes."""
    write_answers(out, replace(read_answers(path), **changes))
    return out


def filled(clips: Path, tmp_path: Path) -> FrameCache:
    cache = FrameCache(tmp_path / "cache", read_clips(clips), CacheSettings(4, 40))
    cache.fill()
    return cache


def softmax(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits) / np.exp(logits).sum(1, keepdims=True)


def test_probabilities_of_checkpoints_and_stored_answers_are_averaged(
    clips: Path, teacher: Path, stored: Path, tmp_path: Path
) -> None:
    cache = filled(clips, tmp_path)
    other = write_teacher(tmp_path / "other.safetensors", seed=3)
    logits = {
        path: Teachers([path], None, CLASSES).logits(cache, tmp_path / "work") for path in (stored, other, teacher)
    }
    assert all(found is not None and found.shape == (12, 2) for found in logits.values())
    assert len([*(tmp_path / "work").glob("teacher-*.pt")]) == 2
    both = Teachers([stored, other], None, CLASSES).logits(cache, tmp_path / "work")
    assert both is not None
    mean = (logits[stored].softmax(1) + logits[other].softmax(1)) / 2  # type: ignore[union-attr]
    assert np.allclose(both.exp(), mean, atol=1e-5)
    assert Teachers([], None, CLASSES).logits(cache, tmp_path / "work") is None


def test_classes_are_found_by_their_names(clips: Path, stored: Path, tmp_path: Path) -> None:
    cache = filled(clips, tmp_path)
    same, turned = (Teachers([stored], None, names).logits(cache, tmp_path) for names in (CLASSES, CLASSES[::-1]))
    assert same is not None
    assert turned is not None
    assert torch.equal(same, turned.flip(1))
    for names, said in ((("bright", "grey"), "differ in 'dark'"), ((*CLASSES, "grey"), "2 classes and the network 3")):
        with pytest.raises(AdafocusError, match=said):
            Teachers([stored], None, names)
    unnamed = changed(stored, tmp_path / "unnamed.npz", labels=())
    Teachers([unnamed], None, CLASSES)
    with pytest.raises(AdafocusError, match="has 2 classes, but the clips have 3"):
        Teachers([unnamed], None, (*CLASSES, "grey"))


def test_clips_that_lack_answers_are_refused_with_the_command_that_adds_them(
    clips: Path, teacher: Path, tmp_path: Path
) -> None:
    part = tmp_path / "part.npz"
    predict(Request(teacher, [clips], "val", part))
    teachers, listed = Teachers([part], None, CLASSES), read_clips(clips)
    said = f"lacks the answers on 8 of 12 clips. Add them: adafocus predict {teacher} --clips {clips} --out {part}"
    with pytest.raises(AdafocusError, match=said):
        teachers.check(listed, [], [clips])
    teachers.check([clip for clip in listed if clip.split == "val"], [0], [clips])


def test_a_probe_must_not_know_the_clips_to_validate_on(clips: Path, stored: Path, tmp_path: Path) -> None:
    listed = read_clips(clips)
    fitted = changed(stored, tmp_path / "probe.npz", made_from={FITTED: joined(fingerprint(c.path) for c in listed)})
    teachers = Teachers([fitted], None, CLASSES)
    teachers.check(listed, [], [clips])
    with pytest.raises(AdafocusError, match=r"probe\.npz is a probe that was fitted to 2 of the 2 clips to validate"):
        teachers.check(listed, [3, 4], [clips])


def test_a_checkpoint_that_does_not_see_the_cache_is_refused(tmp_path: Path, teacher: Path) -> None:
    assert Teachers([teacher], Classifier("x3d_xs"), CLASSES).sha256 == sha256_of(teacher)
    views = write_teacher(tmp_path / "views.safetensors", views=["whole", "motion"])
    with pytest.raises(AdafocusError, match=r"views\.safetensors sees the clips. Store its answers, adafocus predict"):
        Teachers([views], None, CLASSES)
    with pytest.raises(AdafocusError, match="There is no teacher"):
        Teachers([tmp_path / "none.safetensors"], None, CLASSES)
    with pytest.raises(AdafocusError, match="There are no stored answers"):
        Teachers([tmp_path / "none.npz"], None, CLASSES)


@pytest.mark.parametrize("key", ["classifier", "teacher"])
def test_a_network_that_needs_dense_clips_is_in_no_recipe(key: str) -> None:
    with pytest.raises(AdafocusError, match="backbone is i3d, which sees dense clips"):
        Recipe.from_dict({**({"preset": "x3d-xs-xs"} if key == "teacher" else {}), key: {"backbone": "i3d"}})


def run(folder: Path, clips: Path, *teachers: Path, **changes: object) -> Result:
    recipe = write_recipe(folder, preset="", overrides={}, classifier=SHAPE, soft_weight=1.0, epochs=1, **changes)
    given = [str(recipe), "--clips", str(clips), "--work", str(folder / "work"), "--cache", str(folder / "cache")]
    named = [word for path in teachers for word in ("--teacher", str(path))]
    return CliRunner().invoke(train, [*given, "--out", str(folder / "out.safetensors"), *named])


@pytest.mark.slow
def test_a_network_learns_from_two_teachers_and_remembers_their_clips(
    clips: Path, teacher: Path, stored: Path, tmp_path: Path
) -> None:
    # the labels do not count: the network learns what its teachers say
    result = run(tmp_path, clips, teacher, stored, hard_weight=0.0)
    assert result.exit_code == 0, (result.output, result.exception)
    history = load_checkpoint(tmp_path / "out.safetensors").history
    assert "0" * 12 in history["seen"]
    assert len(history["teacher_sha256"]) == 64
    assert history["teacher_sha256"] not in (sha256_of(teacher), sha256_of(stored))
    result = run(tmp_path, clips, stored, hard_weight=0.0)
    assert "holds a run of another teacher" in str(result.exception)


def test_what_does_not_fit_is_told_before_a_clip_is_decoded(clips: Path, stored: Path, tmp_path: Path) -> None:
    lacking = tmp_path / "lacking.npz"
    write_answers(lacking, Answers({"0" * 64: (np.zeros(2, np.float32), np.zeros(1, np.float32))}, CLASSES, {}))
    result = run(tmp_path, clips, stored, lacking)
    assert "lacks the answers on 12 of 12 clips" in str(result.exception)
    assert not (tmp_path / "cache").exists()
