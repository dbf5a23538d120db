"""The quantized network beside the float one: what it loses on the same clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from rich.progress import track

from adafocus.calibration.datasets import FrameCache
from adafocus.calibration.quantization.quantized_network import QuantizedNetwork, View
from adafocus.calibration.training.losses import kl_divergence
from adafocus.calibration.training.tasks import AdaFocusTask
from adafocus.networks.lowering import LoweredInference, LoweredStages, run_stages

POINTS = 100.0


@dataclass(frozen=True)
class Comparison:
    """The quantized network beside the float one on the same clips.

    Frames and boxes are those of a policy network; where the policy is none, both networks are given the same ones.

    Attributes:
        clips: how many.
        float_right: share that the float network gets right, or 1 where clips have no labels.
        int8_right: share that the quantized one gets right, or that agrees with the float one.
        same_label: share of the clips with the same best label.
        same_frames: share of the chosen frames that both choose.
        largest_box_px: largest difference of a side or corner of a box, in pixels of the frame.
        divergence: of the last logits, in nats.
    """

    clips: int
    float_right: float
    int8_right: float
    same_label: float
    same_frames: float
    largest_box_px: float
    divergence: float

    @property
    def lost_points(self) -> float:
        """Points lost to quantization."""
        return POINTS * (self.float_right - self.int8_right)


class CachedClips:
    """Cached clips of one split as a network's inputs."""

    def __init__(self, task: AdaFocusTask, cache: FrameCache, classes: Sequence[tuple[int, ...]]) -> None:
        self.task, self.cache, self.classes = task, cache, classes
        self.usable = cache.usable()

    def view(self, index: int, rng: np.random.Generator | None = None) -> View:
        """Return glance and candidates of a clip; those of inference without ``rng``."""
        glance, candidates = self.task.inputs(self.cache.read(index), rng)
        return glance, candidates


class FloatAnswers:
    """What the float network says of clips as a device sees them; each clip is asked about once."""

    def __init__(self, stages: LoweredStages, clips: CachedClips) -> None:
        self.stages, self.clips = stages, clips
        self._modules = stages.modules()
        self._known: dict[int, LoweredInference] = {}

    @torch.no_grad()
    def ask(self, index: int) -> LoweredInference:
        """Return what it says of a clip."""
        if index not in self._known:
            self._known[index] = run_stages(self._modules, self.stages.config, *self.clips.view(index))
        return self._known[index]


def compare(answers: FloatAnswers, quantized: QuantizedNetwork, chosen: Sequence[int]) -> Comparison:
    """Run the quantized network on clips beside the float one."""
    clips, side = answers.clips, answers.stages.config.frame_size
    rows: list[tuple[float, ...]] = []
    for index in track(chosen, "float beside int8"):
        reference = answers.ask(index)
        with torch.no_grad():
            rows.append(_row(reference, quantized(*clips.view(index)), clips.classes[index], side))
    right, kept, label, frames, box, moved = np.array(rows).T
    return Comparison(
        clips=len(rows),
        float_right=float(right.mean()),
        int8_right=float(kept.mean()),
        same_label=float(label.mean()),
        same_frames=float(frames.mean()),
        largest_box_px=float(box.max()),
        divergence=float(moved.mean()),
    )


def _row(
    reference: LoweredInference, quantized: LoweredInference, classes: tuple[int, ...], side: int
) -> tuple[float, ...]:
    best, other = int(reference.stage_logits[-1].argmax()), int(quantized.stage_logits[-1].argmax())
    chosen, others = set(reference.frame_indices.tolist()), set(quantized.frame_indices.tolist())
    moved = (reference.boxes - quantized.boxes).abs()
    return (
        float(best in classes) if classes else 1.0,
        float(other in classes) if classes else float(best == other),
        float(best == other),
        len(chosen & others) / len(chosen) if chosen else 1.0,
        side * float(moved.max()) if moved.numel() else 0.0,
        float(kl_divergence(quantized.stage_logits[-1:], reference.stage_logits[-1:])),
    )
