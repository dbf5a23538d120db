"""Label maps of the evaluation."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibration.clips import read_clips
from calibration.evaluation import read_label_map
from edge.errors import AdafocusError

MAP = Path("calibration/labels/ucf6_to_kinetics400.yaml")


def test_every_label_of_the_list_is_mapped_to_one_of_the_bundle(shared: Path) -> None:
    labels = tuple((shared / "weights" / "kinetics400_labels.txt").read_text().splitlines())
    clips = read_clips(shared / "clips" / "ucf6.csv", "val")
    truth = read_label_map(MAP, clips, labels)
    assert len(set(truth)) == 6
    assert labels[truth[0]] == "archery"


def test_a_label_that_the_bundle_does_not_know_is_named(shared: Path) -> None:
    clips = read_clips(shared / "clips" / "ucf6.csv", "val")
    with pytest.raises(AdafocusError, match=r"Archery.*--label-map"):
        read_label_map(None, clips, ("archery",))
