"""A long bundle with the glance in two parts: exported, verified, streamed; answers are those of the whole glance."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from adafocus.calibration.quantization.model_file import StoredModel, load_model
from adafocus.converters.export import Request, export
from adafocus.converters.model_source import write_model
from adafocus.converters.verification.parity import reference_stages
from adafocus.converters.verification.verdict import verify_parts
from adafocus.edge.bundle.bundle import MANIFEST, Bundle
from adafocus.edge.bundle.manifest import Precision
from adafocus.edge.commands.inspect import inspect
from adafocus.edge.incremental import FeatureStore
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.selftest import check_runtime
from adafocus.edge.sources import VideoFile
from adafocus.edge.streaming.session import run_stream
from adafocus.edge.streaming.settings import Settings
from adafocus.edge.streaming.window import Window
from adafocus.edge.video.clip import Clip, read_clip
from tests.helpers.small_networks import CLASSES, settled, small_config

HOP_S = 0.5
WINDOW_S = 2.0
Made = tuple[Bundle, StoredModel, Precision]


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory, real_videos: list[Path]) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    labels = tuple(f"class {index}" for index in range(CLASSES))
    write_model(path, settled(small_config("long")), "small", labels, "int8", real_videos[:1], 1, {})
    return path


@pytest.fixture(scope="module", params=["int8", "fp32"])
def made(
    request: pytest.FixtureRequest, model_file: Path, real_videos: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Made:
    place = tmp_path_factory.mktemp(request.param) / "bundle"
    exported = export(Request(model_file, place, request.param, real_videos[:1], 2))
    assert not exported.failed, (exported.verdicts, exported.parts)
    assert [verdict.state for verdict in exported.parts.values()] == ["verified"]
    assert exported.bundle is not None
    return exported.bundle, load_model(model_file), request.param


def hops(bundle: Bundle, video: Path) -> Iterator[Clip]:
    """Clips of the windows of a file, a hop apart."""
    window, source = Window(bundle.manifest.geometry, WINDOW_S, recurring=True), VideoFile(video)
    due = 0.0
    while source.grab():
        frame = source.retrieve() if window.wants(source.timestamp_s) else None
        if frame is None or not window.push(frame) or frame.timestamp_s < due:
            continue
        cut = window.clip()
        if cut is not None:
            due = frame.timestamp_s + HOP_S
            yield cut[0]
    source.close()


def test_the_parts_stand_in_the_bundle_and_cost_what_the_glance_costs(made: Made) -> None:
    bundle, _, precision = made
    manifest = bundle.manifest
    encode, join = (manifest.incremental[part]["litert"] for part in ("encode", "join"))
    assert (encode.precision, join.precision, encode.proved_by) == (precision, precision, "runtime")
    assert manifest.geometry.glance_frames * encode.macs + join.macs == manifest.macs("glance")
    assert {path.name for path in (bundle.path / "graphs").iterdir()} == {
        f"{graph}.tflite" for graph in ("glance", "policy", "focus", "encode", "join")
    }
    told = CliRunner().invoke(inspect, [str(bundle.path)])
    assert "encode" in told.output
    assert "frame by frame" in told.output


def test_every_window_of_a_stream_is_answered_like_the_whole_glance_does(made: Made, real_videos: list[Path]) -> None:
    bundle, _, precision = made
    whole = Recognizer.open(bundle, threads=1)
    parts = Recognizer.open(bundle, threads=1, incremental=True)
    store, encoded = FeatureStore(), []
    for clip in hops(bundle, real_videos[1]):
        found, wanted = parts.recognize_clip(clip, glance_features=store), whole.recognize_clip(clip)
        encoded.append(found.glance_encoded)
        spared = (4 - found.glance_encoded) * bundle.manifest.incremental["encode"]["litert"].macs
        assert found.macs == wanted.macs - spared
        assert (found.label, found.candidate_indices) == (wanted.label, wanted.candidate_indices)
        assert set(found.outputs) == set(wanted.outputs)
        for name, values in wanted.outputs.items():
            if precision == "int8":
                assert np.array_equal(found.outputs[name], values), name
            else:
                assert np.allclose(found.outputs[name], values, rtol=0, atol=1e-4 * np.abs(values).max()), name
        if precision == "int8":
            assert found.score == wanted.score
            assert np.array_equal(found.patches, wanted.patches)
    assert encoded[0] == 4
    assert len(encoded) > 5
    assert max(encoded[1:]) <= 2
    assert sum(encoded[1:]) <= 1.5 * len(encoded[1:])


def test_parts_of_other_weights_are_not_verified(made: Made, real_videos: list[Path], tmp_path: Path) -> None:
    bundle, model, precision = made
    programs, clip = reference_stages(model, precision), read_clip(real_videos[0], bundle.manifest.geometry)
    assert verify_parts(bundle, "litert", programs, [clip], precision).state == "verified"
    changed = Bundle(Path(shutil.copytree(bundle.path, tmp_path / "changed")), bundle.manifest)
    file = changed.parts("litert")["encode"][0]
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4096] = bytes(4096)
    file.write_bytes(content)
    assert check_runtime(bundle, "litert", 1).broken == []
    verdict = verify_parts(changed, "litert", programs, [clip], precision)
    assert (verdict.state, verdict.proved_by) == ("failed", None)
    assert "away from the glance graph" in verdict.why
    assert any("glance frame by frame" in sentence for sentence in check_runtime(changed, "litert", 1).broken)
    assert "away from the trained program" in verdict.why


def events_of(bundle: Bundle, video: Path, path: Path) -> list[dict[str, Any]]:
    run_stream(bundle.path, str(video), Settings(window_s=WINDOW_S, hop_s=HOP_S, threads=1, events=path))
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_stream_says_how_many_glance_frames_it_knew(made: Made, real_videos: list[Path], tmp_path: Path) -> None:
    bundle, _, _ = made
    events = events_of(bundle, real_videos[1], tmp_path / "events.jsonl")
    answers = [event for event in events if event["event"] == "answer"]
    assert events[0]["incremental_glance"] is True
    assert answers[0]["glance"] == {"encoded": 4, "reused": 0}
    assert all(sum(answer["glance"].values()) == 4 for answer in answers)
    assert sum(answer["glance"]["encoded"] for answer in answers[1:]) <= 1.5 * (len(answers) - 1)
    assert events[-1]["glance"]["reused"] == sum(answer["glance"]["reused"] for answer in answers) > 0
    assert answers[1]["gmac"] < answers[0]["gmac"]


def test_a_bundle_without_the_parts_streams_as_ever(made: Made, real_videos: list[Path], tmp_path: Path) -> None:
    bundle, _, _ = made
    old = Path(shutil.copytree(bundle.path, tmp_path / "old"))
    manifest = bundle.manifest.model_copy(update={"incremental": {}})
    (old / MANIFEST).write_text(manifest.model_dump_json(), encoding="utf-8")
    events = events_of(Bundle.open(old), real_videos[1], tmp_path / "events.jsonl")
    answers = [event for event in events if event["event"] == "answer"]
    assert events[0]["incremental_glance"] is False
    assert len(answers) > 5
    assert all(answer["glance"] == {"encoded": 4, "reused": 0} for answer in answers)
    assert len({answer["gmac"] for answer in answers}) == 1
