"""ExecuTorch: stage graphs to ``.pte`` programs for its XNNPACK backend."""

from __future__ import annotations

from collections import Counter
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import torch
from executorch.backends.xnnpack.partition.config import ALL_PARTITIONER_CONFIGS
from executorch.backends.xnnpack.partition.config.generic_node_configs import MeanDimConfig, SigmoidConfig
from executorch.backends.xnnpack.partition.config.xnnpack_config import ConfigPrecisionType
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.devtools.backend_debug import get_delegation_info
from executorch.exir import EdgeCompileConfig, to_edge_transform_and_lower
from torch import Tensor, nn
from torch.fx import GraphModule, Node

from adafocus.calibration.quantization.tie_free_scales import runtime_program
from adafocus.converters.backends.integer_io import TensorParams, integer_example, with_integer_io
from adafocus.converters.backends.quiet import quiet
from adafocus.converters.backends.registry import Names, Report
from adafocus.edge.bundle.files import replacing_file
from adafocus.edge.bundle.manifest import Precision, TensorSpec
from adafocus.edge.runtimes.executorch import SCALE, SIDES, ZERO_POINT, ProgramGraph

quantized = partial(runtime_program, fold=True)

CONVOLUTIONS = ("conv2d", "convolution")
DENSE = ("linear", "addmm", "mm")


def _float_or_int8(_: Any) -> list[ConfigPrecisionType]:
    """Return the precisions that a node may have in the delegate."""
    return [ConfigPrecisionType.FP32, ConfigPrecisionType.STATIC_QUANT]


class QuantizedSigmoid(SigmoidConfig):
    """XNNPACK has an int8 sigmoid, which the library's own partitioner leaves outside."""

    supported_precision_types = _float_or_int8


class QuantizedMean(MeanDimConfig):
    """The same for the int8 mean over height and width."""

    supported_precision_types = _float_or_int8


REPLACED = {SigmoidConfig: QuantizedSigmoid, MeanDimConfig: QuantizedMean}
CONFIGS = [REPLACED.get(config, config) for config in ALL_PARTITIONER_CONFIGS]


def convert(
    program: nn.Module, example: tuple[Tensor, ...], path: Path, names: Names, *, precision: Precision
) -> Report:
    """Convert a quantized program with folded weights, or a float stage graph."""
    params: tuple[TensorParams, TensorParams] = ({}, {})
    if precision == "int8" and isinstance(program, GraphModule):
        program, params = with_integer_io(program, names)
        example = integer_example(example, names[0], params[0])
    elif precision == "fp16":
        program, example = program.half(), tuple(value.half() for value in example)
    with quiet(), torch.no_grad():
        exported = torch.export.export(program, example)
        edge = to_edge_transform_and_lower(
            exported,
            partitioner=[XnnpackPartitioner(configs=CONFIGS)],
            compile_config=EdgeCompileConfig(_check_ir_validity=False),
            constant_methods=_constants(params),
        )
        lowered = edge.exported_program().graph_module
        made = edge.to_executorch()
    with replacing_file(path) as beside, beside.open("wb") as file:
        made.write_to_file(file)
    return _report(exported.graph_module, lowered, path)


def _constants(params: tuple[TensorParams, TensorParams]) -> dict[str, Any]:
    """Return scale and zero point of every integer tensor as methods of the program, by side and name."""
    found: dict[str, Any] = {}
    for side, group in zip(SIDES, params, strict=True):
        for name, (scale, zero_point) in group.items():
            found |= {f"{side}{name}{SCALE}": scale, f"{side}{name}{ZERO_POINT}": zero_point}
    return found


def tensor_specs(path: Path, names: Names) -> tuple[list[TensorSpec], list[TensorSpec]]:
    """Join the names of the contract to what the program says of its tensors."""
    inputs, outputs = ProgramGraph.described(path, names)
    return list(inputs), list(outputs)


def _report(exported: GraphModule, lowered: GraphModule, path: Path) -> Report:
    """Report what the delegates took."""
    info = get_delegation_info(lowered)
    table = info.get_operator_delegation_dataframe()
    outside = {
        str(row.op_type): int(row.occurrences_in_non_delegated_graphs)
        for row in table.itertuples()
        if row.op_type not in ("Total", "getitem") and row.occurrences_in_non_delegated_graphs
    }
    total, left = _macs(exported), _macs(lowered)
    operations = Counter(node.op for node in exported.graph.nodes)["call_function"]
    return Report(
        macs=total,
        delegates=info.num_delegated_subgraphs,
        delegated_share=1.0 - left / total if total else 0.0,
        left_out=outside,
        operations=operations,
        weight_bytes=path.stat().st_size,
    )


def _macs(module: GraphModule) -> int:
    """Count the multiply-accumulates of the convolutions and linear layers that stand in a graph itself."""
    return sum(_node_macs(node) for node in module.graph.nodes if node.op == "call_function")


def _node_macs(node: Node) -> int:
    """Count the multiply-accumulates of one node."""
    name = getattr(node.target, "__name__", "").split(".")[0]
    if name not in CONVOLUTIONS + DENSE:
        return 0
    operands = [argument.meta["val"].shape for argument in node.all_input_nodes]
    result = node.meta["val"].shape
    if name in CONVOLUTIONS:
        return prod(result) * prod(operands[1][1:])
    inner = {"linear": operands[0], "addmm": operands[-2], "mm": operands[0]}[name]
    return prod(result) * inner[-1]
