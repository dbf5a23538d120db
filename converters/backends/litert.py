"""LiteRT: stage graphs to ``.tflite`` files, and what the XNNPACK delegate takes of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from torch import Tensor, nn

from adafocus.calibration.quantization.tie_free_scales import runtime_program
from adafocus.converters.backends.quiet import quiet
from adafocus.converters.backends.registry import Names, Report
from adafocus.edge.bundle.files import replacing_file
from adafocus.edge.bundle.manifest import Precision, TensorSpec
from adafocus.edge.runtimes.log_filter import hide_log_lines

quantized = partial(runtime_program, fold=False)

CONVOLUTIONS = {"CONV_2D", "DEPTHWISE_CONV_2D"}
DENSE = "FULLY_CONNECTED"
CONVOLUTION = torch.ops.aten.convolution.default
DELEGATE = "DELEGATE"


def convert(
    program: nn.Module, example: tuple[Tensor, ...], path: Path, names: Names, *, precision: Precision
) -> Report:
    """Convert a quantized program with unfolded weights, or a float stage graph; tensors keep their order."""
    if precision != "int8":
        _convert(program, example, path, None)
        if precision == "fp16":
            _halve_weights(path)
        return report(path)
    with quiet():
        from litert_torch.quantize.pt2e_quantizer import PT2EQuantizer, get_symmetric_quantization_config
        from litert_torch.quantize.quant_config import QuantConfig

    quantizer = PT2EQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True, is_qat=True))
    _convert(program, example, path, QuantConfig(pt2e_quantizer=quantizer))
    return report(path)


def _convert(module: nn.Module, example: tuple[Tensor, ...], path: Path, quantization: Any) -> None:
    with quiet(), torch.no_grad():
        import litert_torch
        from litert_torch.backend import debuginfo

        # names of our modules and classes would stand in the file, and change with every move of our code
        debuginfo.build_mlir_debuginfo = lambda node: None
        with decomposing_once():
            converted = litert_torch.convert(module, example, quant_config=quantization)
        with replacing_file(path) as beside:
            converted.export(str(beside))


@contextmanager
def decomposing_once() -> Iterator[None]:
    """Spare the library two of the three passes that break operations up: half of a conversion, and the same bytes.

    The first pass has nothing to break up in a graph that was exported for inference. The second traces what changed
    the layout of tensors; where it breaks up what the third would, nothing is left for that one. A convolution is
    listed as one to break up, but stays as it is.
    """
    from litert_torch import fx_infra
    from litert_torch.fx_infra import _safe_run_decompositions as library

    run, required = library.safe_run_decompositions, library._require_decomp

    def sparing(program: Any, table: Any = None, can_skip: bool = True) -> Any:
        return run(program, table or fx_infra.decomp.pre_lower_decomp())

    def without_convolution(program: Any, table: Any) -> Any:
        return required(program, {name: how for name, how in table.items() if name is not CONVOLUTION})

    with (
        patch.object(library, "_require_decomp", without_convolution),
        patch.object(library, "safe_run_decompositions", sparing),
        patch.object(fx_infra, "safe_run_decompositions", sparing),
    ):
        yield


def _halve_weights(path: Path) -> None:
    """Store the weights of a float file as float16; XNNPACK computes with them as float32, or as float16 on ARM."""
    with quiet():
        from ai_edge_quantizer import qtyping
        from ai_edge_quantizer.quantizer import Quantizer

        weights = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
        rule = qtyping.OpQuantizationConfig(
            weight_tensor_config=weights, compute_precision=qtyping.ComputePrecision.FLOAT
        )
        quantizer = Quantizer(str(path))
        quantizer.update_quantization_recipe(
            regex=".*",
            operation_name=qtyping.TFLOperationName.ALL_SUPPORTED,
            op_config=rule,
            algorithm_key="float_casting",
        )
        halved = quantizer.quantize().quantized_model
    with replacing_file(path) as beside:
        beside.write_bytes(bytes(halved))


def tensor_specs(path: Path, names: Names) -> tuple[list[TensorSpec], list[TensorSpec]]:
    """Join the names of the contract to what the file says of its tensors."""
    interpreter = Interpreter(str(path))
    found = (interpreter.get_input_details(), interpreter.get_output_details())
    inputs, outputs = (
        [_spec(name, detail) for name, detail in zip(group, _in_order(details), strict=True)]
        for group, details in zip(names, found, strict=True)
    )
    return inputs, outputs


def _in_order(details: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort tensors as the signature has them."""
    from adafocus.edge.runtimes.litert import signature_position

    return sorted(details, key=lambda detail: signature_position(detail["name"]))


def _spec(name: str, detail: dict[str, Any]) -> TensorSpec:
    """Describe a tensor of the file."""
    scale, zero_point = detail["quantization"]
    integer = np.issubdtype(detail["dtype"], np.integer)
    return TensorSpec(
        name=name,
        shape=tuple(int(n) for n in detail["shape"]),
        dtype=np.dtype(detail["dtype"]).name,  # type: ignore[arg-type]
        scale=float(scale) if integer else None,
        zero_point=int(zero_point) if integer else None,
    )


def report(path: Path) -> Report:
    """Ask the interpreter which operations its delegates took."""
    with hide_log_lines():
        interpreter = Interpreter(str(path), num_threads=1)
        interpreter.allocate_tensors()
    operations = interpreter._get_ops_details()
    shapes = {detail["index"]: detail["shape"] for detail in interpreter.get_tensor_details()}
    delegates = [operation for operation in operations if operation["op_name"] == DELEGATE]
    plain = [operation for operation in operations if operation["op_name"] != DELEGATE]
    producers = {int(output): operation for operation in plain for output in operation["outputs"]}
    covered = {index for delegate in delegates for index in _inside(delegate, producers)}
    macs = {operation["index"]: _macs(operation, shapes) for operation in plain}
    left_out: dict[str, int] = {}
    for operation in plain:
        if operation["index"] not in covered:
            left_out[operation["op_name"]] = left_out.get(operation["op_name"], 0) + 1
    total = sum(macs.values())
    inside = sum(macs[index] for index in covered)
    share = inside / total if total else 0.0
    return Report(total, len(delegates), share, left_out, len(plain), path.stat().st_size)


def _inside(delegate: dict[str, Any], producers: dict[int, dict[str, Any]]) -> set[int]:
    """Return the operations between a delegate's inputs and its outputs."""
    inputs = {int(tensor) for tensor in delegate["inputs"]}
    waiting = [int(tensor) for tensor in delegate["outputs"]]
    seen: set[int] = set()
    while waiting:
        tensor = waiting.pop()
        producer = producers.get(tensor)
        if tensor in inputs or producer is None or producer["index"] in seen:
            continue
        seen.add(producer["index"])
        waiting.extend(int(source) for source in producer["inputs"])
    return seen


def _macs(operation: dict[str, Any], shapes: dict[int, Any]) -> int:
    """Count the multiply-accumulates of an operation."""
    name = operation["op_name"]
    if name not in CONVOLUTIONS and name != DENSE:
        return 0
    weight = [int(n) for n in shapes[int(operation["inputs"][1])]]
    result = int(np.prod(shapes[int(operation["outputs"][0])]))
    if name == "CONV_2D":
        return result * weight[1] * weight[2] * weight[3]
    if name == DENSE:
        return result * weight[1]
    return result * weight[1] * weight[2]
