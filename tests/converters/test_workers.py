"""Conversions side by side: what fails fails alone, what is made is made the same every time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from adafocus.calibration.quantization.model_file import load_model
from adafocus.calibration.quantization.qat import calibrate, prepare, snap
from adafocus.converters.backends import litert
from adafocus.converters.backends.registry import BACK_ENDS, BackEnd, Report, back_end
from adafocus.converters.bundle_builder import manifest_of
from adafocus.converters.export import partly_delegated
from adafocus.converters.model_source import Source, write_model
from adafocus.converters.verification.parity import compare, reference_stages
from adafocus.converters.verification.verdict import Verdict, verify_runtime
from adafocus.converters.workers import Item, convert_graph, convert_graphs, graph_name, reports_of
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.files import sha256_of
from adafocus.edge.bundle.manifest import STAGES, Precision, Runtime, Stage
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.runtime_table import RUNTIMES, RuntimeSpec
from adafocus.edge.video.clip import read_clip
from adafocus.errors import MissingRuntimeError
from tests.helpers.small_networks import CLASSES, settled, small_config

PROGRAM = Path(sys.executable).parent / "adafocus"


class Block(nn.Module):
    """A convolution, a gate and a mean, as in every network here."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 8, 3, 1, 1), nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        y = self.one(x).relu()
        return (self.two(y * y.sigmoid()).mean((2, 3), keepdim=True).flatten(1),)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", list(BACK_ENDS))
def test_the_same_program_gives_the_same_bytes(runtime: Runtime, tmp_path: Path) -> None:
    torch.manual_seed(1)
    example = (torch.randn(2, 3, 8, 8),)
    graph = prepare(Block().eval(), example)
    calibrate(graph, [example])
    snap(graph)
    target, digests = back_end(runtime), set()
    made = target.load()
    for turn in ("one", "two"):
        path = tmp_path / turn / f"block{target.suffix}"
        path.parent.mkdir()
        program = made.quantized(graph)
        report = made.convert(program, example, path, (["x"], ["y"]), precision="int8")
        assert report.macs == 2 * 8 * 8 * (3 * 9 * 8 + 8 * 4)
        assert report.fully_delegated()
        assert report.weight_bytes > 0
        digests.add(sha256_of(path))
    assert len(digests) == 1


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_passes_that_are_spared_change_no_byte_of_a_litert_file(
    precision: Precision, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, real_videos: list[Path]
) -> None:
    path = tmp_path / "model.safetensors"
    stages: tuple[Stage, ...] = ("glance", "policy")
    labels = tuple(map(str, range(CLASSES)))
    write_model(path, settled(small_config("tsm")), "small", labels, precision, real_videos[:1], 1, {})

    def made(name: str) -> list[str]:
        files = [tmp_path / name / f"{stage}.tflite" for stage in stages]
        files[0].parent.mkdir()
        for stage, file in zip(stages, files, strict=True):
            convert_graph(path, back_end("litert"), stage, precision, file)
        return [sha256_of(file) for file in files]

    spared = made("spared")
    monkeypatch.setattr(litert, "decomposing_once", nullcontext)
    assert made("stock") == spared


@pytest.mark.slow
@pytest.mark.parametrize("runtime", list(BACK_ENDS))
def test_float16_halves_the_file(runtime: Runtime, tmp_path: Path) -> None:
    config = small_config("tsm")
    path = tmp_path / "model.safetensors"
    net = settled(config)
    write_model(path, net, "small", tuple(map(str, range(CLASSES))), "fp32", (), 1, {})
    sizes = {}
    precisions: tuple[Precision, ...] = ("fp32", "fp16")
    for precision in precisions:
        (tmp_path / precision).mkdir()
        target = back_end(runtime)
        # ExecuTorch keeps the weights of convolutions in float32; most of the policy's are those of a linear layer
        name: Stage = "glance" if target.float_policy else "policy"
        place = tmp_path / precision / graph_name(name, runtime)
        sizes[precision] = convert_graph(path, target, name, precision, place).weight_bytes
    assert sizes["fp16"] < 0.75 * sizes["fp32"]


def shadowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, content: str) -> None:
    """Put a package of the given content before the real one, for processes that start from now on."""
    (tmp_path / "shadow" / package).mkdir(parents=True)
    (tmp_path / "shadow" / package / "__init__.py").write_text(content)
    monkeypatch.syspath_prepend(str(tmp_path / "shadow"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("raise ModuleNotFoundError('no such package', name='coremltools')", "pip install"),
        ("raise RuntimeError('a converter of another version')", "a converter of another version"),
        ("import os; os._exit(3)", "process died"),
    ],
)
def test_a_converter_that_fails_takes_no_other_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_path: Path, content: str, word: str
) -> None:
    shadowed(tmp_path, monkeypatch, "coremltools", content)
    outcomes = convert_graphs(model_path, tmp_path / "graphs", "fp32", ["coreml", "onnx"], ["policy"])
    assert word in str(outcomes["coreml", "policy"])
    assert isinstance(outcomes["onnx", "policy"], Report), outcomes
    assert [path.name for path in (tmp_path / "graphs").iterdir()] == ["policy.onnx"]


def test_a_back_end_that_does_not_exist_is_named() -> None:
    with pytest.raises(MissingRuntimeError, match="litert, onnx, executorch, coreml"):
        back_end("tensorrt")


SEEN = {"training": {"seen": "0123456789ab"}}
TOY = """
from adafocus.converters.backends.registry import Report
from adafocus.edge.bundle.manifest import TensorSpec

def convert(program, example, path, names, *, precision):
    path.write_text(f"{precision}: {', '.join(names[0])}")
    return Report(1, None, 1.0, {}, 1)

def tensor_specs(path, names):
    return tuple([TensorSpec(name=name, shape=(1,), dtype="float32") for name in group] for group in names)
"""


@pytest.mark.slow
def test_a_new_back_end_is_a_file_and_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shadowed(tmp_path, monkeypatch, "toy_back_end", TOY)
    monkeypatch.setitem(BACK_ENDS, "toy", BackEnd("toy", "toy_back_end", ".toy", ("click",)))
    monkeypatch.setitem(RUNTIMES, "toy", RuntimeSpec("toy", "toy_runtime:open", (), "numpy", "toy"))
    path = tmp_path / "model.safetensors"
    write_model(path, settled(small_config("tsm")), "small", tuple(map(str, range(CLASSES))), "fp32", (), 1, SEEN)
    outcomes = convert_graphs(path, tmp_path / "graphs", "fp32", ["toy"])
    reports = reports_of(outcomes)
    assert len(reports) == len(STAGES), outcomes
    assert (tmp_path / "graphs" / "policy.toy").read_text() == "fp32: features"
    manifest = manifest_of(load_model(path), Source(path, "small", "m", "0" * 64), tmp_path, "fp32", reports, "none")
    assert manifest.stages["focus"]["toy"].file == "graphs/focus.toy"
    assert manifest.golden.runtime == "toy"
    assert manifest.provenance.seen == "0123456789ab"
    assert {"click", "numpy"} < set(manifest.provenance.packages)


def test_the_workstation_installs_every_package_that_a_back_end_names() -> None:
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    workstation = project.split("workstation = [")[1].split("]")[0]
    for row in BACK_ENDS.values():
        for name in row.distributions:
            assert f'"{name}==' in workstation, name


def test_stages_that_are_split_are_named() -> None:
    whole, split = Report(100, 1, 1.0, {}, 5), Report(100, 2, 0.97, {"PAD": 1}, 5)
    assert Report(100, None, 1.0, {}, 5).fully_delegated()
    assert not Report(100, 1, 0.98, {}, 5).fully_delegated()
    reports: dict[Item, Report] = {("litert", stage): whole for stage in STAGES}
    assert partly_delegated(reports, "litert") is None
    assert partly_delegated(reports | {("litert", "focus"): split}, "litert") == "not fully delegated: focus"


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["long", "tsm"])
def test_a_float_bundle_of_every_variant_answers_like_its_network(
    variant: str, tmp_path: Path, real_videos: list[Path]
) -> None:
    from adafocus.calibration.datasets.augmentation import normalize
    from adafocus.networks.lowering import infer_lowered, lower

    config = small_config(variant)
    path = tmp_path / "model.safetensors"
    net = settled(config)
    write_model(path, net, "small", tuple(map(str, range(CLASSES))), "fp32", (), 1, {})
    outcomes = convert_graphs(path, tmp_path / "graphs", "fp32", ["litert"])
    reports = reports_of(outcomes)
    assert len(reports) == len(STAGES), outcomes
    model = load_model(path)
    manifest = manifest_of(model, Source(path, "small", path.name, "0" * 64), tmp_path, "fp32", reports, "none")
    bundle = Bundle(tmp_path, manifest)
    clip = read_clip(real_videos[0], manifest.geometry)
    recognizer = Recognizer(bundle, "litert", 1, None)
    parity = compare(recognizer, reference_stages(model, "fp32"), [clip], "fp32")
    assert parity.broken() == []
    answer = recognizer.recognize_clip(clip)
    calls = [call.stage for call in answer.calls]
    assert calls == ["glance", "policy", *["focus"] * (2 if variant == "long" else 1)]
    candidates, glance = normalize(np.asarray(clip.candidates), config)[None], normalize(clip.glance, config)[None]
    wanted = infer_lowered(lower(net), candidates, glance)
    assert answer.candidate_indices == tuple(wanted.frame_indices.tolist())
    whole_pixel = 1.0 / manifest.geometry.frame_size
    assert torch.allclose(torch.from_numpy(answer.boxes[: len(wanted.boxes)]), wanted.boxes, atol=whole_pixel)
    assert torch.allclose(torch.from_numpy(answer.glance_logits), wanted.stage_logits[0], atol=1e-4)
    # patches are cut from 8-bit frames here and from floats there, so the stages get those of the device
    stages = lower(net)
    with torch.no_grad():
        context = stages.glance(glance[0])[2]
        for part in normalize(answer.patches, config).split(config.patches_in_one_call):
            logits, *following = stages.focus(part, context)
            context = following[0] if following else context
    assert torch.allclose(torch.from_numpy(answer.logits), logits[-1], atol=1e-3)
    if variant == "long":
        sure = Recognizer(bundle, "litert", 1, 0.0).recognize_clip(clip)
        assert [call.stage for call in sure.calls] == ["glance"]
        assert answer.macs == manifest.macs("glance") + manifest.macs("policy") + 2 * manifest.macs("focus")


def test_a_runtime_that_is_not_here_is_not_called_verified(shipped_bundle: Bundle) -> None:
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patched:
        patched.setitem(RUNTIMES, "onnx", replace(RUNTIMES["onnx"], imports=("no_such_package",)))
        verdict = verify_runtime(shipped_bundle, "onnx", {}, [], "int8")
    why = 'The runtime onnx is not installed. Install it: pip install "adafocus-edge[onnx]"'
    assert verdict == Verdict("converted, not verified here", why)


def test_a_conversion_that_is_killed_leaves_nothing_that_looks_like_a_bundle(
    tmp_path: Path, model_path: Path, real_videos: list[Path]
) -> None:
    out = tmp_path / "out" / "bundle"
    call: list[str | Path] = [
        PROGRAM,
        "export",
        model_path,
        "--out",
        out,
        "--precision",
        "fp32",
        "--verify",
        real_videos[0],
    ]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    started = subprocess.Popen(call, stdout=subprocess.DEVNULL, start_new_session=True, env=environment)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".export.*/graphs")) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert started.poll() is None
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    assert not out.exists()
    assert list(tmp_path.rglob("manifest.json")) == []
