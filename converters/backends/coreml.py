"""Core ML: stage graphs to ML Programs (``.mlpackage``) for iOS 17 or macOS 14 and later."""

from __future__ import annotations

import json
import shutil
import uuid
from collections import Counter
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from adafocus.calibration.quantization.tie_free_scales import reference_program
from adafocus.converters.backends.quiet import quiet
from adafocus.converters.backends.registry import Names, Report
from adafocus.edge.bundle.files import replacing_directory
from adafocus.edge.bundle.manifest import Precision, TensorSpec
from adafocus.edge.runtimes.graph import file_names

with quiet():
    import coremltools

# a program for Core ML computes in float32 between its quantizations, as the reference does
quantized = reference_program

PROGRAM = Path("Data/com.apple.CoreML/model.mlmodel")
PACKAGE_MANIFEST = "Manifest.json"
MADE = "made.mlpackage"
LEFTOVER = "executorch_debug_handle_mapping.json"
CONVERSION_DATE = "com.github.apple.coremltools.conversion_date"
NAMESPACE = uuid.UUID("5d1f2f1e-6f0c-4c55-9c1b-6d7a3f0b2a11")
NUMBER_TYPES = {65568: "float32", 65552: "float16", 131104: "int32"}
PRODUCTS = ("conv", "linear", "matmul")
INTEGER_WEIGHT = "constexpr_affine_dequantize"
MOVES = {"const", INTEGER_WEIGHT, "quantize", "dequantize", "transpose", "reshape", "slice_by_index", "concat", "cast"}


def convert(
    program: nn.Module, example: tuple[Tensor, ...], path: Path, names: Names, *, precision: Precision
) -> Report:
    """Convert a quantized program with folded weights, or a float stage graph.

    Inputs and outputs are float32, in fp16 too: Core ML takes 8-bit integers there from iOS 26 only, and Swift knows no
    float16 on every system. An int8 program computes in float32 between its quantizations, because float16 biases
    would round differently.
    """
    half = precision == "fp16"
    with quiet(), torch.no_grad():
        exported = torch.export.export(program, example).run_decompositions({})
        made = coremltools.convert(
            exported,
            minimum_deployment_target=coremltools.target.iOS17,
            compute_precision=coremltools.precision.FLOAT16 if half else coremltools.precision.FLOAT32,
            skip_model_load=True,
            outputs=[coremltools.TensorType(name=name, dtype=np.float32) for name in file_names(*names)],
        )
        with replacing_directory(path, PACKAGE_MANIFEST) as beside:
            made.save(str(beside / MADE))
            _settle(beside / MADE, beside, path.name)
    return report(path)


def _settle(made: Path, folder: Path, name: str) -> None:
    """Move a package to its folder without what changes from one conversion to the next."""
    (made / LEFTOVER).unlink(missing_ok=True)
    manifest = json.loads((made / PACKAGE_MANIFEST).read_text(encoding="utf-8"))
    entries = sorted(manifest["itemInfoEntries"].items(), key=lambda item: item[1]["path"])
    fixed = {old: str(uuid.uuid5(NAMESPACE, f"{name}/{entry['path']}")) for old, entry in entries}
    manifest["itemInfoEntries"] = {fixed[old]: entry for old, entry in entries}
    manifest["rootModelIdentifier"] = fixed[manifest["rootModelIdentifier"]]
    (folder / PACKAGE_MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    model = coremltools.proto.Model_pb2.Model()
    model.ParseFromString((made / PROGRAM).read_bytes())
    model.description.metadata.userDefined.pop(CONVERSION_DATE, None)
    (made / PROGRAM).write_bytes(model.SerializeToString(deterministic=True))
    shutil.move(str(made / "Data"), folder / "Data")
    shutil.rmtree(made)


def program_of(path: Path) -> tuple[Any, Any, Any]:
    """Return specification, main function and block of the ML Program in a package."""
    model = coremltools.proto.Model_pb2.Model()
    model.ParseFromString((path / PROGRAM).read_bytes())
    main = model.mlProgram.functions["main"]
    return model, main, main.block_specializations[main.opset]


def tensor_specs(path: Path, names: Names) -> tuple[list[TensorSpec], list[TensorSpec]]:
    """Return inputs and outputs as the package describes them."""
    model, main, block = program_of(path)
    shapes = _shapes(main, block)
    found = {value.name: value.type.multiArrayType for value in (*model.description.input, *model.description.output)}
    own = (names[0], file_names(*names))
    inputs, outputs = (
        [
            TensorSpec(name=name, shape=shapes[place], dtype=NUMBER_TYPES[found[place].dataType])  # type: ignore[arg-type]
            for name, place in zip(*group, strict=True)
        ]
        for group in zip(names, own, strict=True)
    )
    return inputs, outputs


def report(path: Path) -> Report:
    """Count the program's operations by type and precision.

    The share is that of the multiply-accumulates whose weights are int8 and whose operands are quantized, for an int8
    program; for a float one it is 1.
    """
    _, main, block = program_of(path)
    shapes = _shapes(main, block)
    makers = {value.name: operation for operation in block.operations for value in operation.outputs}
    macs = {"int8": 0, "float": 0}
    for operation in block.operations:
        if operation.type not in PRODUCTS:
            continue
        operands = {key: [part.name for part in value.arguments] for key, value in operation.inputs.items()}
        weight = (operands.get("weight") or operands["y"])[0]
        result = shapes[operation.outputs[0].name]
        each = prod(shapes[weight][1:]) if operation.type == "conv" else shapes[operands["x"][0]][-1]
        integer = weight in makers and makers[weight].type == INTEGER_WEIGHT
        macs["int8" if integer else "float"] += prod(result) * each
    kinds = Counter(operation.type for operation in block.operations)
    total = sum(macs.values())
    quantized = macs["int8"] > 0
    return Report(
        macs=total,
        delegates=None,
        delegated_share=macs["int8"] / total if quantized and total else 1.0,
        left_out={},
        operations=sum(count for kind, count in kinds.items() if kind != "const"),
        weight_bytes=sum(file.stat().st_size for file in (path / "Data").rglob("*.bin")),
        by_type={kind: count for kind, count in sorted(kinds.items()) if kind not in MOVES or kind == INTEGER_WEIGHT},
    )


def _shapes(main: Any, block: Any) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all values of a program by name."""
    values = [*main.inputs, *(value for operation in block.operations for value in operation.outputs)]
    return {value.name: _dims(value.type) for value in values}


def _dims(kind: Any) -> tuple[int, ...]:
    """Return the shape of a value."""
    return tuple(dimension.constant.size for dimension in kind.tensorType.dimensions)
