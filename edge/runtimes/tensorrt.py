"""TensorRT on a Jetson: JetPack's own library builds an engine from an ONNX file once, and Polygraphy runs it.

The policy stays with ONNX Runtime on the CPU, in float32; the table of accelerators says so. Engines are kept by
:mod:`adafocus.edge.runtimes.engine_cache`.
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from adafocus.edge.bundle.manifest import GraphFile
from adafocus.edge.runtimes.engine_cache import EngineCache, EngineKey
from adafocus.edge.runtimes.graph import Arrays, Place, file_names, refused
from adafocus.errors import AdafocusError, BundleError, MissingRuntimeError

CUDA_DRIVER = "libcuda.so.1"
# the driver's names of a device's two numbers
MAJOR, MINOR = 75, 76
NAME_BYTES = 256
JETSON = Path("/etc/nv_tegra_release")
# part of the wheel of the package index, not of JetPack's package
WHEEL_ONLY = ("tensorrt_libs", "tensorrt_bindings")
TELL_EVERY_S = 5.0
NO_DEVICE = (
    "TensorRT needs a graphics processor of NVIDIA, and the CUDA driver {found}. Use another runtime here, for example "
    "--runtime litert."
)
WHEEL_ON_JETSON = (
    'The module tensorrt is that of the package index, which refuses the graphics processor of a Jetson ("Target GPU '
    "SM 87 is not supported by this TensorRT release\"). Use JetPack's own: pip uninstall tensorrt tensorrt_cu12 "
    "tensorrt_cu13 tensorrt_cu12_libs tensorrt_cu13_libs tensorrt_cu12_bindings tensorrt_cu13_bindings && sudo apt "
    "install python3-libnvinfer"
)
Tell = Callable[[str], None]


def tell(sentence: str) -> None:
    """Say something to who waits, beside what goes to standard output."""
    print(f"adafocus: {sentence}", file=sys.stderr, flush=True)


def device() -> tuple[str, str]:
    """Return name and compute capability of the first graphics processor, such as ``("Orin", "8.7")``.

    Raises:
        MissingRuntimeError: there is no driver, or no device.
    """
    try:
        driver = ctypes.CDLL(CUDA_DRIVER)
    except OSError as error:
        raise MissingRuntimeError(NO_DEVICE.format(found=f"does not load ({error})")) from error
    number, handle = ctypes.c_int(0), ctypes.c_int(0)
    code = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(number))
    if code or number.value < 1 or driver.cuDeviceGet(ctypes.byref(handle), 0):
        raise MissingRuntimeError(NO_DEVICE.format(found=f"finds none (code {code})"))
    name, major, minor = ctypes.create_string_buffer(NAME_BYTES), ctypes.c_int(0), ctypes.c_int(0)
    driver.cuDeviceGetName(name, NAME_BYTES, handle)
    driver.cuDeviceGetAttribute(ctypes.byref(major), MAJOR, handle)
    driver.cuDeviceGetAttribute(ctypes.byref(minor), MINOR, handle)
    return name.value.decode(errors="replace"), f"{major.value}.{minor.value}"


def problem(board: Path = JETSON) -> str | None:
    """Return a sentence on what is missing here beside the module, or None.

    Args:
        board: a file that only a Jetson has.
    """
    if board.exists() and any(find_spec(name) is not None for name in WHEEL_ONLY):
        return WHEEL_ON_JETSON
    try:
        device()
    except MissingRuntimeError as error:
        return str(error)
    return None


def progress_monitor(library: Any, name: str, tell: Tell, every_s: float = TELL_EVERY_S) -> Any:
    """Return an observer of a build that says every few seconds how far its longest phase is.

    Args:
        library: ``tensorrt``.
        name: of the file.
        tell: takes a line.
        every_s: seconds between two lines.
    """

    class Monitor(library.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            library.IProgressMonitor.__init__(self)
            self.steps: dict[str, int] = {}
            self.started = self.told = time.monotonic()

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self.steps[phase_name] = num_steps

        def step_complete(self, phase_name: str, step: int) -> bool:
            now = time.monotonic()
            if now - self.told >= every_s:
                self.told = now
                done = f"{phase_name}, {step + 1} of {self.steps.get(phase_name, 0)}"
                tell(f"{name}: {done}, {now - self.started:.0f} s")
            return True

        def phase_finish(self, phase_name: str) -> None:
            self.steps.pop(phase_name, None)

    return Monitor()


def build_engine(library: Any, path: Path, tell: Tell, capability: str | None = None) -> bytes:
    """Build the engine of an ONNX file.

    Args:
        library: ``tensorrt``, or ``tensorrt_rtx``, which has the same classes.
        path: of the file.
        tell: takes lines on how far it is.
        capability: compute capability to build for, such as ``8.6``, where no device is here; ``tensorrt_rtx`` can.

    Raises:
        BundleError: the parser refuses the file, or no engine comes of it.
    """
    logger = library.Logger(library.Logger.Severity.INTERNAL_ERROR)
    builder = library.Builder(logger)
    # numbers have the types that the file says; no other precision is chosen behind it
    network = builder.create_network(1 << int(library.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = library.OnnxParser(network, logger)
    if not parser.parse(path.read_bytes()):
        said = parser.get_error(0).desc() if parser.num_errors else "the parser gives no reason"
        raise BundleError(
            f"TensorRT refuses {path}: {said.rstrip('.')}. It takes fp16 files, and int8 files with zero points 0: "
            "adafocus export MODEL --device jetson --precision fp16, or adafocus quantize --grids symmetric"
        )
    config = builder.create_builder_config()
    config.progress_monitor = monitor = progress_monitor(library, path.name, tell)
    if capability is not None:
        config.num_compute_capabilities = 1
        config.set_compute_capability(getattr(library.ComputeCapability, f"SM{capability.replace('.', '')}"), 0)
    tell(f"building the engine of {path.name} with TensorRT {library.__version__}; this takes minutes, and only once")
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise refused(path, "built", RuntimeError("TensorRT gives no engine; there may be too little memory"))
    tell(f"{path.name}: its engine is built, {time.monotonic() - monitor.started:.0f} s")
    return bytes(engine)


class EngineGraph:
    """One engine on the graphics processor."""

    def __init__(self, path: Path, description: GraphFile) -> None:
        library: Any = import_module("tensorrt")
        name, capability = device()
        key = EngineKey(
            description.sha256, f"TensorRT {library.__version__}", f"{name} {capability}", description.precision
        )
        cache = EngineCache()
        self._path = path
        self.inputs, self.outputs = description.inputs, description.outputs
        names = [spec.name for spec in self.inputs]
        self._output_names = file_names(names, [spec.name for spec in self.outputs])

        def build() -> bytes:
            return build_engine(library, path, tell)

        try:
            self._runner = _runner(cache.get_or_build(key, build, tell))
        except AdafocusError:
            raise
        except Exception:
            # what was kept may be of another driver: it is built anew, once
            cache.drop(key)
            try:
                self._runner = _runner(cache.get_or_build(key, build, tell))
            except AdafocusError:
                raise
            except Exception as error:
                raise refused(path, "opened", error) from error
        self.place = Place(f"{name} {capability} through TensorRT {library.__version__}", {})

    def run(self, arrays: Arrays) -> Arrays:
        """Run once; the outputs are copies."""
        try:
            found = self._runner.infer({spec.name: np.ascontiguousarray(arrays[spec.name]) for spec in self.inputs})
        except Exception as error:
            # Polygraphy's own exceptions have no common base but Exception
            raise refused(self._path, "run", error) from error
        pairs = zip(self.outputs, self._output_names, strict=True)
        return {spec.name: np.array(found[name]).reshape(spec.shape) for spec, name in pairs}


def _runner(engine: bytes) -> Any:
    """Return what runs an engine."""
    trt: Any = import_module("polygraphy.backend.trt")
    runner = trt.TrtRunner(trt.EngineFromBytes(engine))
    runner.activate()
    return runner


def open_graph(path: Path, description: GraphFile, threads: int, option: str = "") -> EngineGraph:
    """Open a ``.onnx`` file as an engine, which is built where none is kept."""
    return EngineGraph(path, description)
