"""Set a model whose policy network is float32 beside the same one with boxes placed in int8.

    python -m benchmarks.policies tests/assets/x3d-xs-xs-k400.safetensors --clips CLIPS.csv --out int8_policy.yaml

Glance and focus are the same bytes in both. The scales of the policy come from clips of the training split; labels,
frames and boxes are compared on another one. What a box that is moved by one pixel does to the labels stands beside
that. Both are timed in turns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from rich.progress import track

from adafocus.calibration.datasets.augmentation import normalize
from adafocus.calibration.quantization.model_file import StoredModel, load_model, save_model
from adafocus.calibration.quantization.qat import calibrate, prepare
from adafocus.calibration.quantization.quantized_network import hand_features_on
from adafocus.calibration.views.geometry import geometry_of
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import Runtime
from adafocus.edge.commands import options
from adafocus.edge.prediction import Prediction
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.video.clip import Clip, read_clip
from adafocus.errors import AdafocusError
from benchmarks.harness import (
    PATH,
    Benchmark,
    clips_of,
    console,
    option,
    out_option,
    show,
    split_option,
    take_turns,
    write,
)
from benchmarks.matrix import bundle_without_golden

RUNTIME: Runtime = "litert"
FLOAT, INT8 = "float32", "int8"
CALIBRATION_CLIPS = 100
TIMED_CLIPS, WARM_UP, TURNS = 10, 3, 20


def with_int8_policy(model: StoredModel, videos: Sequence[Path], out: Path) -> None:
    """Write a model again with its policy quantized after training; glance and focus stay as they are.

    Args:
        model: with a float policy.
        videos: real videos whose features decide the scales.
        out: model file to write.
    """
    geometry, stages = geometry_of(model.config), model.stages
    features = []
    with torch.no_grad():
        for video in track(videos, "features", console=console, transient=True):
            seen = normalize(read_clip(video, geometry).glance, model.config)
            features.append((model.prepared["glance"](seen)[0],))
    policy = prepare(stages.modules()["policy"], stages.examples("policy"))
    calibrate(policy, features)
    hand_features_on(model.prepared["glance"], policy)
    prepared = {**model.prepared, "policy": policy}
    save_model(out, prepared, {}, model.config, model.preset, model.labels, model.history)


def _answers(recognizer: Recognizer, clips: Sequence[Clip]) -> Iterator[Prediction]:
    """Yield what a bundle says of clips, none of which it leaves early."""
    for clip in track(clips, "answers", console=console, transient=True):
        yield recognizer.recognize_clip(clip)


def _milliseconds(recognizer: Recognizer, clip: Clip) -> dict[str, float]:
    """Return the milliseconds of a clip by part."""
    return recognizer.recognize_clip(clip).timing_ms


def _moved(recognizer: Recognizer, clip: Clip, found: Prediction) -> Prediction:
    """Recognize a clip again with the boxes that were found, moved by one pixel."""
    step = 1.0 / recognizer.bundle.manifest.geometry.frame_size
    boxes = found.boxes.copy()
    room = boxes[:, 0] + boxes[:, 2] + step <= 1.0
    boxes[:, 0] += np.where(room, step, -step).astype(boxes.dtype)
    return recognizer.recognize_clip(clip, boxes=boxes, frames=np.array(found.candidate_indices))


def compare(bundles: dict[str, Bundle], videos: Sequence[Path], threads: int) -> dict[str, Any]:
    """Return agreement on videos, and milliseconds of the policy."""
    ways = {name: Recognizer(bundle, RUNTIME, threads, None) for name, bundle in bundles.items()}
    geometry = ways[FLOAT].bundle.manifest.geometry
    clips = [read_clip(video, geometry) for video in track(videos, "decoding", console=console, transient=True)]
    ours, wanted = (list(_answers(ways[name], clips)) for name in (INT8, FLOAT))
    beside = [_moved(ways[FLOAT], clip, found) for clip, found in zip(clips, wanted, strict=True)]
    moved = np.array([np.abs(a.boxes - b.boxes).max() for a, b in zip(ours, wanted, strict=True)])
    spent = take_turns(
        {name: partial(_milliseconds, way) for name, way in ways.items()},
        clips[:TIMED_CLIPS],
        WARM_UP,
        TURNS,
    )
    return {
        "clips": len(clips),
        "same_label": sum(a.label == b.label for a, b in zip(ours, wanted, strict=True)),
        "same_label_after_a_pixel": sum(a.label == b.label for a, b in zip(beside, wanted, strict=True)),
        "same_frames": sum(a.candidate_indices == b.candidate_indices for a, b in zip(ours, wanted, strict=True)),
        "box_px": {
            "median": round(float(np.median(moved)) * geometry.frame_size, 2),
            "largest": round(float(moved.max()) * geometry.frame_size, 2),
        },
        "policy_ms": {
            name: round(float(np.median([row["policy"] for row in rows])), 3) for name, rows in spent.items()
        },
        "policy_mb": {
            name: round(bundle.graph("policy", RUNTIME)[1].bytes / 1e6, 2) for name, bundle in bundles.items()
        },
    }


@click.command(cls=Benchmark)
@click.argument("model", type=PATH)
@click.option(
    "--clips", "lists", required=True, multiple=True, type=PATH, help="Take the clips of this list, again for more."
)
@option("--train-split", default="train", help="Take the clips that decide the scales from this split.")
@split_option
@options.threads
@option("--work", type=PATH, default=Path(".cache/policies"), help="Keep the files made on the way in this folder.")
@out_option
def main(
    model: Path, lists: tuple[Path, ...], train_split: str, split: str, threads: int, work: Path, out: Path | None
) -> None:
    """Compare MODEL, whose policy is float32, with the same one whose boxes are placed in int8."""
    stored = load_model(model)
    if stored.stages.policy is None or "policy" in stored.prepared:
        raise AdafocusError(
            f"{model} has no policy network in float32, expected one, such as tests/assets/x3d-xs-xs-k400.safetensors."
        )
    training, videos = ([video for clips in lists for video in clips_of(clips, name)] for name in (train_split, split))
    work.mkdir(parents=True, exist_ok=True)
    made = work / f"{model.stem}-int8-policy.safetensors"
    with_int8_policy(stored, training[:: max(1, len(training) // CALIBRATION_CLIPS)][:CALIBRATION_CLIPS], made)
    bundles = {
        name: bundle_without_golden(path, path.stem, work / path.stem, "int8", (RUNTIME,), videos[0].name)[1]
        for name, path in ((FLOAT, model), (INT8, made))
    }
    found = compare(bundles, videos, threads)
    rows = [(name, found["policy_ms"][name], found["policy_mb"][name]) for name in (FLOAT, INT8)]
    agreed = {key: found[key] / found["clips"] for key in ("same_label", "same_label_after_a_pixel", "same_frames")}
    show(f"{model.stem}, {found['clips']} clips", ("policy", "ms", "MB"), rows, agreed)
    write(
        out, {"command": f"python -m benchmarks.policies {model.name} --clips CLIPS.csv", "threads": threads, **found}
    )


if __name__ == "__main__":
    main()
