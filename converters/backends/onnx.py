"""ONNX: stage graphs to QDQ models whose inputs and outputs are the integers themselves, for ONNX Runtime."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, numpy_helper
from torch import Tensor, nn

from adafocus.calibration.quantization.tie_free_scales import runtime_program
from adafocus.converters.backends.integer_io import QuantParams
from adafocus.converters.backends.quiet import quiet
from adafocus.converters.backends.registry import Names, Report
from adafocus.edge.bundle.files import replacing_file
from adafocus.edge.bundle.manifest import Precision, TensorSpec
from adafocus.edge.runtimes.graph import file_names
from adafocus.edge.runtimes.onnx import NUMBER_TYPES, SCALES_KEY, SETTINGS, library

# ONNX Runtime has no integer kernel for means
quantized = partial(runtime_program, fold=True, float_means=True)

QUANTIZE, DEQUANTIZE, CAST = "QuantizeLinear", "DequantizeLinear", "Cast"
INTEGER_KERNELS = {"QLinearConv", "QGemm", "QLinearMatMul", "QLinearAdd", "QLinearMul", "QLinearSigmoid"}
INTEGER_KERNELS |= {"QLinearConcat", "QLinearReduceMean", "QLinearGlobalAveragePool", "ConvInteger", "MatMulInteger"}
MOVES = {"Slice", "Concat", "Transpose", "Reshape", "Identity", QUANTIZE, DEQUANTIZE, "Relu", "Clip", "MaxPool"}
KERNEL_EVENT = "_kernel_time"
PRODUCTS = {"Conv", "FusedConv", "QLinearConv", "Gemm", "FusedGemm", "QGemm", "MatMul", "QLinearMatMul"}


def convert(
    program: nn.Module, example: tuple[Tensor, ...], path: Path, names: Names, *, precision: Precision
) -> Report:
    """Convert a quantized program with folded weights, or a float stage graph."""
    inputs, outputs = names[0], file_names(*names)
    if precision == "fp16":
        program, example = program.half(), tuple(value.half() for value in example)
    with quiet(), torch.no_grad():
        made = torch.onnx.export(
            program,
            example,
            dynamo=True,
            input_names=list(inputs),
            output_names=list(outputs),
            external_data=False,
            verbose=False,
        )
    if made is None:
        raise RuntimeError("the ONNX exporter gave no program")
    model = made.model_proto
    _remove_traces(model)
    if precision == "int8":
        model.metadata_props.add(key=SCALES_KEY, value=json.dumps(with_integer_io(model)))
    with replacing_file(path) as beside:
        onnx.save(model, str(beside))
    return report(path)


def with_integer_io(model: ModelProto) -> dict[str, QuantParams]:
    """Take the quantization of inputs and the dequantization of outputs out of a QDQ model.

    Returns:
        scale and zero point of every input and output that is an integer now.
    """
    graph = model.graph
    constants = _constants(graph)
    found: dict[str, QuantParams] = {}
    for value in graph.input:
        readers = [node for node in graph.node if value.name in node.input]
        if not readers or any(node.op_type != QUANTIZE for node in readers):
            continue
        found[value.name] = _quant_params(readers[0], constants)
        for node in readers:
            _rename_input(graph, node.output[0], value.name)
            graph.node.remove(node)
        value.type.tensor_type.elem_type = TensorProto.INT8
    for value in graph.output:
        writer = next(node for node in graph.node if value.name in node.output)
        if writer.op_type != DEQUANTIZE:
            continue
        found[value.name] = _quant_params(writer, constants)
        codes, real = writer.input[0], f"{value.name}_real"
        writer.output[0] = real
        _rename_input(graph, value.name, real)
        maker = next(node for node in graph.node if codes in node.output)
        maker.output[list(maker.output).index(codes)] = value.name
        _rename_input(graph, codes, value.name)
        if not any(real in node.input for node in graph.node):
            graph.node.remove(writer)
        value.type.tensor_type.elem_type = TensorProto.INT8
    del graph.value_info[:]
    return found


def _remove_traces(model: ModelProto) -> None:
    """Remove what the exporter notes for debugging: source files, their lines and Python classes."""
    graph = model.graph
    for noted in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del noted.metadata_props[:]


def _constants(graph: GraphProto) -> dict[str, np.ndarray]:
    """Return the constants of a graph by name."""
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    constants = [node for node in graph.node if node.op_type == "Constant"]
    values = [(node.output[0], part.t) for node in constants for part in node.attribute if part.name == "value"]
    return found | {name: numpy_helper.to_array(tensor) for name, tensor in values}


def _quant_params(node: NodeProto, constants: dict[str, np.ndarray]) -> QuantParams:
    """Read scale and zero point of a node that quantizes or dequantizes."""
    return float(constants[node.input[1]]), int(constants[node.input[2]])


def _rename_input(graph: GraphProto, old: str, new: str) -> None:
    """Let every reader of a tensor read another."""
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == old:
                node.input[index] = new


def tensor_specs(path: Path, names: Names) -> tuple[list[TensorSpec], list[TensorSpec]]:
    """Join the names of the contract to what the file says of its tensors."""
    session = _session(path)
    params = json.loads(session.get_modelmeta().custom_metadata_map.get(SCALES_KEY, "{}"))
    found = {value.name: value for value in (*session.get_inputs(), *session.get_outputs())}
    own = (names[0], file_names(*names))
    inputs, outputs = (
        [_spec(name, found[place], params.get(place)) for name, place in zip(*group, strict=True)]
        for group in zip(names, own, strict=True)
    )
    return inputs, outputs


def _spec(name: str, value: Any, params: QuantParams | None) -> TensorSpec:
    """Describe a tensor of the file."""
    return TensorSpec(
        name=name,
        shape=tuple(int(n) for n in value.shape),
        dtype=NUMBER_TYPES[value.type],  # type: ignore[arg-type]
        scale=None if params is None else params[0],
        zero_point=None if params is None else params[1],
    )


def report(path: Path) -> Report:
    """Profile one call and count what runs in integer kernels; for a float model everything is where it should be."""
    with tempfile.TemporaryDirectory() as folder:
        nodes, results = _profile(path, Path(folder))
        weights = {tensor.name: list(tensor.dims) for tensor in nodes.initializer}
        for node in nodes.node:
            if node.op_type in (DEQUANTIZE, CAST) and node.input[0] in weights:
                weights[node.output[0]] = weights[node.input[0]]
    macs = {index: _macs(node, weights, results) for index, node in enumerate(nodes.node)}
    total = sum(macs.values())
    if not any(node.op_type in INTEGER_KERNELS for node in nodes.node):
        return Report(total, None, 1.0, {}, len(nodes.node), path.stat().st_size)
    inside = sum(macs[index] for index, node in enumerate(nodes.node) if node.op_type in INTEGER_KERNELS)
    outside = Counter(node.op_type for node in nodes.node if node.op_type not in INTEGER_KERNELS | MOVES)
    share = inside / total if total else 0.0
    return Report(total, None, share, dict(outside), len(nodes.node), path.stat().st_size)


def _profile(path: Path, folder: Path) -> tuple[GraphProto, dict[str, list[int]]]:
    """Return the graph as the runtime optimized it, and the shape of every node's first result by node name."""
    onnxruntime = library()
    options = onnxruntime.SessionOptions()
    options.enable_profiling = True
    for key, value in SETTINGS.items():
        options.add_session_config_entry(key, value)
    options.profile_file_prefix = str(folder / "profile")
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    # the level below the last keeps the shapes of the model, which the count needs
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    session = _session(path, options)
    feeds = {value.name: np.zeros(value.shape, NUMBER_TYPES[value.type]) for value in session.get_inputs()}
    session.run(None, feeds)
    events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    results = {}
    for event in events:
        shapes = event.get("args", {}).get("output_type_shape")
        if event.get("cat") == "Node" and shapes:
            results[event["name"].removesuffix(KERNEL_EVENT)] = next(iter(shapes[0].values()))
    return onnx.load(str(folder / "optimized.onnx")).graph, results


def _macs(node: NodeProto, weights: dict[str, list[int]], results: dict[str, list[int]]) -> int:
    """Count the multiply-accumulates of a node."""
    if node.op_type not in PRODUCTS:
        return 0
    weight = max((weights[name] for name in node.input if name in weights), key=lambda shape: (len(shape), prod(shape)))
    result = results[node.name]
    if "Conv" in node.op_type:
        return prod(result) * prod(weight[1:])
    return prod(result) * prod(weight) // result[-1]


def _session(path: Path, options: Any = None) -> Any:
    """Open a file on the CPU."""
    return library().InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
