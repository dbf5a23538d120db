"""The whole of ``adafocus quantize``: scales from real clips, training under quantization, and what it costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from rich.progress import Progress, track
from torch import Tensor

from adafocus.calibration.datasets import CacheSettings, FrameCache, read_clips
from adafocus.calibration.quantization.model_file import save_model
from adafocus.calibration.quantization.network import QuantizedNetwork, View, stage_inputs
from adafocus.calibration.quantization.sensitivity import LayerSensitivity, rank_layers
from adafocus.calibration.report_file import write_report
from adafocus.calibration.training.checkpoint import TrainedNetwork, load_network
from adafocus.calibration.training.data import class_indices
from adafocus.calibration.training.losses import divergence
from adafocus.calibration.training.run import make_room
from adafocus.calibration.training.tasks import AdaFocusTask, build_task
from adafocus.edge.bundle.files import replacing_file, sha256_of
from adafocus.errors import AdafocusError
from adafocus.networks.lowering import LoweredInference, LoweredStages, lower, run_stages

PACKAGES = ("torch", "torchao", "executorch", "numpy", "opencv-python")
CHECKPOINT = "quantizing.pt"
CHECKPOINT_EVERY = 10
GRADIENT_NORM = 5.0
NOISE_CLIPS = 4
POINTS = 100.0


@dataclass(frozen=True)
class Settings:
    """How a network is quantized.

    Attributes:
        calibration_clips: clips that decide the scales, at most.
        steps: of training under fake quantization; 0 for post-training quantization alone.
        batch: clips per step.
        learning_rate: peak of AdamW, cosine decay.
        bound_points: of the clips right (or, without labels, of the float network's answers) that may be lost; layers
            stay float, the most sensitive first, until no more is lost.
        seed: of every draw.
    """

    calibration_clips: int = 100
    steps: int = 0
    batch: int = 8
    learning_rate: float = 2e-5
    bound_points: float = 0.5
    seed: int = 1


@dataclass(frozen=True)
class Comparison:
    """The quantized network beside the float one on the same clips.

    Attributes:
        clips: how many.
        float_right: share that the float network gets right, or 1 where clips have no labels.
        int8_right: share that the quantized one gets right, or that agrees with the float one.
        same_label: share of the clips with the same best label.
        same_frames: share of the chosen frames that both choose.
        largest_box_px: largest difference of a side or corner of a box, in pixels of the frame.
        divergence: of the last answer, in nats.
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


class Clips:
    """Cached clips of one split as a network's inputs."""

    def __init__(self, task: AdaFocusTask, cache: FrameCache, classes: Sequence[tuple[int, ...]]) -> None:
        self.task, self.cache, self.classes = task, cache, classes
        self.usable = cache.usable()

    def view(self, index: int, rng: np.random.Generator | None = None) -> View:
        """Glance and candidates of a clip; the centre without ``rng``."""
        glance, candidates = self.task.inputs(self.cache.read(index), rng)
        return glance, candidates

    def spread(self, most: int) -> list[int]:
        """At most so many clips, evenly over all."""
        places = np.unique(np.linspace(0, len(self.usable) - 1, min(most, len(self.usable))).astype(int))
        return [self.usable[place] for place in places]


def compare(stages: LoweredStages, quantized: QuantizedNetwork, clips: Clips, chosen: Sequence[int]) -> Comparison:
    """Run both networks on clips as a device sees them."""
    modules = stages.modules()
    side = stages.config.frame_size
    rows: list[tuple[float, ...]] = []
    for index in track(chosen, "float beside int8"):
        glance, candidates = clips.view(index)
        with torch.no_grad():
            wanted = run_stages(modules, stages.config, glance, candidates)
            given = quantized(glance, candidates)
        rows.append(_row(wanted, given, clips.classes[index], side))
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


def _row(wanted: LoweredInference, given: LoweredInference, classes: tuple[int, ...], side: int) -> tuple[float, ...]:
    best, other = int(wanted.stage_logits[-1].argmax()), int(given.stage_logits[-1].argmax())
    common = len(set(wanted.frame_indices.tolist()) & set(given.frame_indices.tolist()))
    return (
        float(best in classes) if classes else 1.0,
        float(other in classes) if classes else float(best == other),
        float(best == other),
        common / len(wanted.frame_indices),
        side * float((wanted.boxes - given.boxes).abs().max()),
        float(divergence(given.stage_logits[-1:], wanted.stage_logits[-1:])),
    )


def distillation_loss(wanted: LoweredInference, given: LoweredInference) -> Tensor:
    """How far a quantized network is from its float twin on one clip: every exit, the boxes, the frame weights."""
    policy = F.mse_loss(given.boxes, wanted.boxes) + F.mse_loss(
        given.frame_weights.clamp(min=1e-9).log(), wanted.frame_weights.clamp(min=1e-9).log()
    )
    return divergence(given.stage_logits, wanted.stage_logits) + policy


class Quantizing:
    """Quantization-aware training of a network towards its own float answers; taken up where it stopped."""

    def __init__(self, stages: LoweredStages, quantized: QuantizedNetwork, settings: Settings, folder: Path) -> None:
        self.stages, self.quantized, self.settings, self.folder = stages, quantized, settings, folder
        self.step = 0
        parameters = [p for graph in quantized.prepared().values() for p in graph.parameters()]
        self.optimizer = torch.optim.AdamW(parameters, settings.learning_rate, weight_decay=0.0)
        path = folder / CHECKPOINT
        if path.exists():
            state = torch.load(path, weights_only=True)
            if state["settings"] != asdict(settings):
                raise AdafocusError(f"{folder} holds a run with other settings. Give an empty --work folder.")
            quantized.load_state_dict(state["network"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step = state["step"]

    def run(self, clips: Clips, until: int | None = None) -> list[float]:
        """Train to the end, or to a step; the loss of every step done."""
        last = self.settings.steps if until is None else until
        told = []
        with Progress() as progress:
            bar = progress.add_task("quantization-aware training", total=last, completed=self.step)
            while self.step < last:
                told.append(self._train_step(clips))
                self.step += 1
                progress.update(bar, completed=self.step, description=f"quantization-aware training, {told[-1]:.4f}")
                if self.step % CHECKPOINT_EVERY == 0 or self.step == last:
                    self.save()
        return told

    def save(self) -> None:
        """Write what the run needs to go on."""
        state = {
            "network": self.quantized.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "settings": asdict(self.settings),
        }
        with replacing_file(self.folder / CHECKPOINT) as beside:
            torch.save(state, beside)

    def _train_step(self, clips: Clips) -> float:
        settings = self.settings
        rng = np.random.default_rng((settings.seed, self.step))
        modules = self.stages.modules()
        share = 0.5 * (1.0 + math.cos(math.pi * self.step / settings.steps))
        for group in self.optimizer.param_groups:
            group["lr"] = settings.learning_rate * share
        self.optimizer.zero_grad()
        total = 0.0
        for index in rng.choice(clips.usable, settings.batch, replace=len(clips.usable) < settings.batch):
            glance, candidates = clips.view(int(index), rng)
            with torch.no_grad():
                wanted = run_stages(modules, self.stages.config, glance, candidates)
            loss = distillation_loss(wanted, self.quantized(glance, candidates)) / settings.batch
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_([p for g in self.optimizer.param_groups for p in g["params"]], GRADIENT_NORM)
        self.optimizer.step()
        return total


def find_kept_float(
    ranking: Sequence[LayerSensitivity], measure: Callable[[dict[str, list[str]]], float], bound_points: float
) -> dict[str, list[str]]:
    """The shortest start of a ranking whose layers, kept float, bring the loss within a bound.

    Args:
        ranking: layers, the most sensitive first.
        measure: stage -> layers kept float, to points lost.
        bound_points: that may be lost.

    Raises:
        AdafocusError: not even a float network of the ranking's layers is within the bound.
    """
    if measure({}) <= bound_points:
        return {}
    low, high = 0, 1
    while high < len(ranking) and measure(by_stage(ranking[:high])) > bound_points:
        low, high = high, 2 * high
    high = min(high, len(ranking))
    if high == len(ranking) and measure(by_stage(ranking)) > bound_points:
        raise AdafocusError(
            f"More than {bound_points:g} points are lost even with every layer's weights in float: the activations "
            "cost them. Train under quantization: --steps 100, or allow more: --bound."
        )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if measure(by_stage(ranking[:middle])) <= bound_points else (middle, high)
    return by_stage(ranking[:high])


def by_stage(layers: Sequence[LayerSensitivity]) -> dict[str, list[str]]:
    """Names of layers by stage."""
    found: dict[str, list[str]] = {}
    for row in layers:
        found.setdefault(row.stage, []).append(row.layer)
    return found


@dataclass(frozen=True)
class Request:
    """What to quantize, with which clips, and where to.

    Attributes:
        checkpoint: of ``adafocus train``.
        sources: clip sets.
        split: that decides the scales and teaches.
        judged_split: that judges; None for the clips that calibrate.
        settings: how.
        layer_report: whether every layer's noise is measured, which takes some minutes.
        work: folder of the run.
        cache: folder of decoded clips.
        out: model file to write.
        report: YAML to write, or None.
    """

    checkpoint: Path
    sources: Sequence[Path]
    split: str | None
    judged_split: str | None
    settings: Settings
    layer_report: bool
    work: Path
    cache: Path
    out: Path
    report: Path | None


def quantize(request: Request) -> dict[str, Any]:
    """Quantize a checkpoint into a model file.

    Returns:
        the report: both networks side by side, the layers, what stayed float.

    Raises:
        AdafocusError: something given is missing or does not fit, or the bound cannot be met.
    """
    trained = load_network(request.checkpoint)
    settings = request.settings
    make_room(request.work, request.out)
    teaching, judging = (_clips(request, trained, split) for split in (request.split, request.judged_split))
    stages = lower(trained.net)
    calibrating = teaching.spread(settings.calibration_clips)
    inputs = stage_inputs(stages, (teaching.view(index) for index in track(calibrating, "calibration clips")))
    judged = judging.usable if request.judged_split is not None else calibrating

    quantized = QuantizedNetwork(lower(trained.net))
    quantized.calibrate(inputs)
    after_training = compare(stages, quantized, judging, judged)
    losses: list[float] = []
    if settings.steps:
        losses = Quantizing(stages, quantized, settings, request.work).run(teaching)
    found = compare(stages, quantized, judging, judged) if settings.steps else after_training
    few = {stage: calls[:NOISE_CLIPS] for stage, calls in inputs.items()}
    ranking = rank_layers(quantized.prepared(), few) if request.layer_report or _exceeds(found, settings) else []
    kept: dict[str, list[str]] = {}
    if _exceeds(found, settings):

        def measure(layers: dict[str, list[str]]) -> float:
            with quantized.with_float_weights(layers) as tried:
                return compare(stages, tried, judging, judged).lost_points

        kept = find_kept_float(ranking, measure, settings.bound_points)
        mixed = QuantizedNetwork(lower(trained.net), kept)
        mixed.take_from(quantized)
        quantized, found = mixed, compare(stages, mixed, judging, judged)
    report = {
        "checkpoint": request.checkpoint.name,
        "settings": asdict(settings),
        "calibration_clips": len(calibrating),
        "judged": {"split": request.judged_split or request.split, **_told(found)},
        "post_training": _told(after_training),
        "training_losses": [round(value, 5) for value in losses],
        "kept_float": kept,
        "layers": [
            {
                **asdict(row),
                "signal_to_noise_db": round(row.signal_to_noise_db, 2),
                "divergence": float(f"{row.divergence:.3g}"),
            }
            for row in ranking
        ],
    }
    history = {
        "checkpoint": request.checkpoint.name,
        "checkpoint_sha256": sha256_of(request.checkpoint),
        "training": {**trained.history, "recipe": trained.recipe.as_dict()},
        "quantizing": {key: value for key, value in report.items() if key not in ("layers", "training_losses")},
        "packages": {name: version(name) for name in PACKAGES},
    }
    name = trained.recipe.preset
    floats = {"policy": quantized.policy}
    save_model(request.out, quantized.prepared(), floats, quantized.config, name, trained.labels, history)
    if request.report is not None:
        write_report(request.report, report)
    return report


def _exceeds(found: Comparison, settings: Settings) -> bool:
    return found.lost_points > settings.bound_points


def _clips(request: Request, trained: TrainedNetwork, split: str | None) -> Clips:
    task = build_task(trained.recipe, len(trained.labels))
    if not isinstance(task, AdaFocusTask):
        raise TypeError("a network with stages has a task with stages")
    clips = [clip for source in request.sources for clip in read_clips(source, split)]
    cache = FrameCache(request.cache, clips, CacheSettings(trained.recipe.cached_frames, task.short_side_px))
    cache.fill()
    return Clips(task, cache, class_indices(clips, trained.labels, needed=False))


def _told(found: Comparison) -> dict[str, Any]:
    return {key: round(float(value), 5) if key != "clips" else value for key, value in asdict(found).items()} | {
        "lost_points": round(found.lost_points, 3)
    }
