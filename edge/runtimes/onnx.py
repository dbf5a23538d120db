"""ONNX Runtime on the CPU, or with one of its providers."""

from __future__ import annotations

import json
import os
from collections import Counter
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from adafocus.edge.bundle.manifest import GraphFile, TensorSpec
from adafocus.edge.runtimes.graph import Arrays, Place, file_names, mismatch, refused
from adafocus.edge.runtimes.log_filter import hide_log_lines
from adafocus.errors import BundleError, MissingRuntimeError
from adafocus.native_names import native_name

# the library reports to its maker what it runs, unless this stands in the environment before it is imported
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

NUMBER_TYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(int8)": "int8",
    "tensor(uint8)": "uint8",
    "tensor(int32)": "int32",
}
# key of a model's metadata: name of an integer tensor -> [scale, zero point]; it is spelled so in every file
SCALES_KEY = "adafocus.quantisation"
# on x86 the library turns some int8 tensors into uint8, and what lies between the two kinds then runs in float
SETTINGS = {"session.qdqisint8allowed": "1"}
ASSIGNMENTS = "session.record_ep_graph_assignment_info"
ON_CPU = "CPUExecutionProvider"
# provider -> module that brings it as a plug-in
PLUG_INS = {
    "WebGpuExecutionProvider": "onnxruntime_ep_webgpu",
    "OpenVINOExecutionProvider": "onnxruntime_ep_openvino",
    "QNNExecutionProvider": "onnxruntime_ep_qnn",
}
# products in shorter floats would be other numbers
PROVIDER_OPTIONS = {"CUDAExecutionProvider": {"use_tf32": "0"}}


def library() -> Any:
    """Import ONNX Runtime. Every room does it here, after its telemetry was switched off."""
    return import_module("onnxruntime")


class SessionGraph:
    """One ``.onnx`` file in a session."""

    def __init__(self, path: Path, description: GraphFile, threads: int, provider: str = ON_CPU) -> None:
        onnxruntime = library()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        for key, value in SETTINGS.items():
            options.add_session_config_entry(key, value)
        providers = [ON_CPU] if provider == ON_CPU else _prepared(onnxruntime, options, provider)
        try:
            with native_name(path) as name:
                self._session = onnxruntime.InferenceSession(name, options, providers=providers)
        except Exception as error:
            # the library's own exceptions have no common base but Exception
            raise refused(path, "opened", error) from error
        self.inputs, self.outputs = description.inputs, description.outputs
        self._path = path
        scales = _scales(self._session, path)
        found = {value.name: value for value in (*self._session.get_inputs(), *self._session.get_outputs())}
        names = [spec.name for spec in self.inputs]
        self._output_names = file_names(names, [spec.name for spec in self.outputs])
        for name, spec in zip((*names, *self._output_names), (*self.inputs, *self.outputs), strict=True):
            _check(spec, found.get(name), scales.get(name), path)
        if provider != ON_CPU:
            self.place = Place(f"ONNX Runtime with {provider}", self._assigned(provider))

    def _assigned(self, provider: str) -> dict[str, int]:
        """Run once, and return how many nodes each provider took.

        Raises:
            MissingRuntimeError: the provider took none.
        """
        self.run({spec.name: np.zeros(spec.shape, spec.dtype) for spec in self.inputs})
        counts: Counter[str] = Counter()
        for part in self._session.get_provider_graph_assignment_info():
            counts[part.ep_name] += len(part.get_nodes())
        if not counts[provider]:
            raise MissingRuntimeError(
                f"ONNX Runtime lists {provider}, but gives it no node of {self._path.name}: everything would run on "
                "the CPU. Leave --accelerator out, or install the driver that the provider needs."
            )
        return dict(sorted(counts.items(), key=lambda item: item[0] != provider))

    def run(self, arrays: Arrays) -> Arrays:
        """Run once; the outputs are the session's own new arrays."""
        given = {spec.name: arrays[spec.name] for spec in self.inputs}
        try:
            found = self._session.run(self._output_names, given)
        except Exception as error:
            raise refused(self._path, "run", error) from error
        return {spec.name: array for spec, array in zip(self.outputs, found, strict=True)}


def _scales(session: Any, path: Path) -> dict[str, Any]:
    """Return scale and zero point of the integer tensors by name, as the converter wrote them into the file."""
    text = session.get_modelmeta().custom_metadata_map.get(SCALES_KEY, "{}")
    try:
        scales = json.loads(text)
    except ValueError as error:
        raise BundleError(f"{path} describes its integers in no JSON ({error}). Convert the model again.") from error
    if not isinstance(scales, dict) or not all(isinstance(pair, list) for pair in scales.values()):
        raise BundleError(f"{path} describes its integers as {text[:80]!r}. Convert the model again.")
    return scales


def _check(spec: TensorSpec, value: Any, scale: list[float] | None, path: Path) -> None:
    """Refuse a tensor that the manifest describes otherwise, or that is not there."""
    if value is None:
        raise BundleError(f"{path} has no tensor {spec.name!r}, which the manifest names. Convert the model again.")
    found = (tuple(value.shape), NUMBER_TYPES.get(value.type, value.type), tuple(scale or (None, None)))
    if found != (spec.shape, spec.dtype, (spec.scale, spec.zero_point)):
        raise mismatch(path, spec, *found)


def open_graph(path: Path, description: GraphFile, threads: int) -> SessionGraph:
    """Open a ``.onnx`` file."""
    return SessionGraph(path, description, threads)


def open_with_provider(path: Path, description: GraphFile, threads: int, provider: str) -> SessionGraph:
    """Open a ``.onnx`` file with a provider, which must take a part of it at least; the CPU takes the rest."""
    with hide_log_lines((b"",)):
        # a provider writes much about what it does not take; the count of nodes says it
        return SessionGraph(path, description, threads, provider)


def _prepared(onnxruntime: Any, options: Any, provider: str) -> list[Any] | None:
    """Set a session up for a provider that is built in, or that a plug-in brings.

    Returns:
        what the session is told; None where its options say it.

    Raises:
        MissingRuntimeError: it is neither, or it finds no device.
    """
    options.add_session_config_entry(ASSIGNMENTS, "1")
    if provider in onnxruntime.get_available_providers():
        return [(provider, PROVIDER_OPTIONS.get(provider, {})), ON_CPU]
    module = PLUG_INS.get(provider)
    if module is None or find_spec(module) is None:
        package = "" if module is None else f", or its plug-in: pip install {module.replace('_', '-')}"
        raise MissingRuntimeError(
            f"This ONNX Runtime has no {provider}. Install a build that has it{package}. Or leave --accelerator out."
        )
    if not any(found.ep_name == provider for found in onnxruntime.get_ep_devices()):
        onnxruntime.register_execution_provider_library(provider, import_module(module).get_library_path())
    devices = [found for found in onnxruntime.get_ep_devices() if found.ep_name == provider]
    if not devices:
        raise MissingRuntimeError(
            f"{provider} is installed, but finds no device here. Leave --accelerator out, or install the "
            "driver of the device."
        )
    options.add_provider_for_devices(devices[:1], PROVIDER_OPTIONS.get(provider, {}))
    return None
