"""The glance in two parts is the glance: to float rounding before quantization, to the integer after it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
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
from adafocus.converters.export import Request, parts_for
from adafocus.networks.lowering import PARTS, LoweredStages, glance_parts, lower, part_example
from benchmarks.robustness.stream_hop import one_pass
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


@pytest.fixture(scope="module")
def online() -> LoweredStages:
    """Return a network whose glance looks at the past alone."""
    return lower(settled(small_config("tsm").override(shift="past", glance_size=32)))


def one_by_one(encode: torch.nn.Module, past: Sequence[Tensor], frames: Tensor) -> Tensor:
    """Encode frames one after the other, from a past."""
    features = []
    for frame in frames:
        found, *past = encode(frame[None], *past)
        features.append(found)
    return torch.cat(features)


@torch.no_grad()
@pytest.mark.parametrize("variant", ["long", "tsm", "tsm by motion"])
def test_the_float_parts_say_what_the_glance_says(variant: str, stages: LoweredStages, online: LoweredStages) -> None:
    # a random network makes much of the last place of a float32, which one frame and four are rounded in differently
    exact = copy.deepcopy(stages if variant == "long" else online)
    exact.glance.by_frame = variant == "tsm"
    for module in exact.modules().values():
        module.double()
    frames = frames_of(exact).double()
    parts = glance_parts(exact)
    features = one_by_one(parts["encode"], [past.double() for past in part_example(exact, "encode")[1:]], frames)
    for found, wanted in zip((features, *parts["join"](features)), exact.glance(frames), strict=True):
        assert found.shape == wanted.shape
        assert torch.allclose(found, wanted, rtol=0.0, atol=1e-6 * float(wanted.abs().max()))


@torch.no_grad()
def test_a_glance_that_looks_back_says_of_a_frame_the_same_whatever_comes_after_it(online: LoweredStages) -> None:
    frames = frames_of(online)
    whole, half = online.glance.encoder(frames), online.glance.encoder(frames[:2])
    assert torch.allclose(half, whole[:2], rtol=0.0, atol=1e-4)
    changed = torch.cat((frames[:3], -frames[3:]))
    assert torch.equal(online.glance.encoder(changed)[:3], whole[:3])
    assert not torch.allclose(online.glance.encoder(-frames[:1].repeat(4, 1, 1, 1))[3], whole[3])


@pytest.mark.slow
@torch.no_grad()
def test_the_integers_of_a_glance_that_looks_back_are_those_of_one_pass_over_any_number_of_frames(
    online: LoweredStages,
) -> None:
    glance = prepare(online.glance, online.examples("glance"))
    torch.manual_seed(3)
    calibrate(glance, [(frames_of(online),)])
    snap(glance)
    parts = quantized_parts(online, glance)
    encode, join = (quantized_program(parts[name], fold=True) for name in ("encode", "join"))
    stored = StoredModel(online.config, "small", (), {"glance": glance}, online, {})
    stream = torch.cat((frames_of(online), frames_of(online)))
    features = one_by_one(encode, part_example(online, "encode")[1:], stream)
    assert torch.equal(features, torch.from_numpy(one_pass(stored, stream.numpy())))
    assert len(features.unique()) > 20
    answers = quantized_program(glance, fold=True)(stream[:4])
    for found, wanted in zip((features[:4], *join(features[:4])), answers, strict=True):
        assert torch.equal(found, wanted)


@pytest.mark.parametrize(
    ("variant", "device", "incremental", "parts"),
    [
        ("tsm", None, True, PARTS),
        ("tsm", "pi", True, PARTS),
        ("tsm", None, False, ()),
        ("tsm", "android", True, ()),
        ("tsm", "ios", True, ()),
        ("tsm", "web", True, ()),
        ("long", "web", True, PARTS),
    ],
)
def test_apps_that_know_no_past_get_no_graphs_for_it(
    variant: str,
    device: str | None,
    incremental: bool,
    parts: tuple[str, ...],
    stages: LoweredStages,
    online: LoweredStages,
) -> None:
    lowered = stages if variant == "long" else online
    model = StoredModel(lowered.config, "small", (), {}, lowered, {})
    request = Request(Path("model"), Path("out"), "int8", (), 1, device=device, incremental=incremental)
    assert parts_for(request, model) == parts


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
