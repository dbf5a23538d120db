"""The gate of a Jetson: NVIDIA's own parser takes a file whole, or refuses it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from adafocus.calibration.quantization.exact_sums import refuse_inexact_sums
from adafocus.calibration.quantization.qat import activation_quantizers, calibrate, grids_of, prepare, snap
from adafocus.calibration.quantization.quantizer import ASYMMETRIC, SYMMETRIC, Grids
from adafocus.converters.backends.onnx import convert, quantized
from adafocus.edge.bundle.manifest import Precision
from adafocus.networks.backbones.x3d import X3DBlock
from adafocus.networks.lowering.x3d import LoweredX3DBlock

pytestmark = pytest.mark.slow
pytest.importorskip("tensorrt_rtx", reason="NVIDIA has no wheel of its parser for this system")
FRAMES, SIDE, CHANNELS = 2, 8, 8


class Classifier(nn.Module):
    """Gates, additions, means and a last layer: every kind of operation that a stage of the default network has."""

    outputs = ("logits",)
    float_outputs = ("logits",)

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.gated = LoweredX3DBlock(X3DBlock(CHANNELS, CHANNELS, 2, gated=True).eval(), FRAMES, SIDE)
        self.plain = LoweredX3DBlock(X3DBlock(CHANNELS, CHANNELS, 1, gated=False).eval(), FRAMES, SIDE // 2)
        self.head = nn.Linear(CHANNELS, 5)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.head(self.plain(self.gated(x)).mean((2, 3))),)


def example(seed: int = 1) -> tuple[torch.Tensor]:
    return (torch.randn(FRAMES, CHANNELS, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)),)


@pytest.mark.parametrize(
    ("precision", "grids", "taken"),
    [
        ("int8", SYMMETRIC, True),
        ("int8", ASYMMETRIC, False),
        ("fp16", ASYMMETRIC, True),
        ("fp32", ASYMMETRIC, True),
    ],
)
def test_the_parser_takes_symmetric_and_float_files_and_no_others(
    precision: Precision, grids: Grids, taken: bool, tmp_path: Path
) -> None:
    from benchmarks.boards.parser import MAX_BUILD_S, build_ahead, judge

    stage: nn.Module = Classifier()
    path = tmp_path / "stage.onnx"
    if precision == "int8":
        graph = prepare(stage, example(), grids=grids)
        calibrate(graph, [example(seed) for seed in range(3)])
        snap(graph)
        refuse_inexact_sums("glance", graph)
        assert grids_of(graph) == grids
        zero_points = {int(fake.zero_point) for fake in activation_quantizers(graph).values()}
        assert (zero_points == {0}) == (grids == SYMMETRIC)
        stage = quantized(graph)
    convert(stage, example(), path, (["x"], ["logits"]), precision=precision)
    verdict = judge(path)
    assert verdict.whole == taken, verdict
    if not taken:
        assert verdict.taken == 0
        assert "Non-zero zero point" in verdict.refusals[0]
    elif grids == SYMMETRIC:
        seconds, processors, size = build_ahead(path, "8.6")
        assert size > 1000
        assert seconds > 0
        assert processors < MAX_BUILD_S
