"""From a lowered stage graph to its quantized program, from which every runtime's file is converted."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Node
from torchao.quantization.pt2e import (
    FakeQuantize,
    disable_fake_quant,
    disable_observer,
    enable_fake_quant,
    enable_observer,
)
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_qat_pt2e

from adafocus.calibration.quantization.quantizer import (
    ADD,
    ASYMMETRIC,
    ATEN,
    CONCATENATE,
    CONVOLUTIONS,
    EXPONENTS,
    RELU,
    RELU6,
    ExponentObserver,
    Grids,
    StageQuantizer,
)

REARRANGEMENTS = (
    ATEN.slice.Tensor,
    ATEN.permute.default,
    ATEN.reshape.default,
    ATEN.view.default,
    ATEN.flatten.using_ints,
    CONCATENATE,
)


def prepare(
    stage: nn.Module, example: tuple[Tensor, ...], kept_float: Iterable[str] = (), grids: Grids = ASYMMETRIC
) -> GraphModule:
    """Export a stage graph and insert trainable fake quantization; parameters keep the names they have in ``stage``.

    Args:
        stage: float graph.
        example: inputs.
        kept_float: names of weights whose layers stay float.
        grids: of activations.
    """
    exported = torch.export.export(stage, example).module()
    outputs, paths = (
        [stage.outputs.index(name) for name in getattr(stage, kind, ())] for kind in ("float_outputs", "float_paths")
    )
    kept = {*kept_float, *getattr(stage, "float_weights", ())}
    return prepare_qat_pt2e(exported, StageQuantizer(kept, outputs, paths, grids))


class QuantizedLayer:
    """A convolution or linear layer of a prepared graph with the fake quantizers of its operands."""

    def __init__(self, graph: GraphModule, node: Node) -> None:
        source, weight = node.args[0], node.args[1]
        bias = node.args[2] if len(node.args) > 2 else None
        self.name = weight.args[0].target
        self.weight = _attribute(graph, self.name)
        self.bias_name = bias.target if isinstance(bias, Node) else None
        self.bias = _attribute(graph, bias.target) if isinstance(bias, Node) else None
        self.weight_quant: FakeQuantize = graph.get_submodule(weight.target)
        self.source_quant: FakeQuantize = graph.get_submodule(source.target)


def quantized_layers(prepared: GraphModule) -> Iterator[QuantizedLayer]:
    """Yield every layer of a prepared graph that has quantized weights, in the order of the graph."""
    for node in prepared.graph.nodes:
        if node.target in CONVOLUTIONS and node.args[1].op == "call_module":
            yield QuantizedLayer(prepared, node)


def activation_quantizers(prepared: GraphModule) -> dict[str, FakeQuantize]:
    """Return the fake quantizers of activations whose range comes from data, by the name of their first use."""
    found: dict[int, tuple[str, FakeQuantize]] = {}
    for node in prepared.graph.nodes:
        if node.op == "call_module":
            module = prepared.get_submodule(node.target)
            if isinstance(getattr(module, "activation_post_process", None), ExponentObserver):
                found.setdefault(id(module), (node.target, module))
    return dict(found.values())


def grids_of(prepared: GraphModule) -> Grids:
    """Return the grids that a prepared graph has."""
    quantizers = activation_quantizers(prepared).values()
    return next((module.activation_post_process.grids for module in quantizers), ASYMMETRIC)


def quantized_values(prepared: GraphModule) -> dict[str, FakeQuantize]:
    """Return them by the name of the quantized value, which does not depend on what else is quantized."""
    chosen = set(map(id, activation_quantizers(prepared).values()))
    modules = ((node, prepared.get_submodule(node.target)) for node in prepared.graph.nodes if node.op == "call_module")
    return {node.args[0].name: module for node, module in modules if id(module) in chosen}


@torch.no_grad()
def calibrate(prepared: GraphModule, inputs: Iterable[tuple[Tensor, ...]]) -> None:
    """Choose the power-of-two scale of every activation from real inputs and fix it.

    Scales minimize the squared rounding and clipping error; operands and results of an addition get one scale.
    """
    examples = list(inputs)
    prepared.apply(disable_fake_quant)
    quantizers = list(activation_quantizers(prepared).values())
    with only_observing(prepared, quantizers):
        for ranging in (True, False):
            for module in quantizers:
                module.activation_post_process.ranging = ranging
                module.activation_post_process.errors.zero_()
            for example in examples:
                prepared(*example)
    for group in scale_groups(prepared):
        errors = torch.stack([module.activation_post_process.errors for module in group]).sum(0)
        exponent = EXPONENTS[int(errors.argmin())]
        for module in group:
            set_exponent(module, exponent)
    # the scales of weights are those of their last use
    for example in examples[:1]:
        prepared(*example)
    prepared.apply(enable_fake_quant)


@contextmanager
def only_observing(prepared: GraphModule, quantizers: Iterable[FakeQuantize]) -> Iterator[None]:
    """Let these quantizers observe, and do nothing else, inside a ``with`` block; all others only pass values on.

    A quantizer that observes by itself takes new scales at every value, and those of weights look at every weight.
    """
    observing = [
        module for module in prepared.modules() if isinstance(module, FakeQuantize) and bool(module.observer_enabled[0])
    ]
    prepared.apply(disable_observer)

    def observe(module: nn.Module, given: tuple[Tensor]) -> None:
        module.activation_post_process(given[0])

    hooks = [module.register_forward_pre_hook(observe) for module in quantizers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for module in observing:
            enable_observer(module)


def set_exponent(module: FakeQuantize, exponent: int) -> None:
    """Fix a fake quantizer's scale to ``2**exponent``, and its zero point by the smallest value that was seen."""
    module.activation_post_process.exponent.fill_(exponent)
    scale, zero_point = module.calculate_qparams()
    module.scale.data, module.zero_point.data = scale, zero_point.int()
    disable_observer(module)


def scale_groups(prepared: GraphModule) -> list[list[FakeQuantize]]:
    """Group activation quantizers that must have one scale: those around each addition, joined where additions meet."""
    names = activation_quantizers(prepared)
    leader = {id(module): id(module) for module in names.values()}

    def find(key: int) -> int:
        while leader[key] != key:
            key = leader[key]
        return key

    for node in prepared.graph.nodes:
        if node.target == ADD and all(source.op == "call_module" for source in node.all_input_nodes):
            around = [id(prepared.get_submodule(n.target)) for n in (*node.all_input_nodes, *_quantized_users(node))]
            for key in around[1:]:
                leader[find(key)] = find(around[0])
    groups: dict[int, list[FakeQuantize]] = {}
    for module in names.values():
        groups.setdefault(find(id(module)), []).append(module)
    return list(groups.values())


def _quantized_users(node: Node) -> list[Node]:
    users = [user for user in node.users if user.target != "output"]
    users = [after for user in users for after in (user.users if user.target == RELU else [user])]
    return [user for user in users if user.op == "call_module"]


def training_graph(prepared: GraphModule) -> GraphModule:
    """Copy a graph without the fake quantizers that change nothing, for speed; parameters are shared.

    Values that are only moved (sliced, reshaped, joined with zeros) keep their scale and zero point.
    """
    graph = copy.deepcopy(prepared.graph)
    light = GraphModule(prepared, graph)
    for node in list(graph.nodes):
        if node.op != "call_module" or not isinstance(node.args[0], Node):
            continue
        moved = node.args[0]
        if moved.target in REARRANGEMENTS and all(
            part.op == "get_attr" or (part.op == "call_module" and _same_module(light, part, node))
            for part in moved.all_input_nodes
        ):
            node.replace_all_uses_with(moved)
            graph.erase_node(node)
    light.recompile()
    return light


def _same_module(graph: GraphModule, one: Node, other: Node) -> bool:
    return graph.get_submodule(one.target) is graph.get_submodule(other.target)


@torch.no_grad()
def snap(prepared: GraphModule) -> None:
    """Round weights and biases to what integer runtimes store, and fix the scales of the weights.

    Without this a converter rounds the weights a second time, and its 32-bit biases (their scale is that of the input
    times that of the weights) differ from the float biases of the quantized program by up to some percent of an output
    step.
    """
    for layer in quantized_layers(prepared):
        fake = layer.weight_quant
        fake(layer.weight)
        disable_observer(fake)
        scale = per_channel(fake.scale, layer.weight)
        layer.weight.copy_((layer.weight / scale).round().clamp(fake.quant_min, fake.quant_max) * scale)
        if layer.bias is not None:
            step = (layer.source_quant.scale * fake.scale).double()
            layer.bias.copy_((layer.bias.double() / step).round() * step)


def per_channel(scale: Tensor, weight: Tensor) -> Tensor:
    """Reshape a scale per output channel so that it broadcasts over a weight."""
    return scale.reshape(-1, *[1] * (weight.dim() - 1))


def quantized_program(prepared: GraphModule, *, fold: bool = False) -> GraphModule:
    """Turn fake quantization into quantize and dequantize operations; ``prepared`` is left as it is.

    Args:
        prepared: a trained graph, snapped.
        fold: store the weights as integers (ExecuTorch, ONNX, Core ML) or keep the operation that makes them (LiteRT).
    """
    duplicate = copy.deepcopy(prepared)
    duplicate.apply(disable_observer)
    for node in float_answers(duplicate):
        # snapped weights are whole multiples of a power of two, so the float numbers are the integers' own values
        weight: Any = node.args[1]
        if weight.op == "call_module":
            node.update_arg(1, weight.args[0])
            duplicate.graph.erase_node(weight)
    duplicate.recompile()
    return convert_pt2e(duplicate, fold_quantize=fold)


def float_answers(prepared: GraphModule) -> list[Node]:
    """Return the layers of a prepared graph that answer in float32: no quantizer reads them, nor a ReLU before one."""
    layers = [node for node in prepared.graph.nodes if node.target in CONVOLUTIONS]
    return [node for node in layers if not _quantized_users(node) and not _is_clipped(node)]


def _is_clipped(node: Node) -> bool:
    return any(user.target in (RELU, RELU6) for user in node.users)


def _attribute(graph: GraphModule, name: str) -> nn.Parameter:
    owner, _, leaf = name.rpartition(".")
    return getattr(graph.get_submodule(owner), leaf)
