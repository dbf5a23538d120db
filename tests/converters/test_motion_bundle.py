"""A bundle without a policy network, from a classifier to the device: two graphs, exact, with its calibrated exits."""

from __future__ import annotations

from pathlib import Path

import pytest

from adafocus import networks
from adafocus.calibration.quantization.model_file import load_model
from adafocus.converters.export import Request, export
from adafocus.converters.model_source import write_model
from adafocus.converters.verification.parity import reference_stages
from adafocus.converters.verification.verdict import verify_runtime
from adafocus.converters.verification.verify import passed, verify_golden
from adafocus.edge.bundle.bundle import Bundle, rewrite_bundle
from adafocus.edge.bundle.manifest import ExitBudget, Exits
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.video.clip import read_clip
from tests.helpers.small_networks import TINY_FRAME, lively
from tests.helpers.videos import encode

pytestmark = pytest.mark.slow

PRESET = "tsm-mbv2-mbv2-frame"
LABELS = tuple(f"class {index}" for index in range(7))
EXITS = Exits(budgets=(ExitBudget(unit="GMAC", budget=0.06, thresholds=(0.6,)),))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encode(tmp_path_factory.mktemp("videos") / "moving.mp4", 24)


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory, video: Path) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    net = lively(networks.build(PRESET, **TINY_FRAME[PRESET]))
    assert isinstance(net, networks.AdaFocus)
    write_model(path, net, PRESET, LABELS, "int8", [video], 1, {})
    return path


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, model_file: Path, video: Path) -> Bundle:
    out, cache = tmp_path_factory.mktemp("bundle") / "motion.zip", model_file.parent / "graphs"
    exported = export(Request(model_file, out, "int8", [video], 3, cache=cache))
    assert not exported.failed, exported.verdicts
    assert exported.bundle is not None
    return exported.bundle


def test_it_has_two_graphs_and_says_how_it_looks(bundle: Bundle) -> None:
    manifest = bundle.manifest
    assert list(manifest.stages) == ["glance", "focus"]
    assert {graph.precision for graphs in manifest.stages.values() for graph in graphs.values()} == {"int8"}
    assert (manifest.geometry.policy, manifest.geometry.boxes_in, manifest.macs("policy")) == ("motion", "frame", 0)


def test_its_golden_clip_agrees(bundle: Bundle) -> None:
    assert passed(verify_golden(bundle, 1), {})


def test_it_answers_like_the_trained_program_and_looks_where_it_does(
    bundle: Bundle, model_file: Path, video: Path
) -> None:
    clip = read_clip(video, bundle.manifest.geometry)
    programs = reference_stages(load_model(model_file), "int8")
    verdict = verify_runtime(bundle, "litert", programs, [clip], "int8", 1)
    assert verdict.state == "verified"
    assert verdict.parity is not None
    assert set(verdict.parity.stages) == {"glance", "focus"}
    prediction = Recognizer.open(bundle, threads=1).recognize_clip(clip)
    assert [call.stage for call in prediction.calls] == ["glance", "focus"]
    assert prediction.patches.shape == (3, 32, 32, 3)
    assert len(prediction.boxes) == len(set(prediction.candidate_indices)) == 3


def test_exits_of_the_same_model_are_kept_when_it_is_exported_again(
    bundle: Bundle, model_file: Path, video: Path, tmp_path: Path
) -> None:
    calibrated = tmp_path / "calibrated.zip"
    rewrite_bundle(bundle, bundle.manifest.model_copy(update={"exits": EXITS}), calibrated).close()
    cache = model_file.parent / "graphs"
    exported = export(Request(model_file, calibrated, "int8", [video], 1, exits=calibrated, cache=cache))
    assert exported.bundle is not None
    assert exported.bundle.manifest.exits == EXITS
    assert Bundle.open(calibrated).manifest.exits == EXITS
