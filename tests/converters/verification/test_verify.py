"""``adafocus verify``: what agrees passes, and a file that is wrong in one place is caught in every runtime."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from adafocus.calibration.quantization.model_file import StoredModel, load_model
from adafocus.calibration.quantization.qat import quantized_layers
from adafocus.converters.commands import verify
from adafocus.converters.verification.parity import compare, reference_stages
from adafocus.converters.verification.verify import passed, readable, verify_clips, verify_golden
from adafocus.edge.bundle.bundle import Bundle, file_record
from adafocus.edge.commands.options import raise_broken
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.runtime_table import file_runtimes
from adafocus.edge.selftest import GoldenCheck
from adafocus.edge.video.clip import read_clip
from adafocus.errors import AdafocusError
from tests.helpers.videos import write_video

RUNTIMES = file_runtimes()
# where the numbers of a converted stage stand
WEIGHTS = {"coreml": "Data/com.apple.CoreML/weights/weight.bin"}


def test_every_runtime_of_the_shipped_bundle_answers_its_golden_clip(shipped_bundle: Bundle) -> None:
    found = verify_golden(shipped_bundle, 2)
    assert sorted(found) == sorted(RUNTIMES)
    for check in found.values():
        assert isinstance(check, GoldenCheck)
        assert check.broken == []
        assert max(check.steps.values()) == 0
        assert check.same_frames


def test_clips_are_compared_with_the_program_of_the_model(
    shipped_bundle: Bundle, model_path: Path, real_videos: list[Path]
) -> None:
    verdicts = verify_clips(shipped_bundle, real_videos, None, 1, model_path, 2)
    states = {runtime: verdict.state for runtime, verdict in verdicts.items()}
    assert states == dict.fromkeys(("litert", "onnx", "executorch"), "verified") | {
        "coreml": "converted, not verified here"
    }
    assert "macOS" in verdicts["coreml"].why
    assert verdicts["coreml"].proved_by == "evaluator"
    assert passed({}, verdicts)


@pytest.mark.parametrize("name", ["empty.mp4", "missing.mp4", "text.npy"])
def test_a_clip_that_cannot_be_read_leaves_the_others(ready_bundle: Bundle, tmp_path: Path, name: str) -> None:
    good, bad = write_video(tmp_path / "good.mp4", 12), tmp_path / name
    if name != "missing.mp4":
        bad.write_text("" if name == "empty.mp4" else "text")
    broken: dict[Path, str] = {}
    assert len(readable(ready_bundle, [bad, good, bad], broken)) == 1
    assert list(broken) == [bad]
    with pytest.raises(AdafocusError, match=name):
        raise_broken(broken, 0)
    with pytest.raises(AdafocusError, match=name):
        readable(ready_bundle, [bad], {})


@pytest.mark.slow
def test_a_bundle_is_verified_on_the_other_clips_where_some_are_broken(
    ready_bundle: Bundle, model_path: Path, tmp_path: Path
) -> None:
    bad = [tmp_path / name for name in ("empty.mp4", "missing.mp4", "text.mp4")]
    bad[0].touch()
    bad[2].write_text("text")
    asked = [str(ready_bundle.path), *map(str, [bad[0], write_video(tmp_path / "good.mp4", 12), *bad[1:]])]
    done = CliRunner().invoke(verify, [*asked, "--model", str(model_path), "--json"])
    assert isinstance(done.exception, AdafocusError)
    assert all(path.name in str(done.exception) for path in bad)
    content = json.loads(done.stdout)
    assert [error["video"] for error in content["errors"]] == list(map(str, bad))
    assert {verdict["state"] for verdict in content["clips"].values()} == {"verified"}
    assert content["passed"] is True


def test_another_model_than_the_bundle_was_made_from_is_refused(
    shipped_bundle: Bundle, tmp_path: Path, real_videos: list[Path]
) -> None:
    other = tmp_path / "other.safetensors"
    other.write_bytes(b"something else")
    with pytest.raises(AdafocusError, match="not the file that the bundle was converted from"):
        verify_clips(shipped_bundle, real_videos, None, 1, other, 2)
    with pytest.raises(AdafocusError, match="--model x3d-xs-xs-k400"):
        verify_clips(shipped_bundle, real_videos, None, 1, None, 2)


def test_a_single_changed_weight_is_found(shipped_bundle: Bundle, model_path: Path, real_videos: list[Path]) -> None:
    model = load_model(model_path)
    layer = next(iter(quantized_layers(model.prepared["focus"])))
    with torch.no_grad():
        layer.weight[0, 0, 1, 1] += 8 * layer.weight_quant.scale[0]
    clip = read_clip(real_videos[0], shipped_bundle.manifest.geometry)
    parity = compare(Recognizer.open(shipped_bundle), reference_stages(model, "int8"), [clip], "int8")
    assert parity.stages["glance"].steps == 0
    assert any(problem.startswith("focus is") for problem in parity.broken())


def change_a_weight(weights: np.ndarray, scales: np.ndarray) -> None:
    place = np.unravel_index(np.abs(weights.astype(int)).argmax(), weights.shape)
    weights[place] = -weights[place]


def change_a_scale(weights: np.ndarray, scales: np.ndarray) -> None:
    scales[np.abs(weights.astype(int)).sum(1).argmax()] *= 2


def swap_two_channels(weights: np.ndarray, scales: np.ndarray) -> None:
    weights[[0, 1]] = weights[[1, 0]]


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("mutate", [change_a_weight, change_a_scale, swap_two_channels])
def test_one_wrong_place_in_a_converted_file_is_caught(
    bundle_copy: Path, model: StoredModel, runtime: str, mutate: Callable[[np.ndarray, np.ndarray], None]
) -> None:
    """The file is changed as a faulty converter would have written it: its hash in the manifest is right."""
    mutate_file(bundle_copy, runtime, model, mutate)
    found = verify_golden(Bundle.open(bundle_copy), 2)
    check = found[runtime]  # type: ignore[index]
    assert isinstance(check, GoldenCheck)
    assert any("glance" in problem for problem in check.broken), check
    assert not passed(found, {})
    others = [other for name, other in found.items() if name != runtime]
    assert all(isinstance(other, GoldenCheck) and not other.broken for other in others)


def mutate_file(
    bundle: Path, runtime: str, model: StoredModel, mutate: Callable[[np.ndarray, np.ndarray], None]
) -> None:
    """Change the first 1x1 convolution whose weights and scales each stand in the file exactly once."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    record = manifest["stages"]["glance"][runtime]
    path = bundle / record["file"] / WEIGHTS[runtime] if runtime in WEIGHTS else bundle / record["file"]
    content = path.read_bytes()
    for layer in quantized_layers(model.prepared["glance"]):
        scales = layer.weight_quant.scale.numpy().astype(np.float32)
        if layer.weight.shape[2:] != (1, 1) or layer.weight.shape[1] < 16:
            continue
        weights = np.rint(layer.weight.detach().numpy()[:, :, 0, 0] / scales[:, None]).astype(np.int8)
        old = weights.tobytes(), scales.tobytes()
        if content.count(old[0]) == content.count(old[1]) == 1:
            mutate(weights, scales)
            for before, after in zip(old, (weights.tobytes(), scales.tobytes()), strict=True):
                content = content.replace(before, after)
            path.write_bytes(content)
            record |= file_record(bundle, record["file"]).model_dump()
            (bundle / "manifest.json").write_text(json.dumps(manifest))
            return
    raise AssertionError(f"no layer of the glance was found in {path}")


def test_the_verb_ends_with_code_1_where_a_bound_is_broken(bundle_copy: Path, model: StoredModel) -> None:
    good = CliRunner().invoke(verify, [str(bundle_copy)])
    assert good.exit_code == 0, good.output
    mutate_file(bundle_copy, "litert", model, swap_two_channels)
    bad = CliRunner().invoke(verify, [str(bundle_copy), "--json"])
    assert bad.exit_code == 1
    content = json.loads(bad.stdout)
    assert content["passed"] is False
    assert content["golden"]["litert"]["broken"]
    assert content["golden"]["onnx"]["broken"] == []
