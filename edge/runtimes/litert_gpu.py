"""LiteRT's compiled models: ``.tflite`` files on a graphics processor, by WebGPU over Vulkan, Metal or Direct3D."""

from __future__ import annotations

import atexit
import re
import weakref
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bundle.manifest import GraphFile, TensorSpec
from adafocus.edge.runtimes.graph import Arrays, Place, mismatch, refused
from adafocus.edge.runtimes.litert import Details, signature_position
from adafocus.edge.runtimes.log_filter import STANDARD_ERROR, STANDARD_OUTPUT, end_quietly, hide_log_lines
from adafocus.errors import BundleError, MissingRuntimeError
from adafocus.native_names import native_name

NUMBER_TYPES = {"float32": np.float32, "float16": np.float16, "int8": np.int8, "uint8": np.uint8, "int32": np.int32}
# the library logs to both outputs, much and without an option
EVERYTHING, BOTH_OUTPUTS = (b"",), (STANDARD_OUTPUT, STANDARD_ERROR)
# files of one signature
SIGNATURE = 0
ADAPTER = re.compile(r"Selected adapter: (.+), arch=.*")
WHY = re.compile(r"(Couldn't load Vulkan: \S+|No adapters found|\w+ required)")
NO_GPU = (
    "LiteRT finds no graphics processor that it can use here ({said}). Leave --accelerator out to run on the CPU, or "
    "install a driver for Vulkan (on Debian and Raspberry Pi OS: sudo apt install mesa-vulkan-drivers)."
)


class CompiledGraph:
    """One ``.tflite`` file, wholly on the graphics processor. Floats stay float32 there."""

    def __init__(self, path: Path, description: GraphFile) -> None:
        library: Any = import_module("ai_edge_litert.compiled_model")
        self._path = path
        self.inputs, self.outputs = description.inputs, description.outputs
        model: Any = None
        with hide_log_lines(EVERYTHING, BOTH_OUTPUTS) as said, native_name(path) as name, suppress(RuntimeError):
            # whatever fails here fails for want of a device: the same file opens on the CPU
            model = library.CompiledModel.from_file(name, options=_options(library))
        if model is None:
            raise MissingRuntimeError(NO_GPU.format(said=_reason(said)))
        if not model.is_fully_accelerated():
            raise BundleError(
                f"A part of {path} would run on the CPU, expected all of it on the graphics processor. Leave "
                "--accelerator out."
            )
        # what a library for graphics holds is let go before the interpreter ends, and without its log
        self._held: dict[str, Any] = {"model": model}
        weakref.finalize(self, _let_go, self._held)
        # one environment stays, and logs its own end
        atexit.unregister(end_quietly)
        atexit.register(end_quietly)
        signature = next(iter(model.get_signature_list()))
        self._in = _order(model.get_input_tensor_details(signature), self.inputs, path)
        self._out = _order(model.get_output_tensor_details(signature), self.outputs, path)
        names = model.get_signature_list()[signature]
        self._in_order, self._out_order = list(names["inputs"]), list(names["outputs"])
        try:
            with hide_log_lines(EVERYTHING, BOTH_OUTPUTS):
                self._held["inputs"] = model.create_input_buffers(SIGNATURE)
                self._held["outputs"] = model.create_output_buffers(SIGNATURE)
                # that a device is listed says nothing; that it answers does
                self.run({spec.name: np.zeros(spec.shape, spec.dtype) for spec in self.inputs})
        except RuntimeError as error:
            raise refused(path, "opened", error) from error
        self.place = Place(f"GPU through LiteRT: {_adapter(said)}")

    def run(self, arrays: Arrays) -> Arrays:
        """Run once; the outputs are copies."""
        try:
            for name, spec in self._in.items():
                self._held["inputs"][self._in_order.index(name)].write(np.ascontiguousarray(arrays[spec.name]))
            self._held["model"].run_by_index(SIGNATURE, self._held["inputs"], self._held["outputs"])
            return {spec.name: self._read(name, spec) for name, spec in self._out.items()}
        except (RuntimeError, ValueError, MemoryError) as error:
            raise refused(self._path, "run", error) from error

    def _read(self, name: str, spec: TensorSpec) -> NDArray[np.generic]:
        """Return an output."""
        buffer = self._held["outputs"][self._out_order.index(name)]
        return np.asarray(buffer.read(int(np.prod(spec.shape)), NUMBER_TYPES[spec.dtype])).reshape(spec.shape)


def _let_go(held: dict[str, Any]) -> None:
    """Free a model, its buffers and the device's environment, without their log."""
    with hide_log_lines(EVERYTHING, BOTH_OUTPUTS):
        held.clear()


def _options(library: Any) -> Any:
    """Ask for the graphics processor alone: with the CPU beside it, a part could land there unseen."""
    accelerator = import_module("ai_edge_litert.hardware_accelerator").HardwareAccelerator
    return library.Options(hardware_accelerators=accelerator.GPU, gpu_options=library.GpuOptions(enforce_f32=True))


def _order(details: Details, specs: tuple[TensorSpec, ...], path: Path) -> dict[str, TensorSpec]:
    """Return the tensor of each name of the signature, checked against the manifest."""
    names = sorted(details, key=signature_position)
    if len(names) != len(specs):
        raise BundleError(f"{path} has {len(names)} tensors where the manifest names {len(specs)}. Convert it again.")
    for name, spec in zip(names, specs, strict=True):
        found = (tuple(int(n) for n in details[name]["shape"]), str(details[name]["dtype"]))
        if found != (spec.shape, spec.dtype):
            raise mismatch(path, spec, *found, None)
    return dict(zip(names, specs, strict=True))


def _adapter(said: list[bytes]) -> str:
    """Return the name of the device in what the library wrote when it opened a file."""
    found = ADAPTER.search(b"".join(said).decode(errors="replace"))
    return found.group(1) if found else "a device that the library does not name"


def _reason(said: list[bytes]) -> str:
    """Return why the library found no device, from what it wrote."""
    text = b"".join(said).decode(errors="replace")
    found = WHY.findall(text)
    return "; ".join(dict.fromkeys(found)) or "it does not say why"


def open_graph(path: Path, description: GraphFile, threads: int, option: str) -> CompiledGraph:
    """Open a ``.tflite`` file on the graphics processor."""
    return CompiledGraph(path, description)
