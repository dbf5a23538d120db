"""What is quantized in a stage graph, and how: int8 weights per output channel, int8 activations per tensor.

The recipe starts from ExecuTorch's symmetric XNNPACK annotation and makes the arithmetic *exact*, because a deep
network amplifies a single value that two runtimes round differently until the whole feature map differs:

* every scale is a power of two, so that products, sums and rescaling are exact in float32 and in int32 alike, and a
  tie is the same tie everywhere;
* an addition has one scale for both operands and the result, so that it never rounds (int8 kernels round ties of
  additions differently from everything else). Zero points may differ;
* zero points are even, so that ties are rounded alike before and after adding them;
* the sigmoid has the fixed output of int8 kernels (scale 1/256, zero point -128);
* a mean has a range of its own instead of that of the much wider tensor it averages. Its count of elements should be a
  power of two: 4, 8 or 16 frames, 128 px.

Symmetric grids are the same with the zero point 0 everywhere, for TensorRT, which takes no other. Values without
negative ones then use half of the codes. The sigmoid has the scale 1/128 there, so that its codes end at 127.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Literal

import torch
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer_utils import (
    QuantizationConfig,
    propagate_annotation,
)
from torch import Tensor
from torch.fx import GraphModule, Node
from torchao.quantization.pt2e import FakeQuantize, MovingAveragePerChannelMinMaxObserver, ObserverBase
from torchao.quantization.pt2e.quantizer import (
    FixedQParamsQuantizationSpec,
    QuantizationAnnotation,
    QuantizationSpec,
    QuantizationSpecBase,
    SharedQuantizationSpec,
)
from torchao.quantization.pt2e.quantizer.quantizer import Q_ANNOTATION_KEY

INT8_MIN, INT8_MAX = -128, 127
WEIGHT_MAX = 127
SIGMOID_SCALE = 2.0**-8
SYMMETRIC_SIGMOID_SCALE = 2.0**-7
SMALLEST_WEIGHT_SCALE = 2.0**-12
EXPONENTS = range(-14, 3)
SAMPLES_PER_TENSOR = 4096
# of activations; weights are symmetric in both
Grids = Literal["asymmetric", "symmetric"]
ASYMMETRIC: Grids = "asymmetric"
SYMMETRIC: Grids = "symmetric"

ATEN = torch.ops.aten
CONVOLUTIONS = (ATEN.conv2d.default, ATEN.linear.default)
MEAN = ATEN.mean.dim
PAD = ATEN.pad.default
SIGMOID = ATEN.sigmoid.default
CONCATENATE = ATEN.cat.default
ADD = ATEN.add.Tensor
RELU = ATEN.relu.default
RELU6 = ATEN.relu6.default
# how the weights of a convolution end that only moves values
MOVES = ".moves"


class ExponentObserver(ObserverBase):
    """Squared error that each power-of-two scale would cause, and the smallest value, over all tensors seen.

    The scale itself is chosen for a group of observers together, see
    :func:`adafocus.calibration.quantization.qat.calibrate`.

    Attributes:
        ranging: whether only the smallest value is looked for yet, on which the error of every scale depends.
        grids: whether the zero point follows the smallest value, or is 0.
    """

    lowest: Tensor
    errors: Tensor
    exponent: Tensor

    def __init__(self, dtype: torch.dtype = torch.int8, grids: Grids = ASYMMETRIC, **_: Any) -> None:
        super().__init__(dtype)
        self.qscheme = torch.per_tensor_affine
        self.quant_min, self.quant_max = INT8_MIN, INT8_MAX
        self.ranging = False
        self.grids = grids
        self.register_buffer("lowest", torch.zeros(()))
        self.register_buffer("errors", torch.zeros(len(EXPONENTS), dtype=torch.float64))
        self.register_buffer("exponent", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        """Observe one tensor and return it unchanged."""
        values = x.detach().flatten()
        self.lowest.copy_(torch.minimum(self.lowest, values.min()))
        if not self.ranging:
            self.errors += self._errors(values[:: max(1, len(values) // SAMPLES_PER_TENSOR)])
        return x

    def _errors(self, sample: Tensor) -> Tensor:
        """Return the mean squared error of values ``(n,)`` at every scale, ``(17,)`` float64.

        All scales at once take a ninth of the time that library calls for each take, and give the same bits.
        """
        scales = torch.tensor([[2.0**exponent] for exponent in EXPONENTS])
        lowest = float(self.lowest)
        zero_points = torch.tensor([[float(self._zero_point(exponent, lowest))] for exponent in EXPONENTS])
        codes = (sample * (1.0 / scales)).round_().add_(zero_points).clamp_(INT8_MIN, INT8_MAX)
        return codes.sub_(zero_points).mul_(scales).sub_(sample).square_().mean(1).double()

    def zero_point(self, exponent: int) -> int:
        """Return the zero point that wastes no codes below the smallest value: -128 without negative values, at most 0.

        It is even, because some kernels round ties to even before the zero point is added and some after. On symmetric
        grids it is 0.
        """
        return self._zero_point(exponent, float(self.lowest))

    def _zero_point(self, exponent: int, lowest: float) -> int:
        if self.grids == SYMMETRIC:
            return 0
        exact = INT8_MIN - lowest / 2.0**exponent
        return max(INT8_MIN, min(0, 2 * math.ceil(exact / 2)))

    def calculate_qparams(self) -> tuple[Tensor, Tensor]:
        """Return the scale and the zero point that were chosen."""
        exponent = int(self.exponent)
        return torch.tensor([2.0**exponent]), torch.tensor([self.zero_point(exponent)])


class PowerOfTwoWeightObserver(MovingAveragePerChannelMinMaxObserver):
    """Per-channel scale of the current weights, rounded up to a power of two."""

    def calculate_qparams(self) -> tuple[Tensor, Tensor]:
        """Return scales and zero points per output channel."""
        largest = torch.maximum(self.min_val.abs(), self.max_val.abs()).clamp(min=torch.finfo(torch.float32).tiny)
        scale = torch.exp2(torch.ceil(torch.log2(largest / WEIGHT_MAX))).clamp(min=SMALLEST_WEIGHT_SCALE)
        return scale, torch.zeros_like(scale, dtype=torch.int64)


def activation_spec(grids: Grids = ASYMMETRIC) -> QuantizationSpec:
    """Specify int8 per tensor, trained through fake quantization."""
    return QuantizationSpec(
        dtype=torch.int8,
        quant_min=INT8_MIN,
        quant_max=INT8_MAX,
        qscheme=torch.per_tensor_affine,
        observer_or_fake_quant_ctr=FakeQuantize.with_args(observer=ExponentObserver, grids=grids),
    )


def weight_spec() -> QuantizationSpec:
    """Specify int8 per output channel, symmetric, the range always that of the current weights."""
    return QuantizationSpec(
        dtype=torch.int8,
        quant_min=-WEIGHT_MAX,
        quant_max=WEIGHT_MAX,
        qscheme=torch.per_channel_symmetric,
        ch_axis=0,
        observer_or_fake_quant_ctr=FakeQuantize.with_args(observer=PowerOfTwoWeightObserver, averaging_constant=1.0),
    )


class StageQuantizer(XNNPACKQuantizer):
    """Annotates an exported stage graph for quantization-aware training; layers with named weights stay float.

    ``float_outputs`` are the places of those outputs that are given in float32: the layers before them, the last ones
    of classifiers, read int8 numbers and have int8 weights, and their sums are not rounded. ``float_paths`` are the
    places of those whose every layer is float, from what other outputs need as well onwards. ``grids`` are those of
    all activations.
    """

    # stages have no batch norms, and looking for them takes longer than all the rest
    SUPPORTED_PATTERNS: ClassVar = [
        pattern for pattern in XNNPACKQuantizer.SUPPORTED_PATTERNS if "_bn" not in pattern.name
    ]

    def __init__(
        self,
        kept_float: Iterable[str] = (),
        float_outputs: Iterable[int] = (),
        float_paths: Iterable[int] = (),
        grids: Grids = ASYMMETRIC,
    ) -> None:
        super().__init__()
        self.kept_float = frozenset(kept_float)
        self.float_outputs = tuple(float_outputs)
        self.float_paths = tuple(float_paths)
        self.grids = grids
        self.activation = activation_spec(grids)
        self.set_global(QuantizationConfig(self.activation, self.activation, weight_spec(), None, True))

    def annotate(self, model: GraphModule) -> GraphModule:
        """Annotate in place and return the same graph."""
        self._annotate_for_quantization_config(model)
        for node in model.graph.nodes:
            if node.target == MEAN:
                annotate(node, {node.args[0]: self.activation}, self.activation)
            if node.target == RELU6:
                fuse_with_convolution(node, self.activation)
        propagate_annotation(model)
        annotate_sigmoids(model, self.grids)
        share_input_scales(model)
        for chain in tap_chains(model):
            share_one_scale(chain)
        for node in model.graph.nodes:
            if node.target in CONVOLUTIONS and str(node.args[1].target) in self.kept_float:
                leave_float(node)
        results = next(node for node in model.graph.nodes if node.op == "output").args[0]
        for place in self.float_paths:
            others = [result for index, result in enumerate(results) if index not in self.float_paths]
            leave_path_float(results[place], others)
        for place in self.float_outputs:
            if place not in self.float_paths:
                answer_in_float(results[place])
        return model


def annotate(node: Node, inputs: dict[Any, QuantizationSpecBase], output: QuantizationSpecBase | None) -> None:
    """Replace a node's annotation."""
    node.meta[Q_ANNOTATION_KEY] = QuantizationAnnotation(input_qspec_map=inputs, output_qspec=output, _annotated=True)


def leave_float(convolution: Node) -> None:
    """Remove a convolution's own quantizers; what it reads and what reads it stays quantized."""
    annotation = convolution.meta[Q_ANNOTATION_KEY]
    annotation.input_qspec_map = {
        source: spec for source, spec in annotation.input_qspec_map.items() if source is convolution.args[0]
    }


def leave_path_float(result: Node, others: Iterable[Node]) -> None:
    """Remove the quantizers of everything that only one result needs.

    What others need too is read as they read it, in int8.
    """
    shared = _needed_by(*others)
    for node in _needed_by(result) - shared:
        if node.op == "call_function":
            annotate(
                node, {source: _as_read(source, shared) for source in node.all_input_nodes if source in shared}, None
            )


def _needed_by(*results: Node) -> set[Node]:
    """Return the nodes that results are computed from, themselves included."""
    found: set[Node] = set()
    waiting = list(results)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += node.all_input_nodes
    return found


def _as_read(source: Node, readers: set[Node]) -> QuantizationSpecBase:
    """Return the quantizer by which the first of some nodes reads a value."""
    annotated = [user for user in source.users if user in readers and Q_ANNOTATION_KEY in user.meta]
    return SharedQuantizationSpec(
        next((source, user) for user in annotated if source in user.meta[Q_ANNOTATION_KEY].input_qspec_map)
    )


def answer_in_float(result: Node) -> None:
    """Remove the quantizers between a result and the layers that it is computed by; those lose that of their output.

    A sigmoid keeps its own.
    """
    waiting = [result]
    while waiting:
        node = waiting.pop()
        if node.target in CONVOLUTIONS:
            node.meta[Q_ANNOTATION_KEY].output_qspec = None
        elif node.op == "call_function" and node.target != SIGMOID:
            annotate(node, {}, None)
            waiting += node.all_input_nodes


def fuse_with_convolution(clipping: Node, spec: QuantizationSpec) -> None:
    """Quantize a convolution and its ReLU6 once, after both: kernels clip while they rescale.

    The library's annotation knows ReLU alone and would round between the two.
    """
    before = clipping.args[0]
    if not isinstance(before, Node) or before.target not in CONVOLUTIONS or len(before.users) != 1:
        raise TypeError(f"{clipping.name} follows no convolution of its own, which no int8 kernel supports.")
    before.meta[Q_ANNOTATION_KEY].output_qspec = None
    annotate(clipping, {}, spec)


def annotate_sigmoids(model: GraphModule, grids: Grids = ASYMMETRIC) -> None:
    """Give every sigmoid the scale and zero point that int8 kernels have, and its readers the same."""
    symmetric = grids == SYMMETRIC
    output = FixedQParamsQuantizationSpec(
        dtype=torch.int8,
        scale=SYMMETRIC_SIGMOID_SCALE if symmetric else SIGMOID_SCALE,
        zero_point=0 if symmetric else INT8_MIN,
        quant_min=INT8_MIN,
        quant_max=INT8_MAX,
        qscheme=torch.per_tensor_affine,
    )
    for node in model.graph.nodes:
        if node.target != SIGMOID:
            continue
        annotate(node, {node.args[0]: SharedQuantizationSpec(node.args[0])}, output)
        for user in (user for user in node.users if Q_ANNOTATION_KEY in user.meta):
            user.meta[Q_ANNOTATION_KEY].input_qspec_map[node] = SharedQuantizationSpec(node)


def share_input_scales(model: GraphModule) -> None:
    """Give padding, and shifts by convolution, the scale and zero point of their input: they only move values."""
    for node in model.graph.nodes:
        if node.target == PAD:
            annotate(node, {node.args[0]: SharedQuantizationSpec(node.args[0])}, SharedQuantizationSpec(node.args[0]))
        elif node.target in CONVOLUTIONS and is_move(node):
            node.meta[Q_ANNOTATION_KEY].output_qspec = SharedQuantizationSpec((node.args[0], node))


def is_move(convolution: Node) -> bool:
    """Return whether a convolution is a temporal shift or a copy, whose weights are ones and zeros, never trained."""
    return str(convolution.args[1].target).endswith(MOVES)


def tap_chains(model: GraphModule) -> Iterator[list[Node]]:
    """Yield sums of temporal taps: the centre convolution, then every addition of a shifted tap to it, in order."""
    chains: dict[Node, list[Node]] = {}
    for node in model.graph.nodes:
        if node.target == ADD and _is_shifted_tap(node.args[1]):
            start = node.args[0]
            chains[node] = [*chains.pop(start, [start]), node]
    yield from chains.values()


def _is_shifted_tap(node: Any) -> bool:
    if not isinstance(node, Node) or node.target != CONCATENATE:
        return False
    kinds = {part.op if part.op == "get_attr" else part.target for part in node.args[0]}
    return kinds == {"get_attr", ATEN.conv2d.default}


def share_one_scale(chain: list[Node]) -> None:
    """Let the taps of one chain, their shifted copies and their partial sums share the quantizer of the centre tap."""
    centre, *sums = chain
    shared = SharedQuantizationSpec(centre)
    for total in sums:
        previous, shifted = total.args[0], total.args[1]
        for part in shifted.args[0]:
            if part.op != "get_attr":
                part.meta[Q_ANNOTATION_KEY].output_qspec = shared
        annotate(shifted, dict.fromkeys(shifted.args[0], shared), shared)
        fused_with_relu = [user.target for user in total.users] == [RELU]
        annotate(total, {previous: shared, shifted: shared}, None if fused_with_relu else shared)
