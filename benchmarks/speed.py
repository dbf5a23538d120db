"""Time what each measure against slow graphs is worth, in one run.

    python -m benchmarks.speed --out results/speed.yaml

Every graph has random weights and is quantized in the same way; only its form differs. All of them take turns in one
process, so the ratios hold although the machine is shared. ``benchmarks.peers`` times them beside those of others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adafocus import networks
from adafocus.calibration.quantization.qat import calibrate, prepare, snap
from adafocus.converters.backends import executorch as executorch_target
from adafocus.converters.backends.registry import back_end
from adafocus.edge.bundle.manifest import GraphFile, Precision, Runtime
from adafocus.edge.commands import options
from adafocus.edge.runtimes import open_graph
from adafocus.networks.backbones import build_backbone
from adafocus.networks.lowering import rules
from adafocus.networks.lowering.encoders import lower_encoder
from adafocus.networks.lowering.heads import lower_head
from adafocus.networks.lowering.images import LoweredInvertedResidual, LoweredInvertedResidualNet
from adafocus.networks.lowering.x3d import LoweredSqueezeExcite, LoweredX3D, LoweredX3DBlock
from benchmarks.harness import Benchmark, console, medians, out_option, random_inputs, show, write

SEED = 3
WARM_UP, TURNS = 5, 30
NAMES = (("frames",), ("logits",))
Call = Callable[[], object]


class Classifier(nn.Module):
    """A lowered encoder and, where there is one, its head on ``(T, 3, S, S)``.

    ``float_logits``: its quantized form answers in float32, as that of shipped models does.
    """

    inputs, outputs = NAMES

    def __init__(self, encoder: nn.Module, head: nn.Module | None, *, float_logits: bool = False) -> None:
        super().__init__()
        self.float_outputs = self.outputs if float_logits else ()
        self.encoder, self.head = encoder, head

    def forward(self, frames: Tensor) -> tuple[Tensor]:
        """Classify one clip."""
        pooled = rules.clip_mean(self.encoder(frames))
        return ((pooled if self.head is None else self.head(pooled)).flatten(1),)


class FirstTaps(nn.Module):
    """Temporal taps on one tensor that is padded with zeros made at run time."""

    def __init__(self, taps: rules.TemporalTaps) -> None:
        super().__init__()
        self.taps, self.offsets, self.gap = taps.taps, taps.offsets, max(taps.offsets)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``(T, C, H, W)`` over time and space."""
        nothing = torch.zeros_like(x[: self.gap])
        padded = torch.cat((nothing, x, nothing), dim=0)
        starts = [self.gap + offset for offset in self.offsets]
        parts = [tap(padded[start : start + len(x)]) for tap, start in zip(self.taps, starts, strict=True)]
        return _added(parts)


def _added(parts: list[Tensor]) -> Tensor:
    """Add tensors one after the other."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


class FirstGate(LoweredSqueezeExcite):
    """A gate whose mean runs over frames, height and width at once."""

    def forward(self, x: Tensor) -> Tensor:
        """Gate ``(T, C, H, W)``."""
        return x * self.fc2(F.relu(self.fc1(x.mean((0, 2, 3), keepdim=True)))).sigmoid()


class FirstBlock(LoweredX3DBlock):
    """A block with the hard Swish, which int8 delegates leave outside."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(T, C, H, W)`` to ``(T, C', H/stride, W/stride)``."""
        y = self.conv_b(F.relu(self.conv_a(x)))
        y = self.conv_c(F.hardswish(y if self.se is None else self.se(y)))
        return F.relu((x if self.branch1 is None else self.branch1(x)) + y)


def x3d(name: str, frames: int, side_px: int, *, first_form: bool = False) -> Classifier:
    """Build an X3D classifier in today's form, or in the first that was tried."""
    torch.manual_seed(SEED)
    net = networks.build_classifier(name, 400).eval()
    encoder = LoweredX3D(net.encoder, frames, side_px)
    if first_form:
        encoder.stem_t = FirstTaps(encoder.stem_t)
        for stage in encoder.stages:
            for block in stage:
                block.__class__ = FirstBlock
                block.conv_b = FirstTaps(block.conv_b)
                if block.se is not None:
                    block.se.__class__ = FirstGate
    # times are compared with those of earlier files, whose logits were int8
    return Classifier(encoder, lower_head(net.head, float_logits=False)).eval()


def shifted(form: str, frames: int, side_px: int) -> Classifier:
    """Build MobileNetV2 with its temporal shift as ``convolution`` or ``slices``, or with ``none``."""
    torch.manual_seed(SEED)
    float_net = build_backbone("mobilenet_v2", None if form == "none" else 8).eval()
    encoder: LoweredInvertedResidualNet = lower_encoder(float_net, frames, side_px)
    if form == "slices":
        side = -(-side_px // 2)
        for block, source in zip(encoder.blocks, float_net.blocks, strict=True):
            assert isinstance(block, LoweredInvertedResidual)
            if isinstance(block.shift, rules.ChannelShiftByConvolution):
                block.shift = rules.ChannelShift(source.shift.fold, side)
            side = -(-side // source.depthwise.conv.stride[0])
    return Classifier(encoder, None).eval()


def made(
    module: nn.Module, clips: Sequence[Tensor], runtime: Runtime, precision: Precision, folder: Path
) -> tuple[Path, GraphFile, int | None]:
    """Convert a classifier; return its file, its description and how many delegates run it.

    Args:
        module: a lowered classifier.
        clips: ``(T, 3, S, S)`` each, to calibrate on; the first serves as the example.
        runtime: to convert for.
        precision: of the result.
        folder: for the file.
    """
    example = (clips[0],)
    target = back_end(runtime)
    converter = target.load()
    program = module
    if precision == "int8":
        graph = prepare(module, example)
        calibrate(graph, [(clip,) for clip in clips])
        snap(graph)
        program = converter.quantized(graph)
    path = folder / f"graph{target.suffix}"
    report = converter.convert(program, example, path, NAMES, precision=precision)
    return path, described(runtime, path, precision, report.macs), report.delegates


def noise(frames: int, side_px: int) -> list[Tensor]:
    """Return one clip of random numbers, ``(T, 3, S, S)``."""
    return [torch.randn(frames, 3, side_px, side_px)]


def described(runtime: Runtime, path: Path, precision: Precision, macs: int = 1) -> GraphFile:
    """Describe the tensors of a file that maps ``frames`` to ``logits``; 1 stands for operations nobody counted."""
    inputs, outputs = back_end(runtime).load().tensor_specs(path, NAMES)
    return GraphFile(
        file=path.name, sha256="0" * 64, bytes=path.stat().st_size, precision=precision,
        inputs=tuple(inputs), outputs=tuple(outputs), macs=macs,
    )  # fmt: skip


def graph_call(runtime: Runtime, path: Path, record: GraphFile, threads: int) -> Call:
    """Return a call of a graph on random numbers."""
    graph, arrays = open_graph(runtime, path, record, threads), random_inputs(record)
    return lambda: graph.run(arrays)


def measure(threads: int) -> dict[str, Any]:
    """Convert all forms, then let them take turns; return milliseconds, delegates and ratios."""
    torch.set_num_threads(threads)
    calls: dict[str, Call] = {}
    delegates: dict[str, int | None] = {}
    today = {"X3D-S 13x160": (x3d("x3d_s", 13, 160), 13, 160), "X3D-XS 4x160": (x3d("x3d_xs", 4, 160), 4, 160)}
    shifts = {form: (shifted(form, 8, 224), 8, 224) for form in ("convolution", "slices", "none")}
    jobs: list[tuple[str, nn.Module, int, int, Runtime, Precision]] = [
        ("X3D-S 13x160 int8, first form", x3d("x3d_s", 13, 160, first_form=True), 13, 160, "litert", "int8"),
        *((f"{name} {p}", *graph, "litert", p) for name, graph in today.items() for p in ("int8", "fp32")),
        *((f"MobileNetV2-TSM 8x224 int8, shift: {form}", *graph, "litert", "int8") for form, graph in shifts.items()),
        ("MobileNetV2-TSM 8x224 fp32", *shifts["convolution"], "litert", "fp32"),
        ("X3D-XS 4x160 int8, ExecuTorch", *today["X3D-XS 4x160"], "executorch", "int8"),
    ]  # type: ignore[list-item]
    with TemporaryDirectory(prefix="adafocus-speed-") as scratch:
        for index, (name, module, frames, side_px, runtime, precision) in enumerate(jobs):
            console.print(f"converting {name}")
            place = Path(scratch) / str(index)
            place.mkdir()
            path, record, delegates[name] = made(
                module, [torch.randn(frames, 3, side_px, side_px)], runtime, precision, place
            )
            calls[name] = graph_call(runtime, path, record, threads)
        own, executorch_target.CONFIGS = executorch_target.CONFIGS, executorch_target.ALL_PARTITIONER_CONFIGS
        name = "X3D-XS 4x160 int8, ExecuTorch, its own partitioner"
        module, frames, side_px = today["X3D-XS 4x160"]
        place = Path(scratch) / "library"
        place.mkdir()
        path, record, delegates[name] = made(
            module, [torch.randn(frames, 3, side_px, side_px)], "executorch", "int8", place
        )
        executorch_target.CONFIGS = own
        calls[name] = graph_call("executorch", path, record, threads)
        spent = medians(calls, WARM_UP, TURNS)
    return {"threads": threads, "turns": TURNS, "median_ms": spent, "delegates": delegates, "ratios": ratios(spent)}


def ratios(ms: dict[str, float]) -> dict[str, float]:
    """Return what the measures are worth: how many times faster, or slower by how much."""
    pairs = {
        "X3D-S 13x160 int8: first form / today's": ("X3D-S 13x160 int8, first form", "X3D-S 13x160 int8"),
        "X3D-S 13x160: fp32 / int8": ("X3D-S 13x160 fp32", "X3D-S 13x160 int8"),
        "X3D-XS 4x160: fp32 / int8": ("X3D-XS 4x160 fp32", "X3D-XS 4x160 int8"),
        "MobileNetV2-TSM: fp32 / int8": (
            "MobileNetV2-TSM 8x224 fp32",
            "MobileNetV2-TSM 8x224 int8, shift: convolution",
        ),
        "shift by convolution / without shift": (
            "MobileNetV2-TSM 8x224 int8, shift: convolution",
            "MobileNetV2-TSM 8x224 int8, shift: none",
        ),
        "shift by slices / without shift": (
            "MobileNetV2-TSM 8x224 int8, shift: slices",
            "MobileNetV2-TSM 8x224 int8, shift: none",
        ),
        "ExecuTorch: library's partitioner / int8 sigmoid and mean delegated": (
            "X3D-XS 4x160 int8, ExecuTorch, its own partitioner",
            "X3D-XS 4x160 int8, ExecuTorch",
        ),
    }
    return {name: round(ms[a] / ms[b], 3) for name, (a, b) in pairs.items() if a in ms and b in ms}


@click.command(cls=Benchmark)
@options.threads
@out_option
def main(threads: int, out: Path | None) -> None:
    """Time the forms of our graphs against each other. About ten minutes."""
    found = measure(threads)
    rows = [(name, found["delegates"].get(name, "-"), f"{ms:.2f}") for name, ms in found["median_ms"].items()]
    show(f"{threads} threads, {TURNS} turns", ("graph", "delegates", "median ms"), rows, found["ratios"])
    command = f"python -m benchmarks.speed --threads {threads} --out results/speed.yaml"
    write(out, {"command": command, "torch": str(torch.__version__), **found})
    click.echo("\nnext: adafocus bench BUNDLE VIDEO", err=True)


if __name__ == "__main__":
    main()
