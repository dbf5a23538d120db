"""Open a file that any maker wrote, in the runtime that it is for, with the runtime's own settings."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from adafocus.edge.bundle.manifest import Runtime
from adafocus.edge.runtimes import open_graph
from adafocus.edge.runtimes.onnx import library
from adafocus.edge.runtimes.tensors import dequantize, quantize
from benchmarks import speed

Floats = NDArray[np.float32]
Call = Callable[[], Floats]
# takes one clip, ``(1, T, 3, S, S)``, and returns a call that classifies it, ``(K,)``
Bind = Callable[[Floats], Call]


def open_file(runtime: str, path: Path, threads: int) -> Bind:
    """Open a file; making the input ready is no part of the call that it gives."""
    return OPENERS[runtime](path, threads)


def _open_graph(runtime: Runtime, path: Path, threads: int) -> Bind:
    """Open a file with the code of the device, which adds no setting but the threads for LiteRT and ExecuTorch."""
    record = speed.described(runtime, path, "fp32")
    (given,), (wanted,) = record.inputs, record.outputs
    graph = open_graph(runtime, path, record, threads)

    def bind(clip: Floats) -> Call:
        arrays = {given.name: quantize(clip.reshape(given.shape), given)}
        return lambda: dequantize(graph.run(arrays)[wanted.name], wanted).reshape(-1)

    return bind


def _open_onnx(path: Path, threads: int) -> Bind:
    """Open a model as ONNX Runtime does by itself; the device's code asks for signed numbers, which is no default."""
    onnxruntime = library()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()

    def bind(clip: Floats) -> Call:
        return lambda: np.asarray(session.run(None, {given.name: clip})[0], np.float32).reshape(-1)

    return bind


def _open_pytorch(path: Path, threads: int) -> Bind:
    """Load a network that this benchmark saved."""
    torch.set_num_threads(threads)
    net = torch.load(path, weights_only=False).eval()

    def bind(clip: Floats) -> Call:
        frames = torch.from_numpy(clip)

        def call() -> Floats:
            with torch.no_grad():
                found: Floats = net(frames)[0].numpy()
            return found

        return call

    return bind


OPENERS: dict[str, Callable[[Path, int], Bind]] = {
    "litert": partial(_open_graph, "litert"),
    "executorch": partial(_open_graph, "executorch"),
    "onnx": _open_onnx,
    "pytorch": _open_pytorch,
}
