"""The table of accelerators: what it names, what it refuses, and that nothing counts as available before it ran."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np
import pytest

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import GraphFile, TensorSpec
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.runtime_table import RUNTIMES
from adafocus.edge.runtimes import accelerators, litert_gpu, open_graph
from adafocus.edge.runtimes.accelerators import ACCELERATORS, EXACT, LABELS, Accelerator, choose, is_policy, proof_of
from adafocus.edge.runtimes.graph import CPU, Arrays, Graph, place_of
from adafocus.edge.runtimes.onnx import open_with_provider
from adafocus.edge.selftest import check_golden, runtimes_on
from adafocus.errors import AdafocusError, MissingRuntimeError
from tests.fuzzing.kind import small_bundle
from tests.helpers.program import Call, CallHere, assert_one_sentence, edit_manifest

NO_DEVICE = {"VK_ICD_FILENAMES": os.devnull, "VK_DRIVER_FILES": os.devnull}
SOFTWARE_DEVICE = Path("/usr/lib/chromium/vk_swiftshader_icd.json")
SHA = "0" * 64


@pytest.mark.parametrize("row", ACCELERATORS, ids=lambda row: f"{row.runtime} {row.name}")
def test_every_row_has_a_runtime_an_opener_and_a_proof_for_each_precision(row: Accelerator) -> None:
    assert row.runtime in RUNTIMES
    assert callable(resolve_name(row.opener))
    assert choose(row.runtime, row.name) == row
    assert set(row.proofs) <= {"fp32", "fp16", "int8"}
    assert not row.policy or RUNTIMES[row.policy].runs_on == "cpu"


@pytest.mark.parametrize(
    ("runtime", "name", "found"),
    [
        ("litert", None, None),
        ("litert", "cpu", None),
        ("coreml", None, None),
        ("litert", "gpu", "gpu"),
        ("onnx", "npu", "coreml"),
        ("onnx", "gpu", "cuda"),
        ("coreml", "cpu", "cpu"),
        ("tensorrt", None, "gpu"),
    ],
)
def test_a_name_or_a_kind_chooses_a_row(runtime: str, name: str | None, found: str | None) -> None:
    row = choose(runtime, name)
    assert (row and row.name) == found
    assert (proof_of(runtime, name, "fp16") is EXACT) == (row is None or found == "cpu")


@pytest.mark.parametrize(
    ("runtime", "name", "words"),
    [
        ("litert", "npu", ("cpu or gpu", "--runtime onnx")),
        ("tensorrt", "cpu", ("expected gpu",)),
        ("tflite", "gpu", ("expected cpu", "--runtime litert")),
        ("onnx", "no such thing", ("cuda",)),
    ],
)
def test_what_a_runtime_does_not_have_is_refused_with_what_it_has(
    runtime: str, name: str, words: tuple[str, ...]
) -> None:
    with pytest.raises(AdafocusError) as caught:
        choose(runtime, name)
    for word in (repr(name), *words):
        assert word in str(caught.value)


def test_a_bundle_without_any_runtime_for_it_is_refused(ready_bundle: Bundle) -> None:
    assert runtimes_on(ready_bundle, None) == ("litert", "tflite")
    assert runtimes_on(ready_bundle, "gpu") == ("litert",)
    with pytest.raises(AdafocusError, match="has no accelerator 'npu'"):
        runtimes_on(ready_bundle, "npu")


def test_a_provider_that_is_listed_and_takes_nothing_is_no_accelerator(tmp_path: Path) -> None:
    """The package lists a provider for a service in the network, which runs no graph here."""
    onnxruntime = pytest.importorskip(
        "onnxruntime", reason="expected in CI: the device's environment has no onnxruntime"
    )
    onnx = pytest.importorskip("onnx", reason="expected in CI: the device's environment has no onnx")
    assert "AzureExecutionProvider" in onnxruntime.get_available_providers()
    make = onnx.helper
    x, y = (make.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2]) for name in "xy")
    graph = make.make_graph([make.make_node("Relu", ["x"], ["y"])], "small", [x], [y])
    path = tmp_path / "small.onnx"
    onnx.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 20)], ir_version=10), str(path))
    described = description("x", "y")
    with pytest.raises(MissingRuntimeError, match="gives it no node of small"):
        open_with_provider(path, described, 1, "AzureExecutionProvider")
    with pytest.raises(MissingRuntimeError, match="has no CUDAExecutionProvider"):
        open_with_provider(path, described, 1, "CUDAExecutionProvider")
    with pytest.raises(MissingRuntimeError, match="pip install onnxruntime-ep-qnn"):
        open_with_provider(path, described, 1, "QNNExecutionProvider")


def description(given: str, answered: str) -> GraphFile:
    tensors = [TensorSpec(name=name, shape=(2,), dtype="float32") for name in (given, answered)]
    return GraphFile(
        file="small.onnx", sha256=SHA, bytes=1, precision="fp32", inputs=(tensors[0],), outputs=(tensors[1],), macs=1
    )


@dataclass
class Elsewhere:
    """A real graph whose answers are changed on the way, as another processor's arithmetic would."""

    graph: Graph
    change: int

    def __post_init__(self) -> None:
        self.inputs, self.outputs = self.graph.inputs, self.graph.outputs

    def run(self, arrays: Arrays) -> Arrays:
        found = self.graph.run(arrays)
        logits = found.get("logits")
        if logits is not None:
            scores = np.asarray(logits).copy()
            best = int(scores.argmax())
            # all of them move alike, or the best one falls behind
            scores = np.clip(scores.astype(int) - self.change, -128, 127) if self.change < 0 else scores
            if self.change > 0:
                scores.reshape(-1)[best] = scores.min()
            found["logits"] = scores.astype(np.asarray(logits).dtype)
        return found


@pytest.mark.parametrize(("change", "passes"), [(0, True), (-5, True), (1, False)])
def test_where_labels_are_counted_differences_are_told_and_the_label_must_be_right(
    ready_bundle: Bundle, change: int, passes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Accelerator("litert", "gpu", "gpu", "no module", proofs={"int8": LABELS})
    monkeypatch.setattr(accelerators, "ACCELERATORS", (row,))

    def opener(name: str, path: Path, described: GraphFile, threads: int) -> Graph:
        return Elsewhere(open_graph(name, path, described, threads), change)

    check = check_golden(ready_bundle, Recognizer(ready_bundle, "litert", 1, None, opener, accelerator="gpu"))
    assert check.proof == str(LABELS)
    assert (not check.broken) == passes
    assert (max(check.steps.values()) > 0) == (change != 0)
    if change:
        strict = check_golden(ready_bundle, Recognizer(ready_bundle, "litert", 1, None, opener))
        assert strict.broken


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have a graphics processor that WebGPU finds")
def test_without_a_graphics_processor_there_is_one_sentence(
    adafocus: Call, ready_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in NO_DEVICE.items():
        monkeypatch.setenv(name, value)
    done = adafocus("selftest", ready_bundle.path, "--accelerator", "gpu")
    assert_one_sentence(done, "not proved in int8", "--precision fp32")
    # which numbers the graphs have does not matter where no device is
    bundle = small_bundle(ready_bundle.path, tmp_path / "bundle")
    edit_manifest(bundle, say_float)
    for verb in ("selftest", "run"):
        videos = ["clip.mp4"] if verb == "run" else []
        done = adafocus(verb, bundle, *videos, "--accelerator", "gpu")
        assert_one_sentence(done, "no graphics processor", "Leave --accelerator out")


def say_float(manifest: dict[str, Any]) -> None:
    for graphs in manifest["stages"].values():
        graphs["litert"]["precision"] = "fp32"


def test_doctor_wants_a_bundle_to_try(adafocus_here: CallHere) -> None:
    done = adafocus_here("doctor", "--accelerator", "gpu")
    assert (done.returncode, done.stdout) == (2, "")
    assert "adafocus doctor BUNDLE --accelerator gpu" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not SOFTWARE_DEVICE.exists(), reason="expected in CI: Chromium's software device is not here")
def test_the_policy_on_a_software_device_is_that_of_the_cpu(
    ready_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    importlib.import_module("ai_edge_litert.compiled_model")
    monkeypatch.setenv("VK_ICD_FILENAMES", str(SOFTWARE_DEVICE))
    path, record = ready_bundle.graph("policy", "litert")
    assert is_policy(record)
    try:
        there = litert_gpu.open_graph(path, record, 1, "")
    except MissingRuntimeError as error:
        pytest.skip(f"expected in CI: no loader of Vulkan is here: {error}")
    here = open_graph("litert", path, record, 1, "gpu")
    assert place_of(here) == CPU
    assert "SwiftShader" in place_of(there).device
    rng = np.random.default_rng(3)
    given: dict[str, Any] = {spec.name: rng.normal(size=spec.shape).astype(np.float32) for spec in here.inputs}
    for name, wanted in here.run(given).items():
        largest = float(np.abs(wanted.astype(np.float64)).max())
        found = there.run(given)[name].astype(np.float64)
        assert np.abs(found - wanted.astype(np.float64)).max() <= 1e-5 * largest
