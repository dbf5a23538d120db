"""A manifest is believed only where it says possible things, and each impossible one is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adafocus.edge.bundle.bundle import MANIFEST, Bundle
from adafocus.edge.bundle.manifest import MAX_MANIFEST_BYTES, Exits
from adafocus.edge.bundle.validation import parse_manifest, read_manifest
from adafocus.errors import BundleError

WHERE = Path("manifest.json")
Content = dict[str, Any]


@pytest.fixture
def text(shipped_bundle: Bundle) -> str:
    return (shipped_bundle.path / MANIFEST).read_text(encoding="utf-8")


def spec(content: Content, stage: str, side: str, name: str) -> Content:
    graphs = content["stages"][stage]["litert"]
    return next(found for found in graphs[side] if found["name"] == name)


def row(budget: float, *thresholds: float) -> Content:
    return {"unit": "GMAC", "budget": budget, "thresholds": thresholds}


def refused(text: str) -> str:
    with pytest.raises(BundleError) as caught:
        parse_manifest(text, WHERE)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert len(sentence) < 600
    return sentence


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["geometry"].update(glance_size=10**9), ("geometry.glance_size", "4096")),
        (lambda c: c["geometry"].update(candidate_frames=10**6), ("geometry.candidate_frames", "4096")),
        (lambda c: c["geometry"].update(frame_size=4096, short_side=4096, candidate_frames=99), ("one clip", "b")),
        (lambda c: c["geometry"].update(frame_size=300), ("frame_size is 300", "short_side")),
        (lambda c: c["geometry"].update(std=[0.2, 0.0, 0.2]), ("geometry.std.1", "0.0")),
        (lambda c: c["geometry"].update(mean=[0.2, 7.0, 0.2]), ("geometry.mean.1", "7.0")),
        (lambda c: c["geometry"].update(glance_frames="4"), ("geometry.glance_frames", "'4'")),
        (lambda c: c["geometry"].update(glance_frames=True), ("geometry.glance_frames", "True")),
        (lambda c: c["geometry"].update(focus_frames=7), ("divisor of 7",)),
        (lambda c: c["labels"].__setitem__(1, c["labels"][0]), ("twice",)),
        (lambda c: c["labels"].__setitem__(0, ""), ("labels.0", "at least 1 character")),
        (lambda c: c["labels"].__setitem__(0, "\x1b[2Jcleared"), ("labels.0", "control characters")),
        (lambda c: c["labels"].__setitem__(0, "x" * 2000), ("labels.0", "1000 characters")),
        (lambda c: c.update(labels=[]), ("0 labels",)),
        (lambda c: c["stages"]["glance"].pop("litert") and c["stages"].update(
            policy={"litert": c["stages"]["policy"]["litert"]}), ("no runtime has a graph for every stage",)),
        (lambda c: c["stages"]["focus"]["litert"].update(bytes=2**40), ("bytes", "at most")),
        (lambda c: c["stages"]["focus"]["litert"].update(macs=10**400), ("macs",)),
        (lambda c: spec(c, "policy", "outputs", "boxes").update(shape=[5, 4]), ("boxes", "(5, 4)")),
        (lambda c: spec(c, "policy", "outputs", "frame_weights").update(shape=[9]), ("frame_weights", "(9,)")),
        (lambda c: spec(c, "glance", "outputs", "features").update(shape=[2**20, 2**20]), ("features", "numbers")),
        (lambda c: spec(c, "glance", "outputs", "context").update(shape=[1, 3]), ("context", "(1, 3)")),
        (lambda c: spec(c, "glance", "outputs", "features").update(shape=[0]), ("shape.0", "0")),
        (lambda c: spec(c, "glance", "inputs", "frames").update(scale=None), ("frames", "scale None")),
        (lambda c: spec(c, "glance", "inputs", "frames").update(scale=-1.0), ("frames", "scale -1.0")),
        (lambda c: spec(c, "glance", "inputs", "frames").update(zero_point=999), ("frames", "999")),
        (lambda c: spec(c, "policy", "outputs", "boxes").update(scale=1.0, zero_point=0), ("boxes", "floats")),
        (lambda c: spec(c, "policy", "inputs", "features").update(name="extra"), ("inputs extra", "features")),
        (lambda c: c["stages"]["focus"]["litert"]["inputs"].pop(0), ("inputs context", "patches")),
        (lambda c: c["stages"]["glance"]["litert"]["outputs"].pop(0), ("no tensor 'features'",)),
        (lambda c: c["stages"]["glance"]["litert"]["outputs"].append(
            spec(c, "glance", "outputs", "features")), ("output twice",)),
        (lambda c: c["exits"].update(budgets=[row(0.8, 0.5, 0.6)]), ("0.8 GMAC has 2 thresholds", "expected 1")),
        (lambda c: c["exits"].update(budgets=[row(0.8, 0.5), row(0.8, 0.6)]), ("0.8 GMAC stands there twice",)),
        (lambda c: c["exits"].update(budgets=[row(80, 0.5)]), ("80 GMAC cannot be met", "1.191 GMAC")),
        (lambda c: c["exits"].update(budgets=[row(-1.0, 0.5)]), ("-1 GMAC is not above 0",)),
        (lambda c: c["exits"].update(budgets=[{**row(0.8, 0.5), "expected_accuracy": 79}]),
            ("exits.budgets.0.expected_accuracy", "79")),
        (lambda c: c["exits"].update(calibration={"n": 5}), ("exits.calibration.dataset", "missing")),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(text: str, change: Callable[[Content], Any], words: tuple[str, ...]) -> None:
    content = json.loads(text)
    change(content)
    sentence = refused(json.dumps(content))
    for word in words:
        assert word in sentence


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('"schema_version"', '"schema_version": 1, "schema_version"', "twice"),
        ('"labels"', '"labels": [], "labels"', "twice"),
        ('"schema_version": 1', '"schema_version": NaN', "NaN is no number"),
        ('"schema_version": 1', '"schema_version": 1e999', "too large"),
        ('"schema_version": 1', '"schema_version": 1' + "0" * 5000, "not valid JSON"),
        ('"schema_version": 1', '"schema_version": ' + "[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ('"schema_version": 1', '"schema_version": "' + "9" * 100_000 + '"', "99999..."),
    ],
)
def test_json_with_loopholes_is_refused(text: str, old: str, new: str, word: str) -> None:
    changed = json.dumps(json.loads(text)).replace(old, new, 1)
    assert word in refused(changed)


def test_a_manifest_without_end_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / MANIFEST
    with path.open("wb") as file:
        file.truncate(100 * MAX_MANIFEST_BYTES)
    with pytest.raises(BundleError, match=f"more than {MAX_MANIFEST_BYTES} bytes"):
        read_manifest(path, path)


def test_what_the_schema_writes_it_reads(text: str) -> None:
    manifest = parse_manifest(text, WHERE)
    assert parse_manifest(manifest.model_dump_json(), WHERE) == manifest


def test_what_exits_are_expected_to_do_is_kept_and_nothing_is_written_where_nobody_calibrated(text: str) -> None:
    content = json.loads(text)
    assert set(Exits().model_dump()) == {"criterion", "temperature", "budgets"}
    expected = {"expected_accuracy": 0.79, "expected_error": -0.004, "expected_error_spread": 0.1}
    calibration = {
        "dataset": "clips.csv", "split": "val", "n": 120, "groups": 24, "runtime": "litert", "family": "shared",
    }  # fmt: skip
    content["exits"].update(
        criterion="entropy", budgets=[{**row(0.5, -0.7), **expected}, row(0.8, -0.2)], calibration=calibration
    )
    manifest = parse_manifest(json.dumps(content), WHERE)
    assert manifest.exits.budgets[0].expected_error == -0.004
    written = json.loads(manifest.model_dump_json())
    assert written["exits"]["calibration"] == calibration
    assert [set(budget) & set(expected) for budget in written["exits"]["budgets"]] == [set(expected), set()]
    assert parse_manifest(manifest.model_dump_json(), WHERE) == manifest
