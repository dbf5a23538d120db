"""The glance in two parts is the glance: to float rounding before quantization, to the integer after it."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.fx import GraphModule

from adafocus import networks
from adafocus.calibration.quantization.glance_parts import PartsMismatchError, quantized_parts
from adafocus.calibration.quantization.model_file import StoredModel, load_model, save_model
from adafocus.calibration.quantization.qat import (
    activation_quantizers,
    calibrate,
    prepare,
    quantized_program,
    set_exponent,
    snap,
)
from adafocus.networks.lowering import LoweredStages, glance_parts, lower
from tests.helpers.small_networks import settled, small_config


@pytest.fixture(scope="module")
def stages() -> LoweredStages:
    return lower(settled(small_config("long")))


@pytest.fixture(scope="module")
def glance(stages: LoweredStages) -> GraphModule:
    torch.manual_seed(3)
    graph = prepare(stages.glance, stages.examples("glance"))
    calibrate(graph, [(frames_of(stages),) for _ in range(2)])
    snap(graph)
    return graph


def frames_of(stages: LoweredStages) -> Tensor:
    return torch.randn(stages.config.glance_frames, 3, stages.config.glance_size, stages.config.glance_size)


def joined(encode: torch.nn.Module, join: torch.nn.Module, frames: Tensor) -> tuple[Tensor, ...]:
    features = torch.cat([encode(frame[None])[0] for frame in frames])
    return features, *join(features)


@torch.no_grad()
def test_the_float_parts_say_what_the_glance_says(stages: LoweredStages) -> None:
    # a random network makes much of the last place of a float32, which one frame and four are rounded in differently
    exact = copy.deepcopy(stages)
    for module in exact.modules().values():
        module.double()
    frames = frames_of(stages).double()
    parts = glance_parts(exact)
    for found, wanted in zip(joined(parts["encode"], parts["join"], frames), exact.glance(frames), strict=True):
        assert found.shape == wanted.shape
        assert torch.allclose(found, wanted, rtol=0.0, atol=1e-6 * float(wanted.abs().max()))


def test_a_glance_that_mixes_frames_has_no_parts() -> None:
    assert glance_parts(lower(networks.from_config(small_config("tsm")).eval())) == {}
    mixing = small_config("long").override(global_backbone="x3d_s", glance_size=64)
    assert glance_parts(lower(networks.from_config(mixing).eval())) == {}


@pytest.mark.slow
@torch.no_grad()
def test_the_quantized_parts_give_the_integers_of_the_glance(stages: LoweredStages, glance: GraphModule) -> None:
    parts = quantized_parts(stages, glance)
    whole = quantized_program(glance, fold=True)
    encode, join = (quantized_program(parts[name], fold=True) for name in ("encode", "join"))
    for _ in range(2):
        frames = frames_of(stages)
        answers = whole(frames)
        assert len(answers[0].unique()) > 20
        for found, wanted in zip(joined(encode, join, frames), answers, strict=True):
            assert torch.equal(found, wanted)


@pytest.mark.slow
def test_a_model_file_of_before_has_all_that_the_parts_need(
    stages: LoweredStages, glance: GraphModule, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    floats = {"policy": stages.policy, "focus": stages.focus}
    save_model(path, {"glance": glance}, floats, stages.config, "small", ("a",), {})
    model: StoredModel = load_model(path)
    parts = quantized_parts(model.stages, model.prepared["glance"])
    frames = frames_of(stages)
    with torch.no_grad():
        wanted = quantized_program(model.prepared["glance"], fold=True)(frames)
        encode, join = (quantized_program(parts[name], fold=True) for name in ("encode", "join"))
        found = joined(encode, join, frames)
    assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))


@pytest.mark.slow
def test_parts_of_another_glance_are_refused(stages: LoweredStages, glance: GraphModule) -> None:
    other = lower(networks.from_config(small_config("long").override(glance_frames=8)).eval())
    with pytest.raises(PartsMismatchError, match=r"The glance computes \d+ steps"):
        quantized_parts(other, glance)


@pytest.mark.slow
def test_a_value_with_two_scales_is_refused(stages: LoweredStages, glance: GraphModule) -> None:
    """The maximum over time is moved on one grid; a glance that moved it on two could not be taken apart."""
    changed = copy.deepcopy(glance)
    for node in changed.graph.nodes:
        if node.op == "call_module" and node.args[0].name == "flatten":
            twin = copy.deepcopy(changed.get_submodule(node.target))
            set_exponent(twin, int(twin.activation_post_process.exponent) + 1)
            changed.add_submodule("twin", twin)
            node.target = "twin"
    assert len(activation_quantizers(changed)) == len(activation_quantizers(glance)) + 1
    with pytest.raises(PartsMismatchError, match="quantized twice"):
        quantized_parts(stages, changed)
