"""A stream whose glance looks back: converted, streamed with what is known and without, the integers compared."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from adafocus.calibration.quantization.model_file import StoredModel, load_model
from adafocus.converters.export import Request, export
from adafocus.converters.model_source import write_model
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import Runtime
from adafocus.edge.incremental import FeatureStore
from adafocus.edge.prediction import Prediction
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.streaming.session import run_stream
from adafocus.edge.streaming.settings import Settings
from adafocus.errors import AdafocusError
from benchmarks.robustness.stream_hop import different, measure, single_frame_percent, unlike, windows_of
from tests.helpers.small_networks import CLASSES, settled, small_config

WINDOW_S, HOP_S = 2.0, 0.5
RUNTIMES: tuple[Runtime, ...] = ("litert", "onnx", "executorch")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, real_videos: list[Path]) -> tuple[Bundle, StoredModel]:
    place = tmp_path_factory.mktemp("online")
    model = place / "model.safetensors"
    config = small_config("tsm").override(shift="past", glance_size=64, patch_size=32, focus_frames=2)
    write_model(model, settled(config), "small", tuple(map(str, range(CLASSES))), "int8", real_videos[:1], 1, {})
    exported = export(Request(model, place / "bundle", "int8", real_videos[:1], 1, RUNTIMES))
    assert [verdict.state for verdict in exported.parts.values()] == ["verified"] * len(RUNTIMES)
    assert exported.bundle is not None
    return exported.bundle, load_model(model)


def test_every_window_has_the_integers_of_one_pass_over_the_stream(
    made: tuple[Bundle, StoredModel], real_videos: list[Path]
) -> None:
    bundle, model = made
    found = measure(bundle, model, real_videos[1], WINDOW_S, HOP_S, 1, 1)
    assert found["windows"] > 5
    assert found["first_window"]["different"] == found["all_windows"]["different"] == 0
    assert found["all_windows"]["compared"] > found["windows"] * 1000
    # a frame of four each hop
    assert 0.8 <= found["encoded_each_hop"] <= 1.3
    encode, join = (bundle.manifest.incremental[part]["litert"].macs for part in ("encode", "join"))
    assert 4 * encode + join == bundle.manifest.macs("glance")
    # clips that are cut out of the stream know nothing of what was before them
    recognizer = Recognizer.open(bundle, threads=1, incremental=True)
    clips = windows_of(real_videos[1], recognizer, WINDOW_S, HOP_S)[:2]
    alone = [recognizer.recognize_clip(clip, stop_after="glance") for clip in clips]
    assert different(model, recognizer, clips[:1], alone[:1])["different"] == 0
    assert different(model, recognizer, clips, alone)["different"] > 0


def test_every_runtime_has_the_same_integers_of_a_stream_that_looks_back(
    made: tuple[Bundle, StoredModel], real_videos: list[Path]
) -> None:
    bundle, _ = made
    found: dict[str, list[Prediction]] = {}
    for runtime in RUNTIMES:
        recognizer, store = Recognizer.open(bundle, runtime, threads=1, incremental=True), FeatureStore()
        assert recognizer.looks_back
        clips = windows_of(real_videos[1], recognizer, WINDOW_S, HOP_S)[:4]
        found[runtime] = [recognizer.recognize_clip(clip, glance_features=store) for clip in clips]
        # later windows know frames of those before
        assert found[runtime][-1].glance_encoded < len(clips[-1].glance)
    for runtime in RUNTIMES[1:]:
        compared = unlike(found[runtime], found["litert"])
        assert compared["different"] == 0
        assert compared["compared"] > 1000


def test_it_is_counted_what_sees_single_frames() -> None:
    assert single_frame_percent("x3d-xs-xs") == pytest.approx(2.75, abs=0.01)
    assert single_frame_percent("tsm-mbv2-r50-p96-8x8") == pytest.approx(16.72, abs=0.01)


def test_a_video_that_is_too_short_is_refused(made: tuple[Bundle, StoredModel], real_videos: list[Path]) -> None:
    with pytest.raises(AdafocusError, match="expected two"):
        measure(*made, real_videos[1], 60.0, HOP_S, 1, 1)


def test_a_stream_reuses_it(made: tuple[Bundle, StoredModel], real_videos: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    settings = Settings(window_s=WINDOW_S, hop_s=HOP_S, threads=1, events=path)
    run_stream(made[0].path, str(real_videos[1]), settings)
    events = [json.loads(line) for line in path.read_text().splitlines()]
    answers = [event for event in events if event["event"] == "answer"]
    assert events[0]["incremental_glance"] is True
    assert answers[0]["glance"] == {"encoded": 4, "reused": 0}
    assert np.mean([answer["glance"]["encoded"] for answer in answers[1:]]) == pytest.approx(1.0, abs=0.3)
