"""Where a bundle looks: fields that are written only where they say something new, and contradictions among them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.geometry import MAX_CLIP_BYTES, MAX_WAITING_BYTES, STAGES, Geometry
from adafocus.edge.bundle.validation import parse_manifest
from adafocus.errors import BundleError
from tests.helpers.numpy_bundle import MACS, MOTION, WHOLE, numpy_bundle, numpy_manifest

WHERE = Path("manifest.json")
NEW = ("boxes_in", "glance_fit", "policy", "focus_span", "box_min")
Content = dict[str, Any]


def content_of(**looking: Any) -> Content:
    return json.loads(numpy_manifest(**looking).model_dump_json())


def looking(**fields: Any) -> Callable[[Content], Any]:
    """Return a change of the geometry; None takes a field away."""

    def change(content: Content) -> None:
        geometry = content["geometry"]
        geometry.update(fields)
        for name in [name for name, value in fields.items() if value is None]:
            del geometry[name]

    return change


def with_policy_graph(content: Content) -> None:
    content["stages"]["policy"] = content_of()["stages"]["policy"]


BAD: list[tuple[str, dict[str, Any], Callable[[Content], Any], tuple[str, ...]]] = [
    ("no such place for boxes", WHOLE, looking(boxes_in="whole"), ("geometry.boxes_in", "'whole'", "'frame'")),
    ("boxes in a number", WHOLE, looking(boxes_in=1), ("geometry.boxes_in", "1")),
    ("no such fit", WHOLE, looking(glance_fit="stretched"), ("geometry.glance_fit", "'stretched'", "'padded'")),
    ("no such policy", WHOLE, looking(policy="random"), ("geometry.policy", "'random'", "'motion'")),
    ("no such span", WHOLE, looking(focus_span="quantiles"), ("geometry.focus_span", "'quantiles'", "'densest'")),
    ("a key in other letters", WHOLE, looking(Boxes_in="frame"), ("unknown key 'geometry.Boxes_in'",)),
    ("squeezed squares", {}, looking(glance_fit="squeezed"), ("glance_fit is 'squeezed'", "boxes_in 'frame'")),
    ("padded squares", {}, looking(glance_fit="padded"), ("glance_fit is 'padded'", "glance_fit 'square'")),
    ("motion in squares", MOTION, looking(boxes_in=None, glance_fit=None), ("policy is 'motion'", "boxes_in 'frame'")),
    ("densest in squares", {}, looking(focus_span="densest"), ("focus_span is 'densest'", "boxes_in 'frame'")),
    ("motion has no weights", MOTION, looking(focus_span="weights"), ("focus_span is 'weights'", "'spread'")),
    ("motion by default has none", MOTION, looking(focus_span=None), ("focus_span is 'weights'", "'densest'")),
    ("motion without a side", MOTION, looking(box_min=None), ("box_min is missing", "short side")),
    ("a side of nothing", MOTION, looking(box_min=0.0), ("geometry.box_min", "0.0", "greater than 0")),
    ("a side beyond the frame", MOTION, looking(box_min=1.5), ("geometry.box_min", "1.5", "less than or equal to 1")),
    ("a side in words", WHOLE, looking(box_min="half"), ("geometry.box_min", "'half'")),
    ("a side that is true", WHOLE, looking(box_min=True), ("geometry.box_min", "True")),
    ("motion with a policy graph", MOTION, with_policy_graph, ("has a policy graph", "policy is motion")),
    ("a network without one", WHOLE, lambda content: content["stages"].pop("policy"), ("no graph for policy",)),
    ("motion without a focus", MOTION, lambda content: content["stages"].pop("focus"), ("no graph for focus",)),
    ("motion turned into a network", MOTION, looking(policy="network"), ("no graph for policy", "glance, policy")),
    ("glances beyond memory", MOTION, looking(glance_frames=4096, glance_size=4096), ("one clip would take", "bytes")),
]


@pytest.mark.parametrize(("start", "change", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_ways_to_look_that_cannot_be_are_refused(
    start: dict[str, Any], change: Callable[[Content], Any], words: tuple[str, ...]
) -> None:
    content = content_of(**start)
    parse_manifest(json.dumps(content), WHERE)
    change(content)
    with pytest.raises(BundleError) as caught:
        parse_manifest(json.dumps(content), WHERE)
    sentence = str(caught.value)
    assert "\n" not in sentence
    for word in words:
        assert word in sentence


@pytest.mark.parametrize("looking", [{}, WHOLE, MOTION, {**WHOLE, "focus_span": "densest", "box_min": 1.0}])
def test_what_looks_otherwise_is_written_and_read_again(looking: dict[str, Any]) -> None:
    manifest = numpy_manifest(**looking)
    text = manifest.model_dump_json()
    assert {name: value for name, value in json.loads(text)["geometry"].items() if name in NEW} == looking
    assert parse_manifest(text, WHERE) == manifest


def test_earlier_readers_know_every_key_of_a_bundle_that_looks_as_theirs_did(ready_bundle: Bundle) -> None:
    written = ready_bundle.manifest.model_dump_json(indent=1) + "\n"
    assert written == (ready_bundle.path / "manifest.json").read_text(encoding="utf-8")
    assert not set(NEW) & set(ready_bundle.manifest.geometry.model_dump())


def test_a_policy_of_motion_is_no_stage_and_costs_nothing() -> None:
    bundle = numpy_bundle(**MOTION)
    manifest = bundle.manifest
    assert tuple(manifest.stages) == manifest.geometry.stage_names == ("glance", "focus")
    assert manifest.macs("policy") == 0
    assert manifest.exit_macs(bundle.graph("focus", "litert")[1], MACS["glance"])[-1] == MACS["glance"] + MACS["focus"]
    assert bundle.runtimes() == ("litert",)
    with pytest.raises(BundleError, match=r"no policy graph: its policy is motion.*glance, focus"):
        bundle.graph("policy", "litert")
    assert numpy_manifest().geometry.stage_names == STAGES


def test_features_that_no_policy_takes_may_be_left_out() -> None:
    content = content_of(**MOTION)
    outputs = content["stages"]["glance"]["litert"]["outputs"]
    assert outputs.pop(0)["name"] == "features"
    parse_manifest(json.dumps(content), WHERE)
    learned = content_of(**WHOLE)
    learned["stages"]["glance"]["litert"]["outputs"].pop(0)
    with pytest.raises(BundleError, match="no tensor 'features'"):
        parse_manifest(json.dumps(learned), WHERE)


def test_whole_frames_count_as_what_they_are_shrunk_to() -> None:
    """Squares of this size are too many for a clip; whole frames are shrunk to a bound whatever ``frame_size`` says."""
    sizes = {"frame_size": 4096, "short_side": 4096, "candidate_frames": 99}
    geometry = numpy_manifest(**WHOLE).geometry
    assert MAX_WAITING_BYTES < MAX_CLIP_BYTES
    assert Geometry(**{**geometry.model_dump(), **sizes}).boxes_in == "frame"
    with pytest.raises(BundleError, match="one clip would take"):
        Geometry(**{**numpy_manifest().geometry.model_dump(), **sizes})


def test_the_mean_color_and_the_share_of_the_square_are_those_of_the_geometry(ready_bundle: Bundle) -> None:
    geometry = ready_bundle.manifest.geometry
    assert geometry.mean_color == tuple(round(255 * value) for value in geometry.mean)
    assert geometry.share == geometry.frame_size / geometry.short_side
