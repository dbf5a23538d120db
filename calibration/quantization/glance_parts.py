"""The parts of a quantized glance: they take its weights and scales, matched by their places in the graphs."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import GraphModule, Node
from torchao.quantization.pt2e import FakeQuantize

from adafocus.calibration.quantization.qat import (
    REARRANGEMENTS,
    grids_of,
    prepare,
    quantized_layers,
    set_exponent,
    snap,
)
from adafocus.calibration.quantization.quantizer import CONVOLUTIONS, MOVES, ExponentObserver
from adafocus.errors import AdafocusError
from adafocus.networks.lowering import PARTS, LoweredStages, glance_parts, part_example

Pairs = list[tuple[FakeQuantize, FakeQuantize]]


class PartsMismatchError(AdafocusError):
    """The parts of a glance do not correspond to its whole graph."""


def quantized_parts(stages: LoweredStages, glance: GraphModule) -> dict[str, GraphModule]:
    """Prepare the parts of a glance and give them its quantization; nothing is calibrated.

    Args:
        stages: float stage graphs of the model.
        glance: its prepared and snapped glance graph; it is left as it is.

    Returns:
        part -> prepared graph, snapped; none where the glance has no parts.

    Raises:
        PartsMismatchError: the graphs do not correspond, so integers could differ.
    """
    grids = grids_of(glance)
    parts = {
        name: prepare(module, part_example(stages, name), grids=grids)
        for name, module in sorted(glance_parts(stages).items())
    }
    if parts:
        pairs = _pairs(glance, parts)
        for quantizer, source in pairs:
            observer, given = quantizer.activation_post_process, source.activation_post_process
            observer.lowest.copy_(given.lowest)
            set_exponent(quantizer, int(given.exponent))
        for quantizer, source in pairs:
            if not (
                torch.equal(quantizer.scale, source.scale) and torch.equal(quantizer.zero_point, source.zero_point)
            ):
                raise PartsMismatchError("A value that the parts of the glance quantize once is quantized twice in it.")
        _copy_weights(glance, parts)
    return parts


def _pairs(glance: GraphModule, parts: dict[str, GraphModule]) -> Pairs:
    """Pair every activation quantizer of the parts with the one in its place in the whole graph.

    Steps stand in the same order: first all of ``encode``, then all of ``join``, whose quantizer of its own input is
    the one after the last step of ``encode``. Constants are matched by name. Where ``encode`` takes what is kept of the
    frame before, a shift is other steps in it than in the glance; in both they only move values, and are left out.
    """
    moving = len(parts["encode"].graph.find_nodes(op="placeholder")) == 1
    whole = _computed(glance, moving)
    first, second = (_computed(parts[name], moving) for name in PARTS)
    joined = [(node, parts["encode"]) for node in first] + [(node, parts["join"]) for node in second[1:]]
    if not first or not second or len(joined) != len(whole):
        raise PartsMismatchError(f"The glance computes {len(whole)} steps, its parts {len(joined)}.")
    pairs = _pair(second[0], parts["join"], whole[len(first) - 1], glance)
    for (node, graph), wanted in zip(joined, whole, strict=True):
        if _kind(node, graph) != _kind(wanted, glance):
            raise PartsMismatchError(f"The glance computes {wanted.name} where its parts compute {node.name}.")
        pairs += _pair(node, graph, wanted, glance)
    constants = _constants(glance)
    for graph in parts.values():
        for name, node in _constants(graph).items():
            if name not in constants:
                raise PartsMismatchError(f"The glance has no {name}, which one of its parts has.")
            pairs += _pair(node, graph, constants[name], glance)
    return pairs


def _computed(graph: GraphModule, moving: bool) -> list[Node]:
    """Return the steps of a prepared graph that depend on its inputs, in order; ``moving``: those that move too."""
    dependent: set[Node] = set()
    steps = []
    for node in graph.graph.nodes:
        if node.op == "placeholder":
            dependent.add(node)
        elif dependent.intersection(node.all_input_nodes) and (node.op == "call_function" or _quantizer(node, graph)):
            dependent.add(node)
            if moving or not _only_moves(node, graph):
                steps.append(node)
    return steps


def _only_moves(node: Node, graph: GraphModule) -> bool:
    """Return whether a step only moves values, all of them on one scale, or quantizes what was moved so."""
    if _quantizer(node, graph) is not None:
        moved = node.args[0]
        # all inputs but the first are moved: a join with the values on whose scale they are
        kept = isinstance(moved, Node) and moved.op == "placeholder" and moved is not _first_input(graph)
        return kept or (isinstance(moved, Node) and _only_moves(moved, graph))
    weight = _weight_name(node) if node.target in CONVOLUTIONS else ""
    if not (node.target in REARRANGEMENTS or weight.endswith(MOVES)):
        return False
    around = [_quantizer(other, graph) for other in (*node.all_input_nodes, *node.users)]
    scales = {
        id(one) for one in around if one is not None and isinstance(one.activation_post_process, ExponentObserver)
    }
    return len(scales) == 1


def _first_input(graph: GraphModule) -> Node:
    """Return the placeholder of the frames, or of the features."""
    return next(node for node in graph.graph.nodes if node.op == "placeholder")


def _weight_name(layer: Node) -> str:
    """Return the name of a layer's weight, which is quantized or not."""
    weight: Any = layer.args[1]
    return str(weight.target if weight.op == "get_attr" else weight.args[0].target)


def _constants(graph: GraphModule) -> dict[str, Node]:
    """Return the quantizers of weights and buffers, by the name of the constant."""
    return {
        node.args[0].target: node
        for node in graph.graph.nodes
        if _quantizer(node, graph) is not None and node.args[0].op == "get_attr"
    }


def _quantizer(node: Node, graph: GraphModule) -> FakeQuantize | None:
    module = graph.get_submodule(node.target) if node.op == "call_module" else None
    return module if isinstance(module, FakeQuantize) else None


def _kind(node: Node, graph: GraphModule) -> object:
    """Return what two steps in the same place must have in common."""
    quantizer = _quantizer(node, graph)
    return node.target if quantizer is None else type(quantizer.activation_post_process)


def _pair(node: Node, graph: GraphModule, other: Node, glance: GraphModule) -> Pairs:
    found, source = _quantizer(node, graph), _quantizer(other, glance)
    if found is None or source is None or not isinstance(found.activation_post_process, ExponentObserver):
        return []
    return [(found, source)]


@torch.no_grad()
def _copy_weights(glance: GraphModule, parts: dict[str, GraphModule]) -> None:
    """Copy the weights of the glance into its parts, and check that nothing is rounded differently."""
    layers = {layer.name: layer for layer in quantized_layers(glance)}
    for graph in parts.values():
        for layer in quantized_layers(graph):
            layer.weight.copy_(layers[layer.name].weight)
            if layer.bias is not None:
                layer.bias.copy_(layers[layer.name].bias)
        snap(graph)
    for layer in (layer for graph in parts.values() for layer in quantized_layers(graph)):
        source = layers.pop(layer.name)
        same = torch.equal(layer.weight, source.weight) and torch.equal(
            layer.weight_quant.scale, source.weight_quant.scale
        )
        if not same or (layer.bias is not None and not torch.equal(layer.bias, source.bias)):
            raise PartsMismatchError(f"{layer.name} of the glance is rounded differently in one of its parts.")
    # how a shift moves values is no number that was trained
    missing = [name for name in layers if not name.endswith(MOVES)]
    if missing:
        raise PartsMismatchError(f"No part of the glance has its {missing[0]}.")
