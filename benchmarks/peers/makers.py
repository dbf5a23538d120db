"""Who makes a file of a float network: this project, PyTorch itself, and the stock converters of three runtimes.

Stock converters are called as their own guides do, without any of this project's rewrites.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks import speed
from benchmarks.peers.row import EAGER, OURS, STOCK
from benchmarks.peers.subjects import Subject, Views

FRAMES, LOGITS = speed.NAMES[0][0], speed.NAMES[1][0]


@dataclass(frozen=True)
class Given:
    """What a maker is given.

    Attributes:
        subject: the network.
        weights: file of published weights.
        views: of clips.
        source: what another maker made of the same network, where this one goes on from there.
    """

    subject: Subject
    weights: Path
    views: Views
    source: Path | None = None

    @property
    def net(self) -> nn.Module:
        """The float network."""
        return self.subject.net(self.weights)

    @property
    def clips(self) -> list[Tensor]:
        """Clips to calibrate on; the first serves as the example."""
        return self.subject.inputs(self.views, "train")


@dataclass(frozen=True)
class Maker:
    """One way to a file.

    Attributes:
        kind: ours, eager or stock.
        name: who makes it, in words.
        precision: of the result.
        runtime: that runs it.
        suffix: of the file.
        make: writes the file.
        after: name of the maker whose file it takes; empty: it takes the network itself.
    """

    kind: str
    name: str
    precision: str
    runtime: str
    suffix: str
    make: Callable[[Given, Path], None]
    after: str = ""


def save_network(given: Given, path: Path) -> None:
    """Save the float network as it is, for eager PyTorch."""
    torch.save(given.net, path)


def convert_ours(given: Given, path: Path) -> None:
    """Lower, quantize after training and convert, as ``adafocus export`` does with each stage."""
    subject = given.subject
    clips = [clip[0] for clip in given.clips]
    made, _, _ = speed.made(subject.lowered(given.weights), clips, "litert", "int8", path.parent)
    made.rename(path)


def litert_float(given: Given, path: Path) -> None:
    """Convert with litert-torch."""
    import litert_torch

    litert_torch.convert(given.net, (given.clips[0],)).export(str(path))


def litert_pt2e(given: Given, path: Path) -> None:
    """Quantize with litert-torch's own quantizer of exported programs, then convert."""
    import litert_torch
    from litert_torch.quantize.pt2e_quantizer import PT2EQuantizer, get_symmetric_quantization_config
    from litert_torch.quantize.quant_config import QuantConfig

    quantizer = PT2EQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    clips = given.clips
    graph = _quantized(given.net, clips, quantizer, fold=False)
    settings = QuantConfig(pt2e_quantizer=quantizer)
    litert_torch.convert(graph, (clips[0],), quant_config=settings).export(str(path))


def litert_quantizer(given: Given, path: Path) -> None:
    """Quantize what litert-torch converted, with ai-edge-quantizer's static recipe."""
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import recipe
    from ai_edge_quantizer.quantizer import Quantizer

    ((key, signature),) = Interpreter(str(given.source)).get_signature_list().items()
    (name,) = signature["inputs"]
    quantizer = Quantizer(str(given.source), recipe.static_wi8_ai8())
    ranges = quantizer.calibrate({key: [{name: clip.numpy()} for clip in given.clips]})
    quantizer.quantize(ranges).export_model(path, overwrite=True)


def executorch_float(given: Given, path: Path) -> None:
    """Export, and let ExecuTorch's own partitioner give XNNPACK what it takes."""
    clips = given.clips
    _executorch(given.net, clips, path)


def executorch_int8(given: Given, path: Path) -> None:
    """Quantize with ExecuTorch's own quantizer for XNNPACK first."""
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )

    # registers the library's own operations for what no delegate takes
    import_module("executorch.kernels.quantized")
    clips = given.clips
    quantizer = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    _executorch(_quantized(given.net, clips, quantizer, fold=True), clips, path)


def onnx_float(given: Given, path: Path) -> None:
    """Export with PyTorch's own exporter."""
    torch.onnx.export(
        given.net,
        (given.clips[0],),
        str(path),
        dynamo=True,
        input_names=[FRAMES],
        output_names=[LOGITS],
        external_data=False,
        verbose=False,
    )


def onnx_int8(given: Given, path: Path) -> None:
    """Quantize the exported model with ONNX Runtime's static quantization, in its default form QDQ."""
    from onnxruntime.quantization import CalibrationDataReader, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Clips(CalibrationDataReader):  # type: ignore[misc]
        """Hands out clips one by one."""

        def __init__(self, clips: Sequence[Tensor]) -> None:
            self._left = iter(clips)

        def get_next(self) -> dict[str, Any] | None:
            """Return the next clip; None where there is none left."""
            clip = next(self._left, None)
            return None if clip is None else {FRAMES: clip.numpy()}

    prepared = path.with_suffix(".prepared.onnx")
    quant_pre_process(str(given.source), str(prepared))
    quantize_static(str(prepared), str(path), Clips(given.clips))


def _quantized(net: nn.Module, clips: Sequence[Tensor], quantizer: Any, *, fold: bool) -> nn.Module:
    """Quantize after training with a library's quantizer."""
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    graph = prepare_pt2e(torch.export.export(net, (clips[0],)).module(), quantizer)
    with torch.no_grad():
        for clip in clips:
            graph(clip)
    return convert_pt2e(graph, fold_quantize=fold)


def _executorch(net: nn.Module, clips: Sequence[Tensor], path: Path) -> None:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    exported = torch.export.export(net, (clips[0],))
    made = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()]).to_executorch()
    with path.open("wb") as file:
        made.write_to_file(file)


US = "this project"
# one that takes the file of another stands behind it
MAKERS = (
    Maker(OURS, US, "int8", "litert", ".tflite", convert_ours),
    Maker(EAGER, "PyTorch, eager", "float32", "pytorch", ".pt", save_network),
    Maker(STOCK, "ONNX exporter", "float32", "onnx", ".onnx", onnx_float),
    Maker(STOCK, "ONNX Runtime, static QDQ", "int8", "onnx", ".onnx", onnx_int8, after="ONNX exporter"),
    Maker(STOCK, "litert-torch", "float32", "litert", ".tflite", litert_float),
    Maker(STOCK, "ai-edge-quantizer", "int8", "litert", ".tflite", litert_quantizer, after="litert-torch"),
    Maker(STOCK, "ExecuTorch, XNNPACK quantizer", "int8", "executorch", ".pte", executorch_int8),
    Maker(STOCK, "litert-torch, PT2E quantizer", "int8", "litert", ".tflite", litert_pt2e),
    Maker(STOCK, "ExecuTorch, XNNPACK", "float32", "executorch", ".pte", executorch_float),
)
