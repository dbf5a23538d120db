"""The glance frame by frame: what is known of a frame is not computed again, and no prediction changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adafocus.edge.bundle.validation import parse_manifest
from adafocus.edge.incremental import FeatureStore
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.video.clip import Clip
from adafocus.errors import AdafocusError, BundleError
from tests.helpers.numpy_bundle import (
    GLANCE_FRAMES,
    MACS,
    PART_MACS,
    SIZE,
    NumpyOpener,
    clip_of,
    numpy_bundle,
    numpy_manifest,
)

WHERE = Path("manifest.json")


def recognizer_of(variant: str = "long", *, extras: bool = True) -> tuple[Recognizer, dict[str, int]]:
    opener = NumpyOpener(looks_back=variant == "tsm")
    bundle = numpy_bundle(variant, None, extras)
    return Recognizer(bundle, "litert", 1, None, opener, incremental=True), opener.calls


def clip_named(*names: int) -> Clip:
    """Return a clip whose frames are as bright as they are called."""
    glance = np.stack([np.full((SIZE, SIZE, 3), name, np.uint8) for name in names])
    return replace(clip_of(40), glance=glance, glance_names=names)


def test_only_new_frames_are_encoded_and_only_they_are_counted() -> None:
    recognizer, calls = recognizer_of()
    store = FeatureStore()
    rest = PART_MACS["join"] + MACS["policy"] + 3 * MACS["focus"]
    for first, encoded in ((0, 4), (1, 1), (1, 0), (3, 2), (20, 4)):
        calls.clear()
        prediction = recognizer.recognize_clip(clip_named(*range(first, first + 4)), glance_features=store)
        assert calls.get("encode", 0) == prediction.glance_encoded == encoded
        assert (calls["join"], calls.get("glance")) == (1, None)
        assert prediction.macs == encoded * PART_MACS["encode"] + rest


def test_a_frame_that_stands_twice_in_a_clip_is_encoded_once() -> None:
    recognizer, _ = recognizer_of()
    assert recognizer.recognize_clip(clip_named(5, 5, 6, 6), glance_features=FeatureStore()).glance_encoded == 2


def test_the_prediction_is_that_of_the_whole_glance() -> None:
    recognizer, _ = recognizer_of()
    whole = Recognizer(numpy_bundle("long", None, True), "litert", 1, None, NumpyOpener())
    assert (recognizer.incremental, whole.incremental) == (True, False)
    assert recognizer.exit_macs == whole.exit_macs
    store = FeatureStore()
    for first in (0, 60, 62, 63, 200):
        clip = clip_named(*range(first, first + 4))
        found, wanted = recognizer.recognize_clip(clip, glance_features=store), whole.recognize_clip(clip)
        assert wanted.glance_encoded == GLANCE_FRAMES
        assert set(found.outputs) == set(wanted.outputs)
        assert all(np.array_equal(found.outputs[name], values) for name, values in wanted.outputs.items())
        assert (found.label, found.score, found.exit_index) == (wanted.label, wanted.score, wanted.exit_index)


def test_clips_whose_frames_have_no_names_share_nothing() -> None:
    recognizer, _ = recognizer_of()
    store = FeatureStore()
    for _ in range(2):
        assert recognizer.recognize_clip(clip_of(40), glance_features=store).glance_encoded == GLANCE_FRAMES
    assert len(store) == 0


def test_frames_may_be_encoded_beforehand() -> None:
    recognizer, calls = recognizer_of()
    clip, store = clip_named(1, 2, 3, 4), FeatureStore()
    for frame, name in zip(clip.glance, clip.glance_names or (), strict=True):
        store.put(name, recognizer.encode_frame(frame))
    calls.clear()
    assert recognizer.recognize_clip(clip, glance_features=store).glance_encoded == 0
    assert "encode" not in calls


def test_what_the_window_lets_go_is_forgotten() -> None:
    store = FeatureStore()
    for name in range(1000):
        store.put(name, np.zeros((1, 2), np.float32))
        store.drop_before(name - 7)
        assert len(store) <= 8
    assert store.nbytes == 8 * 8
    assert store.get(991) is None
    assert store.get(992) is not None


@pytest.mark.parametrize("variant", ["long", "tsm"])
def test_a_bundle_without_the_parts_runs_the_glance_as_one_graph(variant: str) -> None:
    recognizer, calls = recognizer_of(variant, extras=False)
    assert not recognizer.incremental
    store = FeatureStore()
    prediction = recognizer.recognize_clip(clip_named(1, 2, 3, 4), glance_features=store)
    assert (calls["glance"], prediction.glance_encoded, len(store)) == (1, GLANCE_FRAMES, 0)
    with pytest.raises(AdafocusError, match="--incremental"):
        recognizer.encode_frame(clip_of(1).glance[0])


def test_the_manifest_names_the_parts_only_where_there_are_some() -> None:
    manifest = numpy_manifest("long", None, True)
    assert parse_manifest(manifest.model_dump_json(), WHERE) == manifest
    assert [record.file for record in manifest.files()][3:5] == ["graphs/encode.tflite", "graphs/join.tflite"]
    assert "incremental" not in numpy_manifest("long").model_dump_json()
    without = json.loads(numpy_manifest("long").model_dump_json())
    assert parse_manifest(json.dumps(without), WHERE).incremental == {}


def tensor(content: dict[str, Any], part: str, side: str, place: int) -> dict[str, Any]:
    return content["incremental"][part]["litert"][side][place]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["geometry"].update(variant="x3d"), ("only the variants long and tsm", "x3d")),
        (lambda c: c["incremental"].pop("join"), ("only one of encode and join for litert",)),
        (lambda c: c["incremental"].update(encode={}), ("no graph for encode",)),
        (lambda c: c["incremental"].update(glance={}), ("incremental.glance", "'encode' or 'join'")),
        (lambda c: c["incremental"]["join"].update(onnx=c["incremental"]["join"]["litert"]), ("only one", "onnx")),
        (lambda c: [part.update(onnx=part["litert"]) for part in c["incremental"].values()], ("onnx", "every stage")),
        (lambda c: tensor(c, "encode", "inputs", 0).update(shape=[2, 3, SIZE, SIZE]), ("frames", "(2, 3,", "(1, 3,")),
        (lambda c: tensor(c, "encode", "outputs", 0).update(shape=[1, 3]), ("features", "(1, 3)", "(1, 2)")),
        (lambda c: tensor(c, "encode", "outputs", 0).update(dtype="int8", scale=0.5, zero_point=0), ("int8", "0.5")),
        (lambda c: tensor(c, "join", "inputs", 0).update(shape=[5, 2]), ("features", "(5, 2)", "(4, 2)")),
        (lambda c: tensor(c, "join", "outputs", 1).update(shape=[1, 9]), ("context", "(1, 9)")),
        (lambda c: tensor(c, "join", "outputs", 1).update(name="else"), ("no tensor 'context'",)),
        (lambda c: c["incremental"]["join"]["litert"].update(extra=1), ("extra", "unknown key")),
    ],
)  # fmt: skip
def test_parts_that_are_not_those_of_the_glance_are_refused(
    change: Callable[[dict[str, Any]], Any], words: tuple[str, ...]
) -> None:
    content = json.loads(numpy_manifest("long", None, True).model_dump_json())
    change(content)
    with pytest.raises(BundleError) as caught:
        parse_manifest(json.dumps(content), WHERE)
    for word in words:
        assert word in str(caught.value)


def test_the_past_goes_on_from_window_to_window_as_in_one_pass_over_the_stream() -> None:
    recognizer, calls = recognizer_of("tsm")
    whole = Recognizer(numpy_bundle("tsm", None, True), "litert", 1, None, NumpyOpener(looks_back=True))
    assert (recognizer.looks_back, whole.looks_back, recognizer_of("long")[0].looks_back) == (True, False, False)
    store, passed, past = FeatureStore(), [], 0.0
    for name in range(1, 20):
        passed.append([name / 255, past])
        past = (past + name / 255) / 2
    for first, encoded in ((1, 4), (2, 1), (2, 0), (4, 2), (8, 4)):
        calls.clear()
        clip = clip_named(*range(first, first + 4))
        found = recognizer.recognize_clip(clip, glance_features=store)
        assert calls.get("encode", 0) == found.glance_encoded == encoded
        features = found.calls[0].inputs["features"]
        assert np.allclose(features, passed[first - 1 : first + 3], rtol=1e-6, atol=0)
        store.drop_before(first)
        wanted = whole.recognize_clip(clip).outputs["glance.features"]
        # a clip that is cut out knows nothing of what was before it
        assert np.array_equal(features, wanted) == (first == 1)
    assert store.nbytes == 4 * 8 + 4


def test_the_past_begins_anew_where_the_frame_before_is_not_known() -> None:
    recognizer, _ = recognizer_of("tsm")
    store = FeatureStore()
    recognizer.recognize_clip(clip_named(1, 2, 3, 4), glance_features=store)
    store.drop_before(6)
    clip = clip_named(6, 7, 8, 9)
    later = recognizer.recognize_clip(clip, glance_features=store).calls[0].inputs["features"]
    alone = recognizer.recognize_clip(replace(clip, glance_names=None)).calls[0].inputs["features"]
    assert later[0, 1] == 0.0 < later[1, 1]
    assert np.array_equal(later, alone)


def test_a_glance_that_looks_back_encodes_no_frame_by_itself() -> None:
    with pytest.raises(AdafocusError, match="looks at the frames before, so it encodes no frame by itself"):
        recognizer_of("tsm")[0].encode_frame(clip_of(1).glance[0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: tensor(c, "encode", "outputs", 1).update(shape=[1, 2]), ("past_0", "(1, 1)", "(1, 2)", "the same")),
        (lambda c: tensor(c, "encode", "inputs", 1).update(name="past_1"), ("past_1", "expected the same tensors")),
        (lambda c: c["incremental"]["encode"]["litert"]["outputs"].pop(), ("gives on nothing",)),
        (lambda c: tensor(c, "encode", "inputs", 1).update(name="before"), ("takes nothing", "past_0")),
        (lambda c: [tensor(c, "encode", side, 1).update(shape=[2**14, 2**14]) for side in ("inputs", "outputs")],
         ("keeps more than", "of a frame")),
        (lambda c: [tensor(c, "encode", side, 1).update(dtype="int8") for side in ("inputs", "outputs")],
         ("past_0", "integers have a scale")),
        (lambda c: c["geometry"].update(variant="long"), ("encode", "frames, past_0")),
    ],
)  # fmt: skip
def test_a_past_that_is_not_given_on_as_it_is_taken_is_refused(
    change: Callable[[dict[str, Any]], Any], words: tuple[str, ...]
) -> None:
    content = json.loads(numpy_manifest("tsm", None, True).model_dump_json())
    assert parse_manifest(json.dumps(content), WHERE).incremental
    change(content)
    with pytest.raises(BundleError) as caught:
        parse_manifest(json.dumps(content), WHERE)
    for word in words:
        assert word in str(caught.value)
