"""What is called a test was never trained, validated or calibrated on; and how often it was looked at is counted."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from adafocus.calibration.datasets.fingerprints import fingerprint, joined
from adafocus.calibration.evaluation.evaluate import Request, evaluate_bundle
from adafocus.calibration.evaluation.protocol import code_version, kind_of
from adafocus.calibration.evaluation.report.table import protocol_sentence
from adafocus.edge.bundle.manifest import Calibration, Exits, Provenance
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError


@pytest.fixture
def test_list(clip_list: Path) -> Path:
    """The clips of groups a to c are for training and validation, those of d for the test."""
    rows = list(csv.reader(clip_list.read_text().splitlines()))
    splits = {"a": "train", "b": "val", "c": "val", "d": "test"}
    with clip_list.open("w", newline="") as file:
        csv.writer(file).writerows([rows[0], *([*row[:3], splits[row[2]]] for row in rows[1:])])
    return clip_list


@pytest.fixture
def request_of(test_list: Path, tmp_path: Path) -> Request:
    return Request(test_list, "test", ablations=False, touch_log=tmp_path / "touches.yaml")


def with_manifest(recognizer: Recognizer, **update: object) -> Recognizer:
    manifest = recognizer.bundle.manifest.model_copy(update=update)
    recognizer.bundle = replace(recognizer.bundle, manifest=manifest)
    return recognizer


def calibrated_on(dataset: str, split: str, clips: str | None = None) -> Exits:
    return Exits(
        calibration=Calibration(
            dataset=dataset, split=split, n=2, groups=2, runtime="litert", family="shared", clips=clips
        )
    )


@pytest.mark.parametrize(
    ("split", "kind"),
    [("train", "training"), ("Val", "validation"), ("dev", "validation"), ("test", "test"), ("fold 3", "test")],
)
def test_the_name_of_a_split_says_what_it_is_for(split: str, kind: str) -> None:
    assert kind_of(split) == kind


def test_validation_clips_are_called_so_and_leave_no_trace(recognizer: Recognizer, request_of: Request) -> None:
    figures = evaluate_bundle(recognizer, replace(request_of, split="val")).figures
    assert figures["protocol"] == {"kind": "validation", "split": "val"}
    assert "no test" in protocol_sentence(figures["protocol"])
    assert not request_of.touch_log.exists()


def test_every_test_is_counted_by_clips_and_by_model(recognizer: Recognizer, request_of: Request) -> None:
    first = evaluate_bundle(recognizer, request_of).figures["protocol"]
    assert (first["kind"], first["split"], first["touched"], first["by_this_model"]) == ("test", "test", 1, 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", first["date"])
    assert first["commit"] == code_version()
    assert "for the first time" in protocol_sentence(first)
    log = yaml.safe_load(request_of.touch_log.read_text())
    log["touches"].append({**log["touches"][0], "graphs_sha256": "another"})
    log["touches"].append({**log["touches"][0], "clips": "others"})
    request_of.touch_log.write_text(yaml.safe_dump(log))
    # a few of the clips are a look at them all the same
    again = evaluate_bundle(recognizer, replace(request_of, limit=1)).figures["protocol"]
    assert (again["touched"], again["by_this_model"]) == (3, 2)
    assert "3 times so far, 2 with this model" in protocol_sentence(again)


@pytest.mark.parametrize("content", ["a: 1", "[]", "touches: 3", "touches: [1]", "a: ["])
def test_a_log_that_is_none_is_refused(recognizer: Recognizer, request_of: Request, content: str) -> None:
    request_of.touch_log.write_text(content)
    with pytest.raises(AdafocusError, match=r"touches\.yaml"):
        evaluate_bundle(recognizer, request_of)
    assert request_of.touch_log.read_text() == content


def test_the_split_that_thresholds_were_found_on_is_no_test(recognizer: Recognizer, request_of: Request) -> None:
    with_manifest(recognizer, exits=calibrated_on("clips.csv", "test"))
    with pytest.raises(AdafocusError, match="thresholds of the bundle were found on the split 'test'"):
        evaluate_bundle(recognizer, request_of)
    with_manifest(recognizer, exits=calibrated_on("clips.csv", "val"))
    assert evaluate_bundle(recognizer, request_of).figures["protocol"]["touched"] == 1


def test_validation_clips_under_another_name_are_known_by_content(
    recognizer: Recognizer, request_of: Request, tmp_path: Path
) -> None:
    folder = request_of.clip_list.parent
    known = joined(fingerprint(folder / f"{number}.npy") for number in (2, 3, 4, 5))
    with_manifest(recognizer, exits=calibrated_on("clips.csv", "val", known))
    evaluate_bundle(recognizer, request_of)
    other = tmp_path / "other"
    other.mkdir()
    (other / "new.npy").write_bytes((folder / "4.npy").read_bytes())
    with (other / "sealed.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label", "group", "split"], ["new.npy", "walk", "z", "test"]])
    with pytest.raises(
        AdafocusError, match=r"1 of 1 clips of the split 'test' are among those.*calibrated on.*new\.npy"
    ):
        evaluate_bundle(recognizer, replace(request_of, clip_list=other / "sealed.csv"))


def test_clips_that_the_network_was_trained_on_are_no_test(recognizer: Recognizer, request_of: Request) -> None:
    before = recognizer.bundle.manifest.provenance
    seen = joined([fingerprint(request_of.clip_list.parent / "7.npy")])
    with_manifest(recognizer, provenance=Provenance(**{**before.model_dump(), "seen": seen}))
    with pytest.raises(AdafocusError, match=r"1 of 2 clips.*trained or validated on.*7\.npy.*that is no test"):
        evaluate_bundle(recognizer, request_of)
    assert evaluate_bundle(recognizer, replace(request_of, split="val")).figures["clips"] == 4


@pytest.mark.parametrize(
    ("row", "words"), [(["x.npy", "run", "d", "val"], "group 'd'"), (["copy.npy", "swim", "e", "train"], "same video")]
)
def test_groups_and_copies_of_other_lists_that_were_seen_are_refused(
    recognizer: Recognizer, request_of: Request, tmp_path: Path, row: list[str], words: str
) -> None:
    (tmp_path / "copy.npy").write_bytes((request_of.clip_list.parent / "7.npy").read_bytes())
    (tmp_path / "x.npy").write_bytes(b"something else")
    with (tmp_path / "seen.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label", "group", "split"], row])
    with pytest.raises(AdafocusError, match=words):
        evaluate_bundle(recognizer, replace(request_of, seen=(tmp_path / "seen.csv",)))
    assert not request_of.touch_log.exists()


def test_the_code_is_named_by_its_commit_or_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    from adafocus.calibration.evaluation import protocol

    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|adafocus-edge .+", code_version())
    monkeypatch.setattr(protocol, "_git", lambda *_: None)
    assert code_version().startswith("adafocus-edge ")
