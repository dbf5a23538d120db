"""Products and means whose results are ties: every runtime rounds them as the reference does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from adafocus.calibration.quantization.qat import calibrate, prepare, quantized_program, snap
from adafocus.calibration.quantization.tie_free_scales import (
    MAX_IN_A_ROW,
    MULTIPLY,
    STEP,
    factors,
    reference_program,
    runtime_program,
    with_ties_moved,
)
from adafocus.converters.backends.registry import back_end
from adafocus.converters.verification.verdict import opener_of
from adafocus.edge.bundle.manifest import GraphFile
from adafocus.edge.runtime_table import file_runtimes
from adafocus.edge.runtimes import open_graph
from adafocus.edge.runtimes.tensors import dequantize, quantize
from adafocus.networks.lowering.rules import clip_mean

NAMES = (("x",), ("gated", "answer"))
SIDE, FRAMES, CHANNELS = 16, 4, 12
CASES = 4


class Gated(nn.Module):
    """A channel gate from a mean, a Swish of what is gated, and a layer that reads it: products and means in a row."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.gate = nn.Conv2d(3, CHANNELS, 3, padding=1), nn.Conv2d(CHANNELS, CHANNELS, 1)
        self.last = nn.Conv2d(CHANNELS, CHANNELS, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.first(x)
        y = y * self.gate(clip_mean(y)).sigmoid()
        y = y * y.sigmoid()
        return y, self.last(y)


class Sum(nn.Module):
    """A product that is added to something."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, CHANNELS, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        return y + y * y.sigmoid()


def clips(count: int) -> list[tuple[Tensor, ...]]:
    generator = torch.Generator().manual_seed(5)
    return [(torch.randn(FRAMES, 3, SIDE, SIDE, generator=generator),) for _ in range(count)]


def quantized(module: nn.Module) -> GraphModule:
    examples = clips(CASES)
    graph = prepare(module, examples[0])
    calibrate(graph, examples)
    snap(graph)
    return graph


@pytest.fixture(scope="module")
def gated() -> GraphModule:
    torch.manual_seed(2)
    return quantized(Gated().eval())


@pytest.mark.slow
@pytest.mark.parametrize("runtime", file_runtimes())
def test_every_runtime_rounds_as_the_reference(runtime: str, gated: GraphModule, tmp_path: Path) -> None:
    target = back_end(runtime)
    made, path = target.load(), tmp_path / f"gated{target.suffix}"
    made.convert(made.quantized(gated), clips(1)[0], path, NAMES, precision="int8")
    inputs, outputs = made.tensor_specs(path, NAMES)
    description = GraphFile.model_construct(inputs=tuple(inputs), outputs=tuple(outputs))
    graph = (opener_of(runtime) or open_graph)(runtime, path, description, 1)  # type: ignore[arg-type]
    reference, to_even = reference_program(gated), quantized_program(gated, fold=True)
    moved = 0
    for (x,) in clips(CASES):
        given = quantize(x.numpy(), inputs[0])
        answers = graph.run({"x": given})
        with torch.no_grad():
            real = torch.from_numpy(np.ascontiguousarray(dequantize(given, inputs[0])))
            wanted, other = reference(real), to_even(real)
        for spec, answer, alternative in zip(outputs, wanted, other, strict=True):
            steps = np.abs(answers[spec.name].astype(float) - quantize(answer.numpy(), spec)).max()
            assert steps <= (0.0 if spec.scale is not None else 1e-5), spec.name
            moved += int((answer != alternative).sum())
    # there are ties, so that the comparison tests something
    assert moved > 0


@pytest.mark.parametrize("count", range(1, MAX_IN_A_ROW + 1))
def test_two_scales_give_back_the_power_of_two(count: int) -> None:
    smaller, larger = map(np.float32, factors(count))
    assert smaller < 1.0 < larger
    for exponent in (-9, 0, 3):
        assert (smaller * np.float32(2.0**exponent)) * (larger * np.float32(2.0**-5)) == 2.0 ** (exponent - 5)
    assert float(smaller) == pytest.approx(1.0 - count * STEP, abs=STEP / 2)


@pytest.mark.slow
def test_scales_shrink_with_every_product_in_a_row(gated: GraphModule) -> None:
    program = runtime_program(gated, fold=False)
    scales = {node.name: next(iter(node.users)).args[1] for node in program.graph.nodes if node.target == MULTIPLY}
    lost = [1.0 - scale / 2.0 ** round(np.log2(scale)) for scale in scales.values()]
    assert lost == pytest.approx([1 - factors(1)[0], 1 - factors(2)[0]])


def test_the_reference_keeps_every_scale(gated: GraphModule) -> None:
    plain = quantized_program(gated, fold=True)
    moved = with_ties_moved(plain)

    def scales(program: GraphModule) -> list[float]:
        return [node.args[1] for node in program.graph.nodes if "quantize_per_tensor" in str(node.target)]

    assert scales(moved) == scales(plain)
    assert len(list(moved.graph.nodes)) > len(list(plain.graph.nodes))


def test_the_reference_gives_a_sigmoid_what_integer_kernels_give_it(gated: GraphModule) -> None:
    sigmoids = [node for node in reference_program(gated).graph.nodes if node.target == torch.ops.aten.sigmoid.default]
    gate, swish = (node.args[0] for node in sigmoids)
    assert gate.target != MULTIPLY
    assert (swish.target, swish.args[1]) == (MULTIPLY, factors(1)[0])


@pytest.mark.slow
def test_a_product_that_is_added_is_refused() -> None:
    torch.manual_seed(3)
    graph = quantized(Sum().eval())
    with pytest.raises(TypeError, match="adds a product"):
        runtime_program(graph, fold=False)
