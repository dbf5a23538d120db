"""The quantization recipe: exact arithmetic by construction."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.fx import GraphModule

from adafocus import networks
from adafocus.calibration.quantization.qat import (
    activation_quantizers,
    calibrate,
    prepare,
    quantized_layers,
    quantized_program,
    scale_groups,
    snap,
    training_graph,
)
from adafocus.calibration.quantization.quantizer import ADD, EXPONENTS, SAMPLES_PER_TENSOR, ExponentObserver
from adafocus.networks.backbones.x3d import X3DBlock
from adafocus.networks.lowering.x3d import LoweredX3DBlock

pytestmark = pytest.mark.slow

FRAMES, SIDE, CHANNELS = 4, 16, 24


class TwoBlocks(nn.Module):
    """A gated block with a stride and an identity block."""

    def __init__(self) -> None:
        super().__init__()
        first = X3DBlock(CHANNELS, CHANNELS, 2, gated=True).eval()
        second = X3DBlock(CHANNELS, CHANNELS, 1, gated=False).eval()
        self.first = LoweredX3DBlock(first, FRAMES, SIDE)
        self.second = LoweredX3DBlock(second, FRAMES, SIDE // 2)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.second(self.first(x)),)


def examples(count: int) -> list[tuple[torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return [(torch.randn(FRAMES, CHANNELS, SIDE, SIDE, generator=generator).relu(),) for _ in range(count)]


@pytest.fixture(scope="module")
def prepared() -> GraphModule:
    torch.manual_seed(0)
    module = TwoBlocks().eval()
    graph = prepare(module, examples(1)[0])
    calibrate(graph, examples(4))
    return graph


def test_every_scale_is_a_power_of_two_and_every_zero_point_is_even(prepared: GraphModule) -> None:
    for fake in activation_quantizers(prepared).values():
        assert math.log2(float(fake.scale)) == round(math.log2(float(fake.scale)))
        assert int(fake.zero_point) % 2 == 0
        assert -128 <= int(fake.zero_point) <= 0


def test_operands_and_result_of_an_addition_have_one_scale(prepared: GraphModule) -> None:
    additions = [node for node in prepared.graph.nodes if node.target == ADD]
    assert len(additions) == 6
    for group in scale_groups(prepared):
        assert len({float(fake.scale) for fake in group}) == 1
    for node in additions:
        assert len({float(prepared.get_submodule(part.target).scale) for part in node.all_input_nodes}) == 1


def test_the_training_graph_answers_the_same(prepared: GraphModule) -> None:
    light = training_graph(prepared)
    assert len(light.graph.nodes) < len(prepared.graph.nodes)
    for example in examples(3):
        assert torch.equal(light(*example)[0], prepared(*example)[0])


def test_gradients_reach_every_weight(prepared: GraphModule) -> None:
    prepared.zero_grad()
    training_graph(prepared)(*examples(1)[0])[0].sum().backward()
    assert all(layer.weight.grad is not None for layer in quantized_layers(prepared))


def test_snapping_puts_weights_and_biases_on_integer_grids_and_is_final(prepared: GraphModule) -> None:
    snap(prepared)
    before = [layer.weight.clone() for layer in quantized_layers(prepared)]
    for layer in quantized_layers(prepared):
        scale = layer.weight_quant.scale.reshape(-1, *[1] * (layer.weight.dim() - 1))
        codes = layer.weight / scale
        assert torch.equal(codes, codes.round())
        assert codes.abs().max() <= 127
        if layer.bias is not None:
            steps = layer.bias.double() / (layer.source_quant.scale * layer.weight_quant.scale)
            assert torch.equal(steps, steps.round())
    snap(prepared)
    assert all(torch.equal(a, layer.weight) for a, layer in zip(before, quantized_layers(prepared), strict=True))


@pytest.mark.slow
def test_litert_gives_the_integers_of_the_quantized_program(prepared: GraphModule, tmp_path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    from adafocus.converters.backends.litert import convert, report

    snap(prepared)
    program = quantized_program(prepared)
    path = tmp_path / "blocks.tflite"
    convert(program, examples(1)[0], path, (("frames",), ("features",)), precision="int8")
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    (in_scale, in_zero), (out_scale, out_zero) = source["quantization"], result["quantization"]
    for (frames,) in examples(6):
        codes = np.clip(np.rint(frames.numpy() / in_scale) + in_zero, -128, 127).astype(np.int8)
        interpreter.set_tensor(source["index"], codes)
        interpreter.invoke()
        with torch.no_grad():
            wanted = program(torch.from_numpy((codes.astype(np.float32) - in_zero) * in_scale))[0]
        assert np.array_equal(interpreter.get_tensor(result["index"]), np.rint(wanted.numpy() / out_scale) + out_zero)
    given = report(path)
    assert given.delegates == 1
    assert given.delegated_share == 1.0
    assert given.left_out == {}


def test_the_first_model_keeps_pixels_whole() -> None:
    from adafocus.calibration.training.recipe import Recipe
    from adafocus.edge.video.preprocess import PixelTable

    recipe = Recipe.read(Path("calibration/recipes/x3d-xs-xs-k400.yaml"))
    config = networks.preset(recipe.preset, **recipe.overrides)
    table = PixelTable.build(config.mean, config.std, "int8", 2.0**-6, -12).table
    assert np.array_equal(table[0], np.arange(256) - 128)


@pytest.mark.parametrize("count", [1, 16, 399, 4097, 20_000])
@pytest.mark.parametrize("spread", [0.01, 3.0, 500.0])
def test_the_errors_of_all_scales_are_those_of_the_library(count: int, spread: float) -> None:
    values = spread * torch.randn(count, generator=torch.Generator().manual_seed(count))
    observer = ExponentObserver()
    observer.ranging = True
    observer(values)
    assert not observer.errors.any()
    observer.ranging = False
    observer(values)
    sample = values[:: max(1, count // SAMPLES_PER_TENSOR)]
    for error, exponent in zip(observer.errors, EXPONENTS, strict=True):
        given = (2.0**exponent, observer.zero_point(exponent), -128, 127)
        rounded = torch.fake_quantize_per_tensor_affine(sample, *given)
        assert float(error) == float((rounded - sample).square().mean().double())
