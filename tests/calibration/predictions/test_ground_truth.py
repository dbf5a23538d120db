"""Labels of clips in the classes of a bundle."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from adafocus.calibration.datasets import LabeledClip, read_clips
from adafocus.calibration.predictions.ground_truth import ground_truth, read_label_map
from adafocus.errors import AdafocusError

MAP = Path("calibration/labels/ucf6_to_kinetics400.yaml")
LABELS = ("walk", "run", "swim")


def clip(*labels: str) -> LabeledClip:
    return LabeledClip(Path("a.mp4"), labels, "g", "val")


def test_every_label_of_the_list_is_mapped_to_one_of_the_bundle(shared: Path) -> None:
    labels = tuple((shared / "weights" / "kinetics400_labels.txt").read_text().splitlines())
    truth = ground_truth(read_clips(shared / "clips" / "ucf6.csv", "val"), labels, read_label_map(MAP))
    assert len(truth.classes) == 6
    assert labels[truth.targets[0]] == "archery"
    assert not truth.multi_label


def test_a_clip_may_show_several_classes() -> None:
    truth = ground_truth([clip("swim", "walk"), clip("walk")], LABELS, {})
    assert truth.targets.tolist() == [2, 0]
    assert truth.multi_hot.tolist() == [[True, False, True], [True, False, False]]
    assert truth.classes.tolist() == [0, 2]
    assert truth.multi_label


def test_a_label_that_the_bundle_does_not_know_is_named() -> None:
    with pytest.raises(AdafocusError, match=r"show Walk, but .* begin with walk, run, swim.*--label-map"):
        ground_truth([clip("Walk")], LABELS, {})
    assert ground_truth([clip("Walk")], LABELS, {"Walk": "walk"}).targets.tolist() == [0]


@pytest.mark.parametrize("text", ["- a\n- b\n", "archery: [1, 2]\n", "a: b: c\n", "1: walk\n"])
def test_a_label_map_of_another_form_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(text)
    with pytest.raises(AdafocusError, match="expected YAML with lines 'clip label: bundle label'"):
        read_label_map(path)
    with pytest.raises(AdafocusError, match=r"missing\.yaml cannot be read"):
        read_label_map(tmp_path / "missing.yaml")


@pytest.mark.parametrize("name", ["glücklich", "café", "Ångström"])
def test_labels_are_found_in_whatever_form_they_are_written(name: str) -> None:
    composed, decomposed = (unicodedata.normalize(form, name) for form in ("NFC", "NFD"))
    for known in (composed, decomposed):
        truth = ground_truth([clip(composed), clip(decomposed), clip("own")], ["other", known], {"own": decomposed})
        assert truth.targets.tolist() == [1, 1, 1]
