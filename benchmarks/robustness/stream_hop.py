"""Measure what a stream's glance costs a hop where it knows most frames already, beside that of a whole clip.

    python -m benchmarks.robustness.stream_hop VIDEO --work .cache/hop --out hop.json

The networks are presets with random weights, in int8 for LiteRT. The windows are those that ``adafocus stream`` would
cut. The glance of every window is computed twice, by turns: as one graph, and frame by frame with what is kept of
earlier windows. Then it is checked that nothing differs: for the variant that encodes each frame by itself from the
glance of every window, for the variant that looks at the past from the one pass of the trained program over all frames
since the stream began. Of a glance that sees frames on both sides it is counted how much of it sees single frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from adafocus import networks
from adafocus.calibration.quantization.model_file import StoredModel, load_model
from adafocus.calibration.quantization.qat import activation_quantizers, prepare, set_exponent, snap
from adafocus.calibration.quantization.tie_free_scales import reference_program
from adafocus.converters.export import Request, export
from adafocus.edge.bundle.bundle import Bundle, is_bundle
from adafocus.edge.commands import options
from adafocus.edge.incremental import FeatureStore
from adafocus.edge.prediction import Prediction
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.runtimes.tensors import dequantize
from adafocus.edge.sources import open_source
from adafocus.edge.streaming.window import Window
from adafocus.edge.video.clip import Clip
from adafocus.edge.video.kept_frames import Candidates
from adafocus.errors import AdafocusError
from adafocus.networks.backbones.inverted_residual import InvertedResidualNet
from adafocus.networks.backbones.x3d import X3D
from adafocus.networks.cost import count_macs
from benchmarks.harness import PATH, Benchmark, console, machine, median, option, out_option, rounded, write
from benchmarks.matrix import random_model

# preset -> its settings that are not the usual ones; the focus does not run, so it may be a small one
NETWORKS: dict[str, dict[str, Any]] = {
    "tsm-mbv2-r50-p96-8x8": {"shift": "past", "local_backbone": "mobilenet_v2"},
    "long-mbv2-r50-p96": {"local_backbone": "mobilenet_v2"},
}
RUNTIME = "litert"
# presets whose glance sees frames on both sides
BOTH_SIDES = ("tsm-mbv2-r50-p96-8x8", "x3d-xs-xs", "x3d-s-l-p128")
WARM_UP = 1
FRAMES = "frames"
FEATURES = "features"


def windows_of(video: Path, recognizer: Recognizer, window_s: float, hop_s: float) -> list[Clip]:
    """Return the clips of a stream's windows, a hop apart.

    Raises:
        AdafocusError: the video is too short for two windows.
    """
    geometry = recognizer.bundle.manifest.geometry
    window = Window(geometry, window_s, recurring=recognizer.incremental, numbered=recognizer.looks_back)
    source = open_source(str(video))
    clips, due_s = [], 0.0
    while source.grab():
        frame = source.retrieve() if window.wants(source.timestamp_s) else None
        cut = window.clip() if frame is not None and window.push(frame) and frame.timestamp_s >= due_s else None
        if frame is not None and cut is not None:
            due_s = frame.timestamp_s + hop_s
            # the arrays of a clip are the window's own
            candidates = Candidates(np.array(cut[0].candidates, np.uint8))
            clips.append(replace(cut[0], glance=cut[0].glance.copy(), candidates=candidates))
    source.close()
    if len(clips) < 2:
        raise AdafocusError(f"{video} has {len(clips)} windows of {window_s:g} s, expected two. Name a longer video.")
    return clips


def one_pass(model: StoredModel, frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute the features of any number of frames in one pass of the trained glance, which is made for T_G.

    Args:
        model: quantized; its glance looks at the past alone.
        frames: ``(n, 3, S, S)``, normalized.

    Returns:
        ``(n, C, h, w)``.
    """
    glance, given = torch.from_numpy(frames), activation_quantizers(model.prepared["glance"])
    longer = prepare(model.stages.glance, (torch.zeros_like(glance),), grids=model.grids)
    for name, fake in activation_quantizers(longer).items():
        observer = given[name].activation_post_process
        fake.activation_post_process.lowest.copy_(observer.lowest)
        set_exponent(fake, int(observer.exponent))
    snap(longer)
    with torch.no_grad():
        return reference_program(longer)(glance)[0].numpy()


def different(
    model: StoredModel, recognizer: Recognizer, clips: Sequence[Clip], found: Sequence[Prediction]
) -> dict[str, int]:
    """Count the numbers that are not those of one pass, and how many were compared.

    Args:
        model: from which the bundle was made.
        recognizer: that gave the predictions, frame by frame.
        clips: of the windows of one stream.
        found: their predictions.
    """
    table, specs = recognizer.glance_pixels, {s.name: s for s in recognizer.bundle.graph("glance", RUNTIME)[1].inputs}
    pictures: dict[int, NDArray[np.uint8]] = {}
    for clip in clips:
        for name, picture in zip(clip.glance_names or (), clip.glance, strict=True):
            pictures.setdefault(name, picture)
    first, last = min(pictures), max(pictures)
    whole = np.stack([pictures[name] for name in range(first, last + 1)])
    wanted = one_pass(model, dequantize(table.apply(whole), specs[FRAMES]))
    outputs = {spec.name: spec for spec in recognizer.bundle.graph("glance", RUNTIME)[1].outputs}
    wrong = compared = 0
    for clip, prediction in zip(clips, found, strict=True):
        given = dequantize(prediction.calls[0].inputs[FEATURES], outputs[FEATURES])
        rows = wanted[[name - first for name in clip.glance_names or ()]]
        wrong, compared = wrong + int((given != rows).sum()), compared + given.size
    return {"different": wrong, "compared": compared}


def unlike(found: Sequence[Prediction], wanted: Sequence[Prediction]) -> dict[str, int]:
    """Count the numbers of glances that differ, and how many were compared."""
    pairs = [
        (ours.calls[0].outputs[name], theirs.calls[0].outputs[name])
        for ours, theirs in zip(found, wanted, strict=True)
        for name in theirs.calls[0].outputs
        if name in ours.calls[0].outputs
    ]
    return {
        "different": sum(int((one != other).sum()) for one, other in pairs),
        "compared": sum(one.size for one, _ in pairs),
    }


def measure(
    bundle: Bundle, model: StoredModel, video: Path, window_s: float, hop_s: float, threads: int, turns: int
) -> dict[str, Any]:
    """Measure one bundle.

    Raises:
        AdafocusError: it has no glance for single frames, or the video is too short.
    """
    whole = Recognizer.open(bundle, RUNTIME, threads)
    parts = Recognizer.open(bundle, RUNTIME, threads, incremental=True)
    if not parts.incremental:
        raise AdafocusError(f"{bundle.shown} has no glance for single frames. Export it with --incremental.")
    clips = windows_of(video, parts, window_s, hop_s)
    spent: dict[str, list[float]] = {"whole": [], "hop": []}
    found: list[Prediction] = []
    wanted: list[Prediction] = []
    for turn in range(WARM_UP + turns):
        store, found, wanted = FeatureStore(), [], []
        for clip in clips:
            wanted.append(whole.recognize_clip(clip, stop_after="glance"))
            found.append(parts.recognize_clip(clip, glance_features=store, stop_after="glance"))
            if turn >= WARM_UP and len(found) > 1:
                spent["whole"].append(_glance_ms(wanted[-1]))
                spent["hop"].append(_glance_ms(found[-1]))
    first = unlike(found[:1], wanted[:1])
    later = different(model, parts, clips, found) if parts.looks_back else unlike(found, wanted)
    return {
        "window_s": window_s,
        "hop_s": hop_s,
        "threads": threads,
        "windows": len(clips),
        "turns": turns,
        "glance_frames": bundle.manifest.geometry.glance_frames,
        "encoded_each_hop": float(np.mean([one.glance_encoded for one in found[1:]])),
        "gmac": {
            "whole": wanted[-1].macs / 1e9,
            "hop": float(np.mean([one.macs for one in found[1:]])) / 1e9,
        },
        "ms": {name: median(values) for name, values in spent.items()},
        "percent": {
            "gmac": 100 * float(np.mean([one.macs for one in found[1:]])) / wanted[-1].macs,
            "ms": 100 * median([hop / all_of_it for hop, all_of_it in zip(spent["hop"], spent["whole"], strict=True)]),
        },
        "first_window": first,
        "beside": "one pass of the trained program" if parts.looks_back else "the glance of every window",
        "all_windows": later,
    }


def single_frame_percent(name: str) -> float:
    """Return how much of a preset's glance comes before it looks at other frames, in percent of its products."""
    config = networks.PRESETS[name]
    with torch.device("meta"):
        encoder = networks.from_config(config).global_encoder.eval()
        frames = torch.zeros(1, config.glance_frames, 3, config.glance_size, config.glance_size)
        alone: list[nn.Module] = []
        if isinstance(encoder, InvertedResidualNet):
            alone = [encoder.stem, *takewhile(lambda block: isinstance(block.shift, nn.Identity), encoder.blocks)]
        elif isinstance(encoder, X3D):
            alone = [encoder.stem_xy]
        seen = count_macs(nn.ModuleList(alone), lambda: encoder(frames))
        return 100 * seen / count_macs(encoder, lambda: encoder(frames))


def _glance_ms(prediction: Prediction) -> float:
    """Return the milliseconds of a glance from its pictures on."""
    return prediction.timing_ms["glance"] + prediction.timing_ms["pixels"]


def bundle_of(name: str, video: Path, work: Path, changes: dict[str, Any]) -> tuple[Bundle, StoredModel]:
    """Make a bundle of a preset with random weights; one that stands in ``work`` is taken.

    Raises:
        AdafocusError: it cannot be converted.
    """
    work.mkdir(parents=True, exist_ok=True)
    path = random_model(name, "int8", [video], work, **changes)
    out = work / path.stem
    if not is_bundle(out):
        exported = export(Request(path, out, "int8", [video], 1, [RUNTIME]))
        if exported.failed or exported.bundle is None:
            why = "; ".join(verdict.why for verdict in (*exported.verdicts.values(), *exported.parts.values()))
            raise AdafocusError(f"{path} cannot be converted: {why}")
    return Bundle.open(out), load_model(path)


@click.command(cls=Benchmark)
@click.argument("video", type=click.Path(path_type=Path, exists=True))
@click.option("--preset", "names", multiple=True, help="Measure this preset instead of all, repeatable.")
@option("--window", "window_s", default=4.0, type=click.FloatRange(min=0, min_open=True), help="Seconds of a window.")
@option("--hop", "hop_s", default=1.0, type=click.FloatRange(min=0, min_open=True), help="Seconds of a hop.")
@option("--turns", default=5, type=click.IntRange(1), help="Go through the video this many times.")
@options.threads
@option("--work", type=PATH, default=Path(".cache/hop"), help="Keep models and bundles in this folder.")
@out_option
def main(
    video: Path,
    names: tuple[str, ...],
    window_s: float,
    hop_s: float,
    turns: int,
    threads: int,
    work: Path,
    out: Path | None,
) -> None:
    """Time the glance of a stream's hops with and without what is known of earlier windows, on the frames of VIDEO."""
    unknown = sorted(set(names) - set(NETWORKS))
    if unknown:
        raise AdafocusError(f"{unknown[0]} has no glance that a stream can reuse, expected {' or '.join(NETWORKS)}.")
    found = {}
    for name in names or NETWORKS:
        changes = NETWORKS[name]
        bundle, model = bundle_of(name, video.resolve(), work, changes)
        found[name] = {"settings": changes, **measure(bundle, model, video, window_s, hop_s, threads, turns)}
        console.print(f"{name}: a hop takes {found[name]['percent']['ms']:.0f} % of a whole clip's glance")
    write(
        out,
        {
            "command": "python -m benchmarks.robustness.stream_hop VIDEO",
            "machine": machine(),
            "video": video.name,
            "networks": rounded(found),
            "single_frame_percent": rounded({name: single_frame_percent(name) for name in BOTH_SIDES}),
        },
    )


if __name__ == "__main__":
    main()
