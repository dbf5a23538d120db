"""The bound that makes float32 logits exact: every sum of a classifier's last layer fits into 24 bits.

The last layer reads int8 features and has int8 weights, both times powers of two, and biases that are whole multiples
of their product, the step. So is every sum of products, and float32 holds whole multiples of a step exactly up to 2^24
of them. Where no sum of any part of the terms exceeds that, all orders of adding give the same bits, with fused
multiply-add or without, in every runtime.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.fx import GraphModule

from adafocus.calibration.quantization.qat import QuantizedLayer, float_answers
from adafocus.errors import AdafocusError

MAX_STEPS = 2**24


def refuse_inexact_sums(stage: str, prepared: GraphModule) -> None:
    """Refuse a stage whose logits could differ between runtimes in the last bits.

    Args:
        stage: its name.
        prepared: its graph, snapped.

    Raises:
        AdafocusError: a sum may exceed 2^24 steps; the sentence names the layer.
    """
    for node in float_answers(prepared):
        if node.args[1].op != "call_module":
            # its weights are float, and so may be its last bits
            continue
        layer = QuantizedLayer(prepared, node)
        steps = largest_sum(layer)
        if steps >= MAX_STEPS:
            raise AdafocusError(
                f"The sums of {layer.name} in the {stage} may reach {steps} steps, expected less than {MAX_STEPS} "
                "(2^24): float32 would round them, and runtimes could give other logits. Quantize a network with fewer "
                "features before its last layer (head_hidden), or train it with more weight decay."
            )


@torch.no_grad()
def largest_sum(layer: QuantizedLayer) -> int:
    """Return how many steps any sum of some of the terms of a layer's outputs can reach, the bias included.

    Args:
        layer: the last one of a classifier, snapped.
    """
    source, weight = layer.source_quant, layer.weight_quant
    zero_point = int(source.zero_point)
    below, above = source.quant_min - zero_point, source.quant_max - zero_point
    # the layer reads one pixel, so each weight counts once
    codes = (layer.weight.detach().double().flatten(1) / weight.scale.double().reshape(-1, 1)).round()
    terms = torch.stack((codes * below, codes * above))
    bias = torch.zeros(len(codes), dtype=torch.float64)
    if layer.bias is not None:
        bias = (layer.bias.detach().double() / (source.scale * weight.scale).double()).round()
    up, down = _reach(terms.amax(0), bias), _reach(-terms.amin(0), -bias)
    return int(torch.maximum(up, down).max())


def _reach(largest: Tensor, bias: Tensor) -> Tensor:
    """Add what can be added in one direction, ``(outputs, inputs)`` and ``(outputs,)``."""
    return largest.clamp(min=0).sum(1) + bias.clamp(min=0)
