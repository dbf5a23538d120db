"""A quantized policy: the part that places boxes is int8, the part that weighs frames is float32."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.fx import GraphModule

from adafocus.calibration.quantization.model_file import load_model, save_model
from adafocus.calibration.quantization.qat import calibrate, prepare, quantized_layers, snap
from adafocus.calibration.quantization.quantized_network import QuantizedNetwork, stage_inputs
from adafocus.calibration.quantization.tie_free_scales import reference_program
from adafocus.converters.backends.registry import back_end
from adafocus.edge.bundle.manifest import GraphFile
from adafocus.edge.runtimes import open_graph
from adafocus.edge.runtimes.tensors import dequantize, quantize
from adafocus.networks.lowering import LoweredStages, lower
from tests.helpers.small_networks import settled, small_config, tiny

# what each is converted for
RUNTIMES = {"tsm": ("litert", "executorch"), "long": ("onnx",)}


def features(stages: LoweredStages, seed: int) -> Tensor:
    shape = stages.examples("policy")[0].shape
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).relu()


@pytest.fixture(scope="module", params=RUNTIMES)
def stages(request: pytest.FixtureRequest) -> LoweredStages:
    return lower(settled(small_config(request.param)))


@pytest.fixture(scope="module")
def policy(stages: LoweredStages) -> GraphModule:
    graph = prepare(stages.modules()["policy"], stages.examples("policy"))
    calibrate(graph, [(features(stages, seed),) for seed in range(4)])
    snap(graph)
    return graph


def test_boxes_are_steps_and_follow_the_float_ones(stages: LoweredStages, policy: GraphModule) -> None:
    names = [layer.name for layer in quantized_layers(policy)]
    assert len(names) == 4
    assert all(name.startswith("spatial.") for name in names)
    bounds = stages.config.box_min, stages.config.box_max
    for seed in range(4, 8):
        given = features(stages, seed)
        with torch.no_grad():
            boxes, weights = reference_program(policy)(given)
            wanted, wanted_weights = stages.modules()["policy"](given)
        assert float((boxes - wanted).abs().max()) < 0.1
        assert float((boxes - wanted).abs().max()) > 0.0
        if len(boxes) == 1:
            raw = 256.0 * (boxes[0, 2:] - bounds[0]) / (bounds[1] - bounds[0])
            assert torch.allclose(raw, raw.round(), atol=1e-3)
        assert float((weights - wanted_weights).abs().max()) < 0.02
        assert float(weights.sum()) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.slow
def test_runtimes_place_the_same_boxes(stages: LoweredStages, policy: GraphModule, tmp_path: Path) -> None:
    for runtime in RUNTIMES[stages.config.variant]:
        compare(stages, policy, runtime, tmp_path)


def compare(stages: LoweredStages, policy: GraphModule, runtime: str, folder: Path) -> None:
    """Convert a policy, and run it beside its program."""
    target = back_end(runtime)
    converter, module = target.load(), stages.modules()["policy"]
    path = folder / f"policy{target.suffix}"
    names = module.inputs, module.outputs
    report = converter.convert(converter.quantized(policy), stages.examples("policy"), path, names, precision="int8")
    inputs, outputs = converter.tensor_specs(path, names)
    (taken,) = inputs
    assert taken.dtype == "int8"
    assert [spec.dtype for spec in outputs] == ["float32", "float32"]
    described = GraphFile(
        file=path.name,
        sha256="0" * 64,
        bytes=path.stat().st_size,
        precision="int8",
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        macs=1,
        delegates=report.delegates,
        delegated_share=report.delegated_share,
    )
    graph = open_graph(runtime, path, described, 1)
    program = reference_program(policy)
    for seed in range(4, 8):
        codes = quantize(features(stages, seed).numpy(), taken)
        real = torch.from_numpy(dequantize(codes, taken))
        found = graph.run({"features": codes})
        with torch.no_grad():
            boxes, weights = program(real)
        assert np.abs(found["boxes"] - boxes.numpy()).max() < 3e-7
        assert np.abs(found["frame_weights"] - weights.numpy()).max() < 1e-5


@pytest.mark.slow
def test_the_policy_reads_features_as_the_glance_gives_them_and_comes_back_from_a_file(tmp_path: Path) -> None:
    net = tiny("tsm-mbv2-mbv2")
    stages, config = lower(net), net.config
    torch.manual_seed(0)
    sizes = (config.glance_frames, 3, *[config.glance_size] * 2), (config.candidate_frames, 3, *[config.frame_size] * 2)
    views = [(torch.randn(sizes[0]), torch.randn(sizes[1])) for _ in range(2)]
    network = QuantizedNetwork(lower(net))
    network.calibrate(stage_inputs(stages, views))
    given, taken = (
        next(layer.source_quant for layer in quantized_layers(network.prepared()[stage]) if chosen in layer.name)
        for stage, chosen in (("policy", "spatial.0"), ("glance", "head"))
    )
    glance = network.prepared()["glance"]
    handed = next(node for node in glance.graph.nodes if node.op == "output").args[0][0]
    assert int(given.activation_post_process.exponent) == int(
        glance.get_submodule(handed.target).activation_post_process.exponent
    )
    assert taken is not given
    path = tmp_path / "model.safetensors"
    save_model(path, network.prepared(), network.floats(), config, "tsm-mbv2-mbv2", tuple("abcdefg"), {})
    again = load_model(path)
    assert set(again.prepared) == {"glance", "policy", "focus"}
    seen = features(stages, 1)
    with torch.no_grad():
        for one, other in zip(network.prepared()["policy"](seen), again.prepared["policy"](seen), strict=True):
            assert torch.equal(one, other)
    whole = QuantizedNetwork(lower(net), {"policy": ["spatial.0.weight"]})
    whole.copy_from(network)
    assert set(whole.prepared()) == {"glance", "focus"}
    save_model(path, whole.prepared(), whole.floats(), config, "tsm-mbv2-mbv2", tuple("abcdefg"), {})
    assert set(load_model(path).prepared) == {"glance", "focus"}
