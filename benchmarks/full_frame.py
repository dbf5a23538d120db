"""Measure what the policy saves, against the same two networks on full frames without one.

    python -m benchmarks.full_frame VIDEO ... --out full_frame.yaml

The full-frame pair looks at its uniform frames with the glance network, then at the same frames, uncropped, with the
focus network, both at the side of the frames that the policy cuts patches from, and adds both predictions ("TSM+" in
the paper's tables, arXiv 2412.11228). It is timed as int8 files in the same runtime, and as the float network in eager
PyTorch, which is what the official code runs. Everything is counted that happens between decoded frames in memory and
the prediction: resizing, pixel tables, selection, crop, Python and the runtime.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from adafocus import networks
from adafocus.calibration.quantization.model_file import load_model
from adafocus.converters.backends import litert
from adafocus.converters.backends.registry import Report, back_end
from adafocus.converters.workers import convert_graphs, graph_name
from adafocus.edge.bundle.bundle import MANIFEST, Bundle
from adafocus.edge.bundle.files import sha256_of, size_of
from adafocus.edge.bundle.manifest import GraphFile, Runtime, Stage, TensorSpec
from adafocus.edge.bundle.validation import parse_manifest
from adafocus.edge.commands import options
from adafocus.edge.policy import uniform_indices
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.runtimes import open_graph
from adafocus.edge.runtimes.tensors import convert, dequantize
from adafocus.edge.sources import open_finite
from adafocus.edge.sources.source import Frame
from adafocus.edge.video.clip import clip_from_frames
from adafocus.edge.video.preprocess import PixelTable, fit_frame
from adafocus.errors import AdafocusError
from benchmarks.harness import PATH, Benchmark, console, option, out_option, show, take_turns, write
from benchmarks.matrix import bundle_without_golden, random_model

RUNTIME: Runtime = "litert"
PAIR: tuple[Stage, ...] = ("glance", "focus")
WARM_UP, TURNS = 3, 10
# until the idle threads of one way no longer wait busily, which would slow down the next
REST_S = 0.1
HOST = ("resize", "pixels", "select", "crop", "other")


@dataclass(frozen=True)
class Timed:
    """Logits ``(K,)`` and milliseconds by part."""

    logits: NDArray[np.float32]
    parts_ms: dict[str, float]


Clip = Sequence[Frame]


class FullFramePair:
    """Both networks as converted files, on the same full frames, without a policy."""

    def __init__(self, folder: Path, net: networks.NetworkConfig, model_path: Path, threads: int) -> None:
        self.config = net
        model = load_model(model_path)
        outcomes = _converted(model_path, folder, PAIR)
        self.graphs = {}
        for stage in PAIR:
            path, module = folder / graph_name(stage, RUNTIME), model.stages.modules()[stage]
            inputs, outputs = back_end(RUNTIME).load().tensor_specs(path, (module.inputs, module.outputs))
            record = GraphFile(
                file=path.name, sha256=sha256_of(path), bytes=size_of(path), precision="int8",
                inputs=tuple(inputs), outputs=tuple(outputs), macs=outcomes[stage],
            )  # fmt: skip
            self.graphs[stage] = open_graph(RUNTIME, path, record, threads)
        self.macs = sum(outcomes.values())
        glance, focus = self.graphs["glance"], self.graphs["focus"]
        self._tables = [_table(graph.inputs[0], net) for graph in (glance, focus)]
        self._contexts = _named(glance.outputs, "context"), _named(focus.inputs, "context")
        self._logits = _named(focus.outputs, "logits")

    def predict(self, frames: Clip) -> Timed:
        """Classify decoded frames."""
        config, laps = self.config, [time.perf_counter()]
        chosen = uniform_indices(len(frames), config.focus_frames)
        pictures = np.stack([_fitted(frames[i].pixels, config) for i in chosen.tolist()])
        laps.append(time.perf_counter())
        pixels = self._tables[0].apply(pictures)
        laps.append(time.perf_counter())
        glance = self.graphs["glance"].run({"frames": pixels})
        laps.append(time.perf_counter())
        handed = convert(glance["context"], *self._contexts)
        pixels = self._tables[1].apply(pictures)
        laps.append(time.perf_counter())
        focus = self.graphs["focus"].run({"patches": pixels, "context": handed})
        laps.append(time.perf_counter())
        logits = dequantize(focus["logits"], self._logits).reshape(-1)
        spent = 1e3 * np.diff(laps)
        names = ("resize", "pixels", "glance", "more pixels", "focus")
        return Timed(logits, dict(zip(names, spent.tolist(), strict=True)))


class FloatPair:
    """The same pair as the float network, in eager PyTorch."""

    def __init__(self, preset: str, threads: int) -> None:
        torch.set_num_threads(threads)
        self.net = networks.build(preset).eval()

    @torch.no_grad()
    def predict(self, frames: Clip) -> Timed:
        """Classify decoded frames."""
        config, started = self.net.config, time.perf_counter()
        chosen = uniform_indices(len(frames), config.focus_frames)
        pictures = np.stack([_fitted(frames[i].pixels, config) for i in chosen.tolist()])
        resized = time.perf_counter()
        pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
        mean, std = (torch.tensor(values)[:, None, None] for values in (config.mean, config.std))
        clip = ((pixels - mean) / std)[None]
        pooled, local = self.net.global_encoder(clip).mean((3, 4)), self.net.local_encoder(clip).mean((3, 4))
        logits = self.net.exit_logits(pooled, local)[0, -1].numpy()
        done = time.perf_counter()
        return Timed(logits, {"resize": 1e3 * (resized - started), "network": 1e3 * (done - resized)})


class WithPolicy:
    """The preset as it is meant, by the device code."""

    def __init__(self, bundle: Bundle, threads: int) -> None:
        self.recognizer = Recognizer(bundle, RUNTIME, threads, None)

    def predict(self, frames: Clip) -> Timed:
        """Classify decoded frames; none of the exits but the last is taken."""
        clip = clip_from_frames(frames, self.recognizer.bundle.manifest.geometry, fps=1.0)
        found = self.recognizer.recognize_clip(clip)
        return Timed(
            found.logits, {name: ms for name, ms in found.timing_ms.items() if name not in ("decode", "total")}
        )


def measure(preset: str, videos: Sequence[Path], threads: int, work: Path) -> dict[str, Any]:
    """Let the three ways take turns on real clips, and return milliseconds, GMAC and ratios.

    Raises:
        AdafocusError: the preset is no ``tsm`` network whose glance and focus see equally many frames.
    """
    config = networks.preset(preset)
    if config.variant != "tsm" or config.glance_frames != config.focus_frames:
        raise AdafocusError(
            f"{preset} looks at {config.glance_frames} frames in the glance and at {config.focus_frames} in the focus "
            f"({config.variant}), expected a tsm preset with equally many, such as tsm-mbv2-r50-p96-8x8."
        )
    work.mkdir(parents=True, exist_ok=True)
    sizes = {"patch_size": config.frame_size, "glance_size": config.frame_size}
    full = config.override(**sizes)
    full_model = random_model(preset, "int8", videos, work, **sizes)
    ways: dict[str, Any] = {
        "policy, int8": WithPolicy(_bundle(preset, videos, work), threads),
        "full frames, int8": FullFramePair(work / f"{preset}-full", full, full_model, threads),
        "full frames, float PyTorch": FloatPair(preset, threads),
    }
    clips = [decoded(video) for video in videos]
    spent = take_turns({name: _rested(way.predict) for name, way in ways.items()}, clips, WARM_UP, TURNS)
    gmac = {
        "policy, int8": ways["policy, int8"].recognizer.exit_macs[-1],
        "full frames, int8": ways["full frames, int8"].macs,
    }
    return _report(preset, spent, gmac, len(clips), threads)


def _rested(predict: Callable[[Clip], Timed]) -> Callable[[Clip], dict[str, float]]:
    """Return a call that gives the milliseconds by part, and rests after it."""

    def call(frames: Clip) -> dict[str, float]:
        parts = predict(frames).parts_ms
        time.sleep(REST_S)
        return parts

    return call


def _report(
    preset: str, spent: dict[str, list[dict[str, float]]], macs: dict[str, int], clips: int, threads: int
) -> dict[str, Any]:
    """Return medians and ratios of what was measured; the ways stand in the order policy, full frames, float."""
    totals = {name: [sum(parts.values()) for parts in rows] for name, rows in spent.items()}
    median = {name: float(np.median(values)) for name, values in totals.items()}
    ours, pair, eager = median
    parts = {
        name: {part: round(float(np.median([row[part] for row in rows])), 3) for part in rows[0]}
        for name, rows in spent.items()
    }
    gmac_ratio = macs[pair] / macs[ours]
    return {
        "preset": preset,
        "threads": threads,
        "clips": clips,
        "turns": TURNS,
        "gmac": {name: round(value / 1e9, 3) for name, value in macs.items()},
        "median_ms": {name: round(value, 2) for name, value in median.items()},
        "parts_ms": parts,
        "ratios": {
            "GMAC: full frames / policy": round(gmac_ratio, 3),
            "time: full frames int8 / policy int8": round(median[pair] / median[ours], 3),
            "time: full frames float PyTorch / policy int8": round(median[eager] / median[ours], 3),
        },
        "lost": _lost(parts[ours], parts[pair], gmac_ratio),
    }


def _lost(ours: dict[str, float], pair: dict[str, float], gmac_ratio: float) -> dict[str, float]:
    """Return the milliseconds of the policy beyond its share of the GMAC, by where they go."""
    fair = (pair["glance"] + pair["focus"]) / gmac_ratio
    network = ours["glance"] + ours["policy"] + ours["focus"]
    return {
        "at the pair's own GMAC/s the networks would take": round(fair, 3),
        "slower GMAC/s of glance, policy and small patches": round(network - fair, 3),
        "host: resizing, pixels, selection, crop, Python": round(sum(ours[part] for part in HOST), 3),
    }


def _bundle(preset: str, videos: Sequence[Path], work: Path) -> Bundle:
    """Return the preset's LiteRT files as a bundle; what is there already is not made again."""
    folder = work / f"{preset}-litert"
    if (folder / MANIFEST).is_file():
        return Bundle(folder, parse_manifest((folder / MANIFEST).read_text(encoding="utf-8"), folder))
    path = random_model(preset, "int8", videos, work)
    return bundle_without_golden(path, preset, folder, "int8", (RUNTIME,), videos[0].name)[1]


def _converted(model_path: Path, folder: Path, stages: Sequence[Stage]) -> dict[Stage, int]:
    """Convert stages that are not there yet, and return the multiply-accumulates of each."""
    missing = [stage for stage in stages if not (folder / graph_name(stage, RUNTIME)).is_file()]
    for (_, stage), outcome in convert_graphs(model_path, folder, "int8", (RUNTIME,), missing).items():
        if not isinstance(outcome, Report):
            raise AdafocusError(f"The {stage} on full frames cannot be converted: {outcome}.")
    return {stage: litert.report(folder / graph_name(stage, RUNTIME)).macs for stage in stages}


def decoded(video: Path) -> list[Frame]:
    """Read every frame of a video, ``(H, W, 3)`` uint8 BGR, into memory."""
    frames = []
    with closing(open_finite(video)) as source:
        while source.grab():
            frame = source.retrieve()
            if frame is not None:
                frames.append(Frame(frame.pixels.copy(), frame.number, frame.timestamp_s, frame.source))
    return frames


def _fitted(frame: NDArray[np.uint8], config: networks.NetworkConfig) -> NDArray[np.uint8]:
    """Resize and crop a frame as the device does, and return it as RGB."""
    return cv2.cvtColor(fit_frame(frame, config.frame_size, config.short_side_px), cv2.COLOR_BGR2RGB)


def _table(spec: TensorSpec, config: networks.NetworkConfig) -> PixelTable:
    """Return the table from pixels to the numbers of an input."""
    return PixelTable.build(config.mean, config.std, spec.dtype, spec.scale, spec.zero_point)


def _named(specs: Sequence[TensorSpec], name: str) -> TensorSpec:
    """Return the tensor of a name."""
    return next(spec for spec in specs if spec.name == name)


@click.command(cls=Benchmark)
@click.argument("videos", nargs=-1, required=True, type=PATH)
@option("--preset", default="tsm-mbv2-r50-p96-8x8", help="Time this preset, one of the variant tsm.")
@options.threads
@option("--work", type=PATH, default=Path(".cache/full-frame"), help="Keep the files made on the way in this folder.")
@out_option
def main(videos: tuple[Path, ...], preset: str, threads: int, work: Path, out: Path | None) -> None:
    """Time a preset on VIDEOS against the same two networks on full frames without a policy. Weights are random."""
    found = measure(preset, videos, threads, work)
    rows = [
        (name, found["gmac"].get(name, "-"), f"{ms:.2f}", ", ".join(f"{k} {v:.2f}" for k, v in parts.items()))
        for (name, ms), parts in zip(found["median_ms"].items(), found["parts_ms"].values(), strict=True)
    ]
    show(f"{preset}, {threads} threads", ("way", "GMAC", "median ms", "parts"), rows, found["ratios"])
    for name, ms in found["lost"].items():
        console.print(f"{name}: {ms:.2f} ms", style="dim")
    command = f"python -m benchmarks.full_frame --preset {preset} --threads {threads} VIDEO ..."
    write(out, {"command": command, "torch": str(torch.__version__), **found})
    click.echo("\nnext: adafocus bench BUNDLE VIDEO", err=True)


if __name__ == "__main__":
    main()
