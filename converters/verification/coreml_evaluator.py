"""An evaluator of ML Programs, for verification where Core ML does not exist.

It reads the very package that ships and computes it with PyTorch in float32, operation by operation, after the
definitions of Core ML's MIL operation set (coremltools, iOS 17). An operation, an attribute or a number type that it
does not know is an error. It says what the file holds, not what Apple's processors make of it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from adafocus.converters.backends.coreml import program_of
from adafocus.edge.bundle.manifest import GraphFile
from adafocus.edge.runtimes.graph import Arrays, file_names
from adafocus.errors import BundleError

WEIGHTS = Path("Data/com.apple.CoreML/weights")
BLOB_SENTINEL = 0xDEADBEEF
BLOB_HEADER = "<IIQQ"
# Core ML's number types
FLOAT16, FLOAT32, STRING, BOOL, INT8, INT32, UINT8 = 10, 11, 2, 1, 21, 23, 31
STORED = {FLOAT16: np.float16, FLOAT32: np.float32, INT8: np.int8, INT32: np.int32, UINT8: np.uint8}
NAMED_TYPES = {
    "int8": torch.int8,
    "uint8": torch.uint8,
    "fp32": torch.float32,
    "fp16": torch.float32,
    "int32": torch.int32,
}

Values = dict[str, Any]
ZERO_SPATIAL = 2


def _custom_padding(v: Values, spatial: int) -> list[int]:
    """Return the padding of a convolution or pooling for :func:`torch.nn.functional.pad`, last axis first."""
    kind = v.get("pad_type", "custom")
    if kind == "valid":
        return [0] * (2 * spatial)
    if kind != "custom":
        raise BundleError(f"padding {kind!r} is not known to the evaluator.")
    pad = [int(n) for n in v.get("pad", [0] * (2 * spatial))]
    return [n for axis in reversed(range(spatial)) for n in (pad[2 * axis], pad[2 * axis + 1])]


def _ints(value: Any) -> list[int]:
    return [int(n) for n in np.asarray(value).reshape(-1)]


def _conv(v: Values) -> Tensor:
    x, weight = v["x"], v["weight"]
    spatial = x.dim() - ZERO_SPATIAL
    x = F.pad(x, _custom_padding(v, spatial))
    return F.conv2d(
        x, weight, v.get("bias"), _ints(v.get("strides", [1] * spatial)), 0,
        _ints(v.get("dilations", [1] * spatial)), int(v.get("groups", 1)),
    )  # fmt: skip


def _max_pool(v: Values) -> Tensor:
    if bool(v.get("ceil_mode", False)):
        raise BundleError("ceil_mode is not known to the evaluator.")
    x = F.pad(v["x"], _custom_padding(v, v["x"].dim() - ZERO_SPATIAL), value=float("-inf"))
    return F.max_pool2d(x, _ints(v["kernel_sizes"]), _ints(v.get("strides", v["kernel_sizes"])))


def _per_axis(value: Any, axis: Any, like: Tensor) -> Tensor:
    """Lay a scale or zero point along its axis."""
    factor = torch.as_tensor(value).float()
    return factor if factor.dim() == 0 else factor.reshape(*(-1 if i == int(axis) else 1 for i in range(like.dim())))


def _quantize(v: Values) -> Tensor:
    x, kind = v["input"], NAMED_TYPES[v["output_dtype"]]
    limits = torch.iinfo(kind)
    scale = _per_axis(v["scale"], v.get("axis", 0), x)
    zero = _per_axis(v.get("zero_point", 0), v.get("axis", 0), x)
    return ((x / scale).round() + zero).clamp(limits.min, limits.max).to(kind)


def _dequantize(v: Values) -> Tensor:
    x = v["input"].float()
    axis = v.get("axis", 0)
    return (x - _per_axis(v.get("zero_point", 0), axis, x)) * _per_axis(v["scale"], axis, x)


def _constant_weight(v: Values) -> Tensor:
    return _dequantize({**v, "input": v["quantized_data"]})


def _slice(v: Values) -> Tensor:
    x = v["x"]
    begin, end = _ints(v["begin"]), _ints(v["end"])
    steps = _ints(v.get("stride", [1] * x.dim()))
    no_begin = np.broadcast_to(np.asarray(v.get("begin_mask", False)), x.dim())
    no_end = np.broadcast_to(np.asarray(v.get("end_mask", False)), x.dim())
    squeezed = np.broadcast_to(np.asarray(v.get("squeeze_mask", False)), x.dim())
    index: list[Any] = []
    for axis in range(x.dim()):
        if squeezed[axis]:
            index.append(begin[axis])
        else:
            start = None if no_begin[axis] else begin[axis]
            index.append(slice(start, None if no_end[axis] else end[axis], steps[axis]))
    return x[tuple(index)]


def _concat(v: Values) -> Tensor:
    if bool(v.get("interleave", False)):
        raise BundleError("interleaved concatenation is not known to the evaluator.")
    return torch.cat(list(v["values"]), int(v["axis"]))


def _mean(v: Values) -> Tensor:
    return v["x"].mean(_ints(v["axes"]), keepdim=bool(v.get("keep_dims", False)))


def _pad(v: Values) -> Tensor:
    if v.get("mode", "constant") != "constant":
        raise BundleError(f"padding mode {v['mode']!r} is not known to the evaluator.")
    pad = _ints(v["pad"])
    pairs = [(pad[2 * i], pad[2 * i + 1]) for i in range(len(pad) // 2)]
    return F.pad(v["x"], [n for pair in reversed(pairs) for n in pair], value=float(v.get("constant_val", 0.0)))


def _linear(v: Values) -> Tensor:
    return F.linear(v["x"], v["weight"], v.get("bias"))


def _matmul(v: Values) -> Tensor:
    x, y = (v[name].transpose(-1, -2) if bool(v.get(f"transpose_{name}", False)) else v[name] for name in ("x", "y"))
    return x @ y


def _cast(v: Values) -> Tensor:
    return torch.as_tensor(v["x"]).to(NAMED_TYPES[v["dtype"]])


def _real(value: Any) -> Any:
    return value if isinstance(value, Tensor) else torch.as_tensor(np.asarray(value))


OPERATIONS: dict[str, Callable[[Values], Any]] = {
    "add": lambda v: _real(v["x"]) + _real(v["y"]),
    "sub": lambda v: _real(v["x"]) - _real(v["y"]),
    "mul": lambda v: _real(v["x"]) * _real(v["y"]),
    "real_div": lambda v: _real(v["x"]) / _real(v["y"]),
    "maximum": lambda v: torch.maximum(_real(v["x"]), _real(v["y"])),
    "relu": lambda v: v["x"].relu(),
    "relu6": lambda v: v["x"].clamp(0.0, 6.0),
    "clip": lambda v: v["x"].clamp(float(v["alpha"]), float(v["beta"])),
    "sigmoid": lambda v: v["x"].sigmoid(),
    "silu": lambda v: v["x"] * v["x"].sigmoid(),
    "softmax": lambda v: v["x"].softmax(int(v["axis"])),
    "conv": _conv,
    "max_pool": _max_pool,
    "linear": _linear,
    "matmul": _matmul,
    "reduce_mean": _mean,
    "concat": _concat,
    "slice_by_index": _slice,
    "pad": _pad,
    "transpose": lambda v: v["x"].permute(_ints(v["perm"])),
    "reshape": lambda v: v["x"].reshape(_ints(v["shape"])),
    "expand_dims": lambda v: v["x"].reshape(_expanded(v["x"].shape, _ints(v["axes"]))),
    "squeeze": lambda v: v["x"].squeeze(tuple(_ints(v["axes"]))) if "axes" in v else v["x"].squeeze(),
    "identity": lambda v: v["x"],
    "cast": _cast,
    "quantize": _quantize,
    "dequantize": _dequantize,
    "constexpr_affine_dequantize": _constant_weight,
}  # fmt: skip


def _expanded(shape: torch.Size, axes: list[int]) -> list[int]:
    rank = len(shape) + len(axes)
    new, rest = {axis % rank for axis in axes}, iter(shape)
    return [1 if i in new else next(rest) for i in range(rank)]


class EvaluatedPackage:
    """One ``.mlpackage`` behind the interface of a runtime."""

    def __init__(self, path: Path, description: GraphFile) -> None:
        self.inputs, self.outputs = description.inputs, description.outputs
        _, self._main, self._block = program_of(path)
        self._folder = path / WEIGHTS
        self._constants: Values = {}
        unknown = sorted({operation.type for operation in self._block.operations} - OPERATIONS.keys() - {"const"})
        if unknown:
            raise BundleError(
                f"{path} holds operations that the evaluator does not know: {', '.join(unknown)}. Check it on macOS: "
                "adafocus verify BUNDLE"
            )
        for operation in self._block.operations:
            if operation.type == "const":
                self._constants[operation.outputs[0].name] = self._value(operation.attributes["val"])
            elif operation.type == "constexpr_affine_dequantize":
                given = {name: self._value(value) for name, value in operation.attributes.items() if name != "name"}
                self._constants[operation.outputs[0].name] = OPERATIONS[operation.type](given)

    @torch.no_grad()
    def run(self, arrays: Arrays) -> Arrays:
        """Evaluate once."""
        values: Values = dict(self._constants)
        for spec in self.inputs:
            values[spec.name] = torch.from_numpy(np.ascontiguousarray(arrays[spec.name])).float()
        for operation in self._block.operations:
            name = operation.outputs[0].name
            if name in self._constants:
                continue
            given = {key: _arguments(value, values) for key, value in operation.inputs.items()}
            values[name] = OPERATIONS[operation.type](given)
        own = file_names([spec.name for spec in self.inputs], [spec.name for spec in self.outputs])
        pairs = zip(self.outputs, own, strict=True)
        return {spec.name: values[name].numpy().astype(spec.dtype).reshape(spec.shape) for spec, name in pairs}

    def _value(self, value: Any) -> Any:
        """Return a constant of the program: a tensor for floats and int8, else plain numbers or text."""
        kind = value.type.tensorType
        shape = tuple(dimension.constant.size for dimension in kind.dimensions)
        if value.HasField("blobFileValue"):
            return self._stored(value.blobFileValue, kind.dataType, shape)
        tensor = value.immediateValue.tensor
        if kind.dataType == STRING:
            return tensor.strings.values[0]
        if kind.dataType in STORED and tensor.WhichOneof("value") == "bytes":
            array = np.frombuffer(tensor.bytes.values, STORED[kind.dataType])
        else:
            plain = {BOOL: "bools", FLOAT32: "floats", INT32: "ints"}
            if kind.dataType not in plain:
                raise BundleError(f"the number type {kind.dataType} is not known to the evaluator.")
            array = np.array(getattr(tensor, plain[kind.dataType]).values)
        return _as_value(array.reshape(shape) if shape else array.reshape(-1)[:1].reshape(()), kind.dataType)

    def _stored(self, blob: Any, kind: int, shape: tuple[int, ...]) -> Any:
        content = np.memmap(self._folder / Path(blob.fileName).name, np.uint8, "r")
        sentinel, _, size, offset = struct.unpack_from(BLOB_HEADER, content.data, blob.offset)
        if sentinel != BLOB_SENTINEL or kind not in STORED:
            raise BundleError(f"{self._folder} holds a weight of unknown form. Convert the model again.")
        return _as_value(content[offset : offset + size].view(STORED[kind]).reshape(shape), kind)


def _as_value(array: NDArray[Any], kind: int) -> Any:
    if kind in (FLOAT16, FLOAT32):
        return torch.from_numpy(array.astype(np.float32))
    return torch.from_numpy(array.astype(np.int8)) if kind == INT8 else array


def _arguments(value: Any, values: Values) -> Any:
    found = [values[part.name] for part in value.arguments]
    return found if len(found) > 1 else found[0]


def open_evaluated(name: str, path: Path, description: GraphFile, threads: int) -> EvaluatedPackage:
    """Open a package in the evaluator."""
    return EvaluatedPackage(path, description)
