"""Integer inputs and outputs of a quantized program: they become the integers themselves."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from adafocus.calibration.quantization.tie_free_scales import DEQUANTIZE, QUANTIZE

# scale and zero point
QuantParams = tuple[float, int]
TensorParams = dict[str, QuantParams]

# what the exporter adds to check shapes
GUARDS = "_guards_fn"


def with_integer_io(
    program: GraphModule, names: tuple[Sequence[str], Sequence[str]]
) -> tuple[GraphModule, tuple[TensorParams, TensorParams]]:
    """Take the quantization of inputs and the dequantization of outputs out of a quantized program.

    Args:
        program: from :func:`adafocus.calibration.quantization.qat.quantized_program`; it is left as it is.
        names: of its inputs and outputs, in order.

    Returns:
        the program on integers, and scale and zero point of every input and of every output that is an integer now.
    """
    changed = copy.deepcopy(program)
    graph, given, answered = changed.graph, {}, {}
    for node in [node for node in graph.nodes if node.op == "call_module" and node.target == GUARDS]:
        graph.erase_node(node)
    places = [node for node in graph.nodes if node.op == "placeholder"]
    for name, node in zip(names[0], places, strict=True):
        users = list(node.users)
        if not users or any(user.target != QUANTIZE for user in users):
            continue
        given[name] = _quant_params(users[0])
        for user in users:
            user.replace_all_uses_with(node)
            graph.erase_node(user)
    last = next(node for node in graph.nodes if node.op == "output")
    results = list(last.args[0])
    for index, (name, node) in enumerate(zip(names[1], results, strict=True)):
        if isinstance(node, Node) and node.target == DEQUANTIZE:
            answered[name] = _quant_params(node)
            results[index] = node.args[0]
    last.args = (type(last.args[0])(results), *last.args[1:])
    graph.eliminate_dead_code()
    changed.recompile()
    return changed, (given, answered)


def integer_example(example: tuple[Tensor, ...], names: Sequence[str], given: TensorParams) -> tuple[Tensor, ...]:
    """Turn example inputs into those of a program with integer inputs."""
    return tuple(value.to(torch.int8) if name in given else value for name, value in zip(names, example, strict=True))


def _quant_params(node: Node) -> QuantParams:
    """Read scale and zero point of a node that quantizes or dequantizes."""
    return float(node.args[1]), int(node.args[2])
