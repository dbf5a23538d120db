"""How good a bundle is: the device code on video files, with and without the learned policy, and its teacher."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from rich.console import Console
from rich.progress import track
from rich.table import Table

import networks
from calibration.clips import LabelledClip, read_clips
from calibration.recipe import Recipe
from calibration.teacher import Teacher
from calibration.views import normalise
from edge.clip import read_clip, sample_video
from edge.errors import AdafocusError
from edge.files import replacing_file
from edge.preprocess import fit_frame
from edge.recognizer import Boxes, Frames, Recognizer

BEST = 5
RESAMPLES = 2000
INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Way:
    """One way of running a bundle."""

    boxes: Boxes
    frames: Frames
    stop_after: str


WAYS: dict[str, Way] = {
    "glance alone": Way("policy", "policy", "glance"),
    "centred boxes, uniform frames": Way("centre", "uniform", "focus"),
    "learned boxes, uniform frames": Way("policy", "uniform", "focus"),
    "centred boxes, chosen frames": Way("centre", "policy", "focus"),
    "learned policy": Way("policy", "policy", "focus"),
}


def read_label_map(path: Path | None, clips: list[LabelledClip], labels: tuple[str, ...]) -> list[int]:
    """Class index of every clip, through a YAML map from the clips' labels to the bundle's where one is given.

    Raises:
        AdafocusError: a label that the bundle does not know.
    """
    names = yaml.safe_load(path.read_text(encoding="utf-8")) if path is not None else {}
    wanted = [names.get(clip.label, clip.label) for clip in clips]
    unknown = sorted({name for name in wanted if name not in labels})
    if unknown:
        raise AdafocusError(
            f"The bundle has no label {', '.join(unknown[:5])}. Give --label-map, a YAML file with lines 'clip label: "
            "bundle label'."
        )
    return [labels.index(name) for name in wanted]


def evaluate_bundle(
    recognizer: Recognizer, clip_list: Path, split: str | None, label_map: Path | None
) -> dict[str, Any]:
    """Top-1 and top-5 over all classes for every way of :data:`WAYS`, with bootstrap intervals, paired.

    Returns:
        figures by way; ``against_centre`` is the paired difference of the learned policy to centred boxes and uniform
        frames in points.
    """
    clips = read_clips(clip_list, split)
    truth = np.array(read_label_map(label_map, clips, recognizer.bundle.manifest.labels))
    ranks: dict[str, list[int]] = {name: [] for name in WAYS}
    macs: dict[str, list[int]] = {name: [] for name in WAYS}
    for clip, label in track(list(zip(clips, truth, strict=True)), "evaluating"):
        decoded = read_clip(clip.path, recognizer.bundle.manifest.geometry)
        for name, way in WAYS.items():
            answer = recognizer.recognize_clip(
                decoded,
                boxes=way.boxes,
                frames=way.frames,
                stop_after=way.stop_after,  # type: ignore[arg-type]
            )
            ranks[name].append(int((answer.logits > answer.logits[label]).sum()))
            macs[name].append(answer.macs)
    right = {name: np.array(values) == 0 for name, values in ranks.items()}
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(clips), (RESAMPLES, len(clips)))
    figures = {
        name: {
            "top1_percent": _percent(right[name]),
            "top1_interval": _interval(right[name][draws].mean(1)),
            "top5_percent": _percent(np.array(ranks[name]) < BEST),
            "gmac": round(float(np.mean(macs[name])) / 1e9, 4),
        }
        for name in WAYS
    }
    learned, centred = right["learned policy"].astype(float), right["centred boxes, uniform frames"].astype(float)
    return {
        "clips": len(clips),
        "ways": figures,
        "against_centre": {
            "points": round(100 * float((learned - centred).mean()), 2),
            "interval": _interval((learned - centred)[draws].mean(1)),
        },
    }


def evaluate_teacher(
    checkpoint: Path,
    recipe: Recipe,
    clip_list: Path,
    split: str | None,
    label_map: Path | None,
    labels: tuple[str, ...],
) -> dict[str, Any]:
    """Top-1 of the float teacher of a recipe, on full frames of its own size and count."""
    teacher = Teacher(networks.PRESETS[recipe.preset].global_backbone, checkpoint)
    clips = read_clips(clip_list, split)
    truth = read_label_map(label_map, clips, labels)
    with torch.no_grad():
        best = [int(teacher(view).argmax()) for view in _teacher_views(clips, recipe)]
    right = np.array(best) == np.array(truth)
    return {"clips": len(clips), "top1_percent": _percent(right)}


def _teacher_views(clips: list[LabelledClip], recipe: Recipe) -> Iterator[torch.Tensor]:
    size, short_side = recipe.teacher_size, recipe.teacher_short_side
    for clip in track(clips, "teacher"):
        pixels = sample_video(clip.path, recipe.teacher_frames, lambda frame: fit_frame(frame, size, short_side))
        yield normalise(pixels, networks.PRESETS[recipe.preset])[None]


def _percent(right: np.ndarray) -> float:
    return round(100 * float(right.mean()), 2)


def _interval(means: np.ndarray) -> list[float]:
    return [round(100 * float(value), 2) for value in np.percentile(means, INTERVAL)]


def write_report(path: Path, content: dict[str, Any]) -> None:
    """Write figures as YAML beside their place, then rename."""
    with replacing_file(path) as beside:
        beside.write_text(yaml.safe_dump(content, sort_keys=False, width=120), encoding="utf-8")


def show(figures: dict[str, Any]) -> None:
    """Print figures as a table."""
    table = Table("way", "top-1 %", "95 % interval", "top-5 %", "GMAC", title=f"{figures['clips']} clips")
    for name, way in figures["ways"].items():
        low, high = way["top1_interval"]
        table.add_row(
            name,
            f"{way['top1_percent']:.1f}",
            f"{low:.1f} - {high:.1f}",
            f"{way['top5_percent']:.1f}",
            f"{way['gmac']:.3f}",
        )
    if "teacher" in figures:
        table.add_row("float teacher, full frames", f"{figures['teacher']['top1_percent']:.1f}", "", "", "")
    console = Console(highlight=False)
    console.print(table)
    difference = figures["against_centre"]
    low, high = difference["interval"]
    console.print(
        f"learned policy against centred boxes and uniform frames: {difference['points']:+.1f} points "
        f"(95 % interval {low:+.1f} to {high:+.1f})"
    )
