"""Rows of int8 models that others published as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.peers.row import CLIP, FRAME, PUBLISHED, Row
from benchmarks.peers.subjects import X3D

Call = Callable[[], object]


def _torchscript(path: Path, threads: int) -> Call:
    torch.set_num_threads(threads)
    torch.backends.quantized.engine = "qnnpack"
    script = torch.jit.load(str(path)).eval()
    clip = torch.randn(1, 3, 4, 160, 160)

    def call() -> object:
        with torch.no_grad():
            return script(clip)

    return call


def _litert(path: Path, threads: int) -> Call:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=threads)
    interpreter.allocate_tensors()
    call: Call = interpreter.invoke
    return call


# file, row, how it is opened
FILES: tuple[tuple[str, Row, Callable[[Path, int], Call]], ...] = (
    (
        "efficient_x3d_xs_int8_torchscript.pt",
        Row(
            PUBLISHED, "EfficientX3D-XS 4x160", "PyTorchVideo", "int8", "TorchScript", CLIP,
            said="The scales of its activations were never calibrated, so its answers mean nothing.",
            beside=X3D.name,
        ),
        _torchscript,
    ),
    (
        "movinet_a0_stream_int8.tflite",
        Row(
            PUBLISHED, "MoViNet-A0-Stream, frames of 172", "its authors", "int8", "litert", FRAME,
            said="It knows seven behaviours of cattle, none of these labels.",
        ),
        _litert,
    ),
)  # fmt: skip
