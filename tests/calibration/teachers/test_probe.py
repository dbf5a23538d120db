"""``adafocus probe``: a linear teacher that does not know its clips by heart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adafocus.calibration.datasets.cache_entry import content_key
from adafocus.calibration.datasets.fingerprints import fingerprint, parted
from adafocus.calibration.teachers.answers import Answers, read_answers, write_answers
from adafocus.calibration.teachers.linear_fit import UNSEEN
from adafocus.calibration.teachers.probe import FITTED, Request, probe
from adafocus.errors import AdafocusError
from tests.helpers.program import CallHere

GROUPS, CHANNELS = 12, 40


def write_set(folder: Path, labels: tuple[str, ...] = ("run", "swim")) -> Path:
    """Write files in place of videos, three of each group; nobody decodes them. The last groups validate."""
    lines = ["path,label,group,split"]
    for number in range(3 * GROUPS):
        group = number // 3
        (folder / f"{number}.mp4").write_bytes(bytes([number]) * 50)
        label, split = labels[group % len(labels)], "val" if group >= GROUPS - 3 else "train"
        lines.append(f"{number}.mp4,{label},g{group},{split}")
    path = folder / "clips.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def write_features(folder: Path, name: str, labels: int = 2, told: float = 0.0, seed: int = 0) -> Path:
    """Write features in which the clips of a group are alike, and those of a label as far as is told."""
    rng = np.random.default_rng(seed)
    of_group, of_label = rng.normal(size=(GROUPS, CHANNELS)), rng.normal(size=(labels, CHANNELS))
    rows = {}
    for number in range(3 * GROUPS):
        group = number // 3
        features = 3 * of_group[group] + told * of_label[group % labels] + 0.1 * rng.normal(size=CHANNELS)
        rows[content_key(folder / f"{number}.mp4")] = (np.zeros(4, np.float32), features.astype(np.float32))
    path = folder / name
    write_answers(path, Answers(rows, (), {"checkpoint": name}, ("adafocus", "predict", "net.pth")))
    return path


def request(stored: list[Path], clips: Path, **changes: object) -> Request:
    given = {"train_split": "train", "val_split": "val", "fold": None, "folds": 3, "seed": 1}
    return Request(stored, [clips], out=clips.parent / "probe.npz", **{**given, **changes})  # type: ignore[arg-type]


def shares_right(folder: Path, answers: Answers, members: range) -> float:
    labels = [answers.labels.index(("run", "swim")[number // 3 % 2]) for number in members]
    logits = answers.logits(content_key(folder / f"{number}.mp4") for number in members)
    return float((logits.argmax(1) == labels).mean())


def test_clips_that_are_fitted_to_are_answered_by_fits_to_other_groups(tmp_path: Path) -> None:
    clips = write_set(tmp_path)
    # features say of which group a clip is, and nothing of its label: a fit knows every clip it was fitted to
    blind = probe(request([write_features(tmp_path, "blind.npz")], clips))
    assert shares_right(tmp_path, blind, range(27)) < 0.8
    told = probe(request([write_features(tmp_path, "told.npz", told=9.0)], clips))
    assert shares_right(tmp_path, told, range(27)) == shares_right(tmp_path, told, range(27, 36)) == 1.0
    rows = told.logits(told.rows)
    assert rows.shape == (36, 2)
    assert np.allclose(np.exp(rows).sum(1), 1, atol=1e-5)


def test_several_teachers_are_joined_and_each_is_reported(tmp_path: Path, adafocus_here: CallHere) -> None:
    clips = write_set(tmp_path)
    stored = [write_features(tmp_path, f"{n}.npz", told=3.0, seed=n) for n in (1, 2)]
    out = tmp_path / "probe.npz"
    done = adafocus_here("probe", *stored, "--clips", clips, "--folds", 3, "--out", out)
    assert done.returncode == 0, done.stderr
    for name in (
        "1.npz",
        "2.npz",
        "together",
        "27 clips to fit to, 9 others, 2 classes",
        "next: adafocus train RECIPE",
    ):
        assert name in done.stdout
    found = read_answers(out)
    assert found.labels == ("run", "swim")
    assert len(found.made_from["probe_of"]) == 2
    assert found.features(found.rows).shape == (36, 0)
    assert parted(found.made_from[FITTED]) == {fingerprint(tmp_path / f"{n}.mp4") for n in range(27)} == found.seen
    with pytest.raises(AdafocusError, match=r"probe\.npz holds no features"):
        probe(request([out], clips))


def test_a_fold_is_fitted_without_its_validation_clips(tmp_path: Path) -> None:
    clips = write_set(tmp_path)
    answers = probe(request([write_features(tmp_path, "a.npz", told=9.0)], clips, fold="2/3", train_split=None))
    assert len(answers.rows) == 36
    assert 18 <= len(parted(answers.made_from[FITTED])) <= 30


def test_a_class_that_a_part_never_shows_has_next_to_no_probability(tmp_path: Path) -> None:
    # six labels over nine groups: some are of one group
    labels = tuple("abcdef")
    clips = write_set(tmp_path, labels)
    answers = probe(request([write_features(tmp_path, "a.npz", 6, told=9.0)], clips))
    rows = answers.logits(answers.rows)
    assert float(rows.min()) == UNSEEN
    assert np.isfinite(rows).all()


def test_what_cannot_be_fitted_is_refused(tmp_path: Path) -> None:
    clips = write_set(tmp_path)
    stored = write_features(tmp_path, "a.npz")
    (tmp_path / "35.mp4").write_bytes(b"another video")
    with pytest.raises(AdafocusError, match=r"lacks the answers on 1 of 36 clips. Add them: adafocus predict net\.pth"):
        probe(request([stored], clips))
    with pytest.raises(AdafocusError, match="30 folds need as many groups, found 9"):
        probe(request([stored], clips, folds=30, val_split=None))
    (tmp_path / "0.mp4").unlink()
    with pytest.raises(AdafocusError, match="Cannot read the clip"):
        probe(request([stored], clips))
    one = write_set(tmp_path, ("run",))
    with pytest.raises(AdafocusError, match="All clips to fit to show 'run'"):
        probe(request([stored], one))
    assert not (tmp_path / "probe.npz").exists()
