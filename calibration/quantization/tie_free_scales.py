"""Products and means without ties, which the kernels of different processors and versions round differently.

With power-of-two scales (see :mod:`adafocus.calibration.quantization.quantizer`) the result of an int8 product or mean
can be a tie: exactly halfway between two integers. XNNPACK rounds the tie of a product to even on x86 and up on ARM,
and means differ from version to version. All kernels agree on everything else, so no tie is left:

* a runtime gets results whose scale is a little smaller than the power of two, so that what was a tie lies above one
  half, away from zero. Results lie whole multiples of 2^-a apart, a at most 13, and a half times ``STEP`` is no such
  multiple: none comes nearer to a tie than ``STEP`` / 2, and float32 kernels err by less;
* the weights of the layer that reads such a result get scales that are larger by as much. The two factors are chosen
  so that float32 gives back the power of two as their product, and the layer computes as before;
* the reference keeps its powers of two, in which float32 is exact, and multiplies the real product or mean before it
  is rounded.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
import torch
from torch.fx import GraphModule, Node

from adafocus.calibration.quantization.qat import quantized_program
from adafocus.calibration.quantization.quantizer import (
    ADD,
    ATEN,
    CONCATENATE,
    CONVOLUTIONS,
    MEAN,
    PAD,
    RELU,
    RELU6,
    SIGMOID,
)

STEP = 2.0**-13
MULTIPLY = ATEN.mul.Tensor
OPERATIONS = (MULTIPLY, MEAN)
MAX_AVERAGED = 4096
MAX_IN_A_ROW = 8
CANDIDATES = 256

LIBRARY = torch.ops.quantized_decomposed
QUANTIZE = LIBRARY.quantize_per_tensor.default
DEQUANTIZE = LIBRARY.dequantize_per_tensor.default
DEQUANTIZE_WEIGHTS = LIBRARY.dequantize_per_channel.default
QUANTIZE_WEIGHTS = LIBRARY.quantize_per_channel.default
# the output has the scale and zero point of the input
PASSING = (
    ATEN.slice.Tensor, ATEN.permute.default, ATEN.transpose.int, ATEN.reshape.default, ATEN.view.default,
    ATEN.flatten.using_ints, ATEN.maximum.default, ATEN.max_pool2d.default, CONCATENATE, PAD, RELU, RELU6, QUANTIZE,
    DEQUANTIZE,
)  # fmt: skip

Operations = tuple[Any, ...]
Visit = Callable[[Node, int], None]


@lru_cache
def factors(count: int) -> tuple[float, float]:
    """Return the factors of the scale after ``count`` operations in a row, and of the scale of the layer that reads it.

    The first is near ``1 - count * STEP`` and the second above 1: float32 numbers whose product is 1 as nearly as any
    of them allow.
    """
    start = np.float32(1.0 - count * STEP)
    smaller = (start - np.arange(CANDIDATES, dtype=np.float32) * np.spacing(start)).astype(np.float32)
    larger = (1.0 / smaller.astype(np.float64)).astype(np.float32)
    best = int(np.abs(smaller.astype(np.float64) * larger - 1.0).argmin())
    return float(smaller[best]), float(larger[best])


def runtime_program(prepared: GraphModule, *, fold: bool, float_means: bool = False) -> GraphModule:
    """Return the program of a prepared stage that a converter gets.

    Args:
        prepared: a trained graph, snapped.
        fold: as in :func:`adafocus.calibration.quantization.qat.quantized_program`.
        float_means: whether the runtime computes means in float; they are then treated as in the reference.
    """
    program = quantized_program(prepared, fold=fold)
    if not float_means:
        return with_tie_free_scales(program)
    return _rewrite(with_tie_free_scales(program, (MULTIPLY,)), (), _tie_mover((MEAN,)))


def reference_program(prepared: GraphModule) -> GraphModule:
    """Return the program of a prepared stage that every converted file must agree with."""
    return with_ties_moved(quantized_program(prepared, fold=True))


def with_tie_free_scales(program: GraphModule, operations: Operations = OPERATIONS) -> GraphModule:
    """Copy a quantized program with scales in which no product and no mean is a tie, for integer kernels.

    Args:
        program: with power-of-two scales; it is left as it is.
        operations: whose results have other scales.
    """
    changed = copy.deepcopy(program)

    def visit(node: Node, count: int) -> None:
        smaller, larger = factors(count)
        if node.target in (QUANTIZE, DEQUANTIZE) and count:
            node.update_arg(1, float(node.args[1]) * smaller)  # type: ignore[arg-type]
        elif node.target in CONVOLUTIONS and count and _has_integer_weights(node):
            _widen_weights(changed, node, larger)

    return _rewrite(changed, operations, visit)


def with_ties_moved(program: GraphModule) -> GraphModule:
    """Copy a quantized program so that it rounds every product and mean as integer kernels do with tie-free scales.

    Args:
        program: with power-of-two scales; it is left as it is.
    """
    move = _tie_mover(OPERATIONS)

    def visit(node: Node, count: int) -> None:
        move(node, count)
        if count and (node.target == SIGMOID or (node.target in CONVOLUTIONS and not _has_integer_weights(node))):
            _multiply_before(node, factors(count)[0])

    return _rewrite(copy.deepcopy(program), OPERATIONS, visit)


def _tie_mover(operations: Operations) -> Visit:
    def visit(node: Node, _: int) -> None:
        if node.target in operations and _is_of_integers(node):
            _multiply_after(node, 1.0 + STEP)

    return visit


def _rewrite(program: GraphModule, operations: Operations, visit: Visit) -> GraphModule:
    """Call ``visit`` for every operation with the number of ``operations`` in a row that end in what it reads."""
    # all are counted before any is visited: a visit puts nodes between those that it changes
    counts: dict[Node, int] = {}
    reads: dict[Node, int] = {}
    for node in program.graph.nodes:
        if node.op == "call_function":
            reads[node] = _count_before(node, counts)
            counts[node] = _count_after(node, reads[node], operations)
    for node, read in reads.items():
        visit(node, read)
    program.graph.lint()
    program.recompile()
    return program


def _count_before(node: Node, counts: dict[Node, int]) -> int:
    """Count the operations in a row before a node's operands; those of a product are added.

    Raises:
        TypeError: an addition reads one of them, or operands differ in their counts.
    """
    if node.target in CONVOLUTIONS:
        return counts.get(node.all_input_nodes[0], 0)
    # constants have no scale until they are quantized
    found = [counts[source] for source in node.all_input_nodes if source in counts]
    if node.target == MULTIPLY:
        return sum(found)
    if node.target == ADD and any(found):
        raise TypeError(f"{node.name} adds a product or a mean, whose scale no other value has.")
    if len(set(found)) > 1:
        raise TypeError(f"{node.name} joins results of products or means with others, which no integer kernel can.")
    return found[0] if found else 0


def _count_after(node: Node, before: int, operations: Operations) -> int:
    """Count the operations in a row that end in a node's result.

    Raises:
        TypeError: a mean is of too many numbers, or more are in a row than float32 can tell apart.
    """
    if node.target in OPERATIONS and not _is_of_integers(node):
        return 0
    if node.target == MEAN and (size := _averaged_count(node)) > MAX_AVERAGED:
        raise TypeError(f"{node.name} is the mean of {size} numbers, at most {MAX_AVERAGED} stay exact.")
    count = before + (node.target in operations) if node.target in (*PASSING, *OPERATIONS) else 0
    if count > MAX_IN_A_ROW:
        raise TypeError(f"{node.name} ends too long a row of products without a layer between them.")
    return count


def _is_of_integers(node: Node) -> bool:
    """Return whether an operation reads quantized values and its result is quantized; else no integer is rounded."""
    return any(source.target == DEQUANTIZE for source in node.all_input_nodes) and any(
        user.target == QUANTIZE for user in node.users
    )


def _averaged_count(node: Node) -> int:
    """Return how many numbers a mean is taken of."""
    source: Any = node.args[0]
    while "val" not in source.meta:
        # quantize operations are added to a graph without a note of their shape
        source = source.args[0]
    shape, axes = source.meta["val"].shape, node.args[1]
    return prod(int(shape[axis]) for axis in axes)  # type: ignore[union-attr]


def _has_integer_weights(layer: Node) -> bool:
    return isinstance(layer.args[1], Node) and layer.args[1].target == DEQUANTIZE_WEIGHTS


def _widen_weights(program: GraphModule, layer: Node, wider: float) -> None:
    """Give a layer weights of its own, whose scales are multiplied and whose integers stay."""
    weights: Any = layer.args[1]
    scales = program.get_buffer(str(weights.args[1].target))
    name = f"{layer.name}_weight_scales"
    program.register_buffer(name, (scales.double() * wider).to(scales.dtype))
    integers = weights.args[0]
    stored = integers.target != QUANTIZE_WEIGHTS
    with program.graph.inserting_before(weights if stored else integers):
        own = program.graph.get_attr(name)
    for node in (weights,) if stored else (weights, integers):
        node.update_arg(1, own)


def _multiply_after(node: Node, value: float) -> None:
    with node.graph.inserting_after(node):
        product = node.graph.call_function(MULTIPLY, (node, value))
    product.meta = dict(node.meta)
    node.replace_all_uses_with(product, lambda user: user is not product)


def _multiply_before(node: Node, value: float) -> None:
    source: Any = node.args[0]
    with node.graph.inserting_before(node):
        product = node.graph.call_function(MULTIPLY, (source, value))
    node.update_arg(0, product)
