"""ExecuTorch's Python runtime. It carries PyTorch's tensors, so PyTorch comes with it; phones use its C++ instead."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from adafocus.edge.bundle.manifest import GraphFile, TensorSpec
from adafocus.edge.runtimes.graph import Arrays, mismatch, refused
from adafocus.edge.runtimes.log_filter import IMPORT_LOG_PREFIXES, hide_log_lines
from adafocus.errors import BundleError

SCALE, ZERO_POINT = "_scale", "_zero_point"
# an input and an output may have one name
SIDES = ("in_", "out_")
METHOD = "forward"
# the numbers of PyTorch's types in a program's description
NUMBER_TYPES = {0: "uint8", 1: "int8", 3: "int32", 5: "float16", 6: "float32"}
LOG_PREFIXES = (b"[cpuinfo_utils.cpp", b"[program.cpp", b"[threadpool.cpp")


class ProgramGraph:
    """One ``.pte`` program. The library has one pool of threads, so the last ``threads`` asked for hold for all."""

    def __init__(self, path: Path, description: GraphFile, threads: int) -> None:
        _set_threads(threads)
        self._torch, self._program, self._method = _load(path)
        self.inputs, self.outputs = description.inputs, description.outputs
        self._path = path
        names = [spec.name for spec in self.inputs], [spec.name for spec in self.outputs]
        try:
            described = _specs(self._program, self._method, names)
        except (RuntimeError, KeyError, IndexError, ValueError) as error:
            raise BundleError(f"{path} does not describe its tensors ({error}). Convert the model again.") from error
        for wanted, found in zip((self.inputs, self.outputs), described, strict=True):
            if len(wanted) != len(found):
                raise BundleError(
                    f"{path} has {len(found)} tensors where the manifest names {len(wanted)}. Convert it again."
                )
            for spec, there in zip(wanted, found, strict=True):
                if spec != there:
                    raise mismatch(path, spec, there.shape, there.dtype, (there.scale, there.zero_point))

    @classmethod
    def described(
        cls, path: Path, names: tuple[Sequence[str], Sequence[str]]
    ) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
        """Return inputs and outputs of a program, whose own tensors have no names."""
        _, program, method = _load(path)
        return _specs(program, method, names)

    def run(self, arrays: Arrays) -> Arrays:
        """Run once; the outputs are copies."""
        given = [self._torch.from_numpy(np.ascontiguousarray(arrays[spec.name])) for spec in self.inputs]
        try:
            found = self._method.execute(given)
        except (RuntimeError, MemoryError) as error:
            raise refused(self._path, "run", error) from error
        return {spec.name: tensor.numpy() for spec, tensor in zip(self.outputs, found, strict=True)}


def _library() -> Any:
    """Import the part of the library that knows its threads."""
    return import_module("executorch.extension.pybindings.portable_lib")


def _set_threads(threads: int) -> None:
    """Size the pool before a method is loaded: what is loaded keeps a pointer to the pool that was there."""
    with hide_log_lines((*IMPORT_LOG_PREFIXES, *LOG_PREFIXES)):
        library = _library()
        if library._threadpool_get_thread_count() != threads:
            library._unsafe_reset_threadpool(threads)


def _load(path: Path) -> tuple[Any, Any, Any]:
    """Return PyTorch, a program and its one method."""
    with hide_log_lines(IMPORT_LOG_PREFIXES):
        torch, runtime = import_module("torch"), import_module("executorch.runtime")
    try:
        with hide_log_lines(LOG_PREFIXES):
            program = runtime.Runtime.get().load_program(path.read_bytes())
            return torch, program, program.load_method(METHOD)
    except RuntimeError as error:
        raise refused(path, "opened", error) from error


def _specs(
    program: Any, method: Any, names: tuple[Sequence[str], Sequence[str]]
) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Return inputs and outputs with the names of the manifest."""
    known = program.method_names
    meta = method.metadata

    def spec(side: str, name: str, tensor: Any) -> TensorSpec:
        integer = f"{side}{name}{SCALE}" in known
        return TensorSpec(
            name=name,
            shape=tuple(tensor.sizes()),
            dtype=NUMBER_TYPES[tensor.dtype()],  # type: ignore[arg-type]
            scale=float(_constant(program, side + name + SCALE)) if integer else None,
            zero_point=int(_constant(program, side + name + ZERO_POINT)) if integer else None,
        )

    inputs = tuple(spec(SIDES[0], name, meta.input_tensor_meta(i)) for i, name in enumerate(names[0]))
    outputs = tuple(spec(SIDES[1], name, meta.output_tensor_meta(i)) for i, name in enumerate(names[1]))
    return inputs, outputs


def _constant(program: Any, name: str) -> Any:
    """Return a constant, which a program holds as a method of its own."""
    return program.load_method(name).execute([])[0]


def open_graph(path: Path, description: GraphFile, threads: int) -> ProgramGraph:
    """Open a ``.pte`` program."""
    return ProgramGraph(path, description, threads)
