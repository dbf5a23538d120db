"""The shipped model as a bundle: as exact, as delegated and as good as the README says."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from adafocus.calibration.datasets import read_clips
from adafocus.calibration.quantization.model_file import StoredModel, load_model
from adafocus.calibration.quantization.tie_free_scales import STEP
from adafocus.converters.backends.litert import report as litert_report
from adafocus.converters.backends.onnx import report as onnx_report
from adafocus.converters.verification.parity import Programs, compare, reference_stages
from adafocus.converters.verification.verdict import opener_of
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import STAGES, Runtime, Stage
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.runtime_table import file_runtimes
from adafocus.edge.selftest import check_golden
from adafocus.edge.video.clip import Clip, read_clip

REAL_CLIPS = 20
MODELS = sorted(Path("models").glob("*.safetensors"))
LARGEST_MODEL_BYTES = 18_000_000
TEACHER_MACS = 2.4154e9


@pytest.mark.slow
@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_every_model_is_small_whole_int8_and_has_a_card(path: Path) -> None:
    assert path.stat().st_size <= LARGEST_MODEL_BYTES
    stored = load_model(path)
    assert set(stored.prepared) == {"glance", "focus"}
    assert len(stored.labels) == stored.config.num_classes
    assert stored.history["checkpoint_sha256"]
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    assert card.startswith(f"# {path.stem}\n")
    assert f"| preset | `{stored.preset}` |" in card
    readme = Path("README.md").read_text(encoding="utf-8")
    assert f"models/{path.stem}.md" in readme


def test_every_stage_is_one_delegate(shipped_bundle: Bundle) -> None:
    for stage in STAGES:
        report = litert_report(shipped_bundle.graph(stage, "litert")[0])
        assert report.delegates == 1, stage
        assert report.delegated_share >= 0.99, stage


@pytest.fixture(scope="module")
def programs(model: StoredModel) -> Programs:
    """Return the quantized programs; what one runtime asked of them need not be computed for the next one."""
    return reference_stages(model, "int8")


@pytest.fixture(scope="module")
def clips(shipped_bundle: Bundle, shared: Path) -> list[Clip]:
    listed = read_clips(shared / "clips" / "ucf6.csv", "val")
    chosen = random.Random(4).sample(listed, REAL_CLIPS)
    return [read_clip(clip.path, shipped_bundle.manifest.geometry) for clip in chosen]


@pytest.mark.parametrize("runtime", file_runtimes())
def test_integers_equal_those_of_the_quantized_program_on_real_clips(
    shipped_bundle: Bundle, programs: Programs, clips: list[Clip], runtime: Runtime
) -> None:
    opener = opener_of(runtime)
    assert opener is not None
    recognizer = Recognizer(shipped_bundle, runtime, 2, None, opener)
    parity = compare(recognizer, programs, clips, "int8")
    assert parity.clips == REAL_CLIPS
    assert parity.stages["glance"].steps == 0
    assert parity.stages["focus"].steps == 0
    assert parity.stages["policy"].relative <= 1e-5
    assert parity.same_label == parity.same_best == parity.same_frames == REAL_CLIPS


def test_onnx_stages_take_and_give_integers(shipped_bundle: Bundle) -> None:
    kinds_of: dict[Stage, set[str]] = {"glance": {"int8"}, "policy": {"float32"}, "focus": {"int8"}}
    for stage, kinds in kinds_of.items():
        path, graph = shipped_bundle.graph(stage, "onnx")
        litert = shipped_bundle.graph(stage, "litert")[1]
        assert {spec.dtype for spec in (*graph.inputs, *graph.outputs)} == kinds
        # a mean has a power-of-two scale where it is taken of real numbers, and one a little below in integer kernels
        for ours, theirs in zip((*graph.inputs, *graph.outputs), (*litert.inputs, *litert.outputs), strict=True):
            assert ours.model_copy(update={"scale": None}) == theirs.model_copy(update={"scale": None})
            assert (ours.scale or 0.0) == pytest.approx(theirs.scale or 0.0, rel=4 * STEP)
        given = onnx_report(path)
        assert given.macs == litert.macs == graph.macs
        assert graph.delegated_share is not None
        assert round(given.delegated_share, 6) == graph.delegated_share > 0.9


def test_the_golden_clip_answers_as_written(shipped_bundle: Bundle) -> None:
    check = check_golden(shipped_bundle, Recognizer.open(shipped_bundle, threads=1))
    assert check.tensors == 6
    assert set(check.steps.values()) == {0}
    assert check.same_frames
    assert check.broken == []


def test_a_car_ride_is_recognized_in_the_demo_video(shipped_bundle: Bundle, real_videos: list[Path]) -> None:
    prediction = Recognizer.open(shipped_bundle).recognize(real_videos[0])
    assert "driving car" in [label for label, _ in prediction.top(5)]
    assert prediction.exit_stage == "focus"
    assert prediction.macs < TEACHER_MACS


def test_an_exit_at_the_glance_spends_the_glance_alone(shipped_bundle: Bundle, real_videos: list[Path]) -> None:
    prediction = Recognizer.open(shipped_bundle, exit_threshold=0.0).recognize(real_videos[0])
    assert prediction.exit_stage == "glance"
    assert prediction.macs == shipped_bundle.manifest.macs("glance")
    assert prediction.frame_indices == ()
    assert "focus" not in prediction.timing_ms
    assert not any(name.startswith(("policy", "focus")) for name in prediction.outputs)


@pytest.mark.parametrize(
    "name",
    [
        "archery.mp4",
        "arm_wrestling.mp4",
        "deadlifting.mp4",
        "dunking_basketball.mp4",
        "flipping_pancake.mkv",
        "high_jump.mp4",
        "juggling_soccer_ball.avi",
    ],
)
def test_real_clips_of_other_containers_are_recognized(shipped_bundle: Bundle, shared: Path, name: str) -> None:
    prediction = Recognizer.open(shipped_bundle).recognize(shared / "smoke" / name)
    best = [label.replace("(", "").replace(")", "") for label, _ in prediction.top(5)]
    assert Path(name).stem.replace("_", " ") in best
