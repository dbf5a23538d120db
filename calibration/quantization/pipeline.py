"""The whole of ``adafocus quantize``: scales from real clips, quantization-aware training, and what it costs."""

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

from adafocus.calibration.datasets import FrameCache, LabeledClip, read_clips, spread_evenly
from adafocus.calibration.datasets.fingerprints import SEEN, in_history, joined, of_cache
from adafocus.calibration.quantization.comparison import CachedClips, Comparison, FloatAnswers, compare
from adafocus.calibration.quantization.model_file import save_model
from adafocus.calibration.quantization.qat import quantized_layers
from adafocus.calibration.quantization.quantized_network import QuantizedNetwork, recorded_inputs
from adafocus.calibration.quantization.quantizer import ASYMMETRIC, Grids
from adafocus.calibration.quantization.sensitivity import LayerSensitivity, rank_layers
from adafocus.calibration.report_file import write_report
from adafocus.calibration.training.checkpoint import TrainedNetwork, load_network
from adafocus.calibration.training.data import class_indices
from adafocus.calibration.training.losses import kl_divergence
from adafocus.calibration.training.resuming import (
    MADE_FROM,
    NETWORK,
    SETTINGS,
    TRAINING_CLIPS,
    Facts,
    clip_facts,
    damaged,
    read_run,
)
from adafocus.calibration.training.tasks import AdaFocusTask, build_task
from adafocus.calibration.training.train import make_folders
from adafocus.edge.bundle.files import replacing_file, sha256_of
from adafocus.errors import AdafocusError
from adafocus.networks.lowering import LoweredInference, LoweredStages, lower, run_stages

PACKAGES = ("torch", "torchao", "executorch", "numpy", "opencv-python")
CHECKPOINT = "quantizing.pt"
RUN_KEYS = ("network", "optimizer", "step")
CHECKPOINT_EVERY = 10
GRADIENT_NORM = 5.0
SENSITIVITY_CLIPS = 4


@dataclass(frozen=True)
class Settings:
    """How a network is quantized.

    Attributes:
        calibration_clips: clips that decide the scales, at most.
        steps: of training under fake quantization; 0 for post-training quantization alone.
        batch: clips per step.
        learning_rate: peak of AdamW, cosine decay.
        hard_weight: of the cross-entropy with the labels, beside the distance from the float network's predictions.
        bound_points: percentage points of accuracy (or, without labels, of agreement with the float network) that may
            be lost; layers stay float, the most sensitive first, until no more is lost.
        seed: of every draw.
        grids: of activations.
    """

    calibration_clips: int = 100
    steps: int = 0
    batch: int = 8
    learning_rate: float = 2e-5
    hard_weight: float = 0.0
    bound_points: float = 0.5
    seed: int = 1
    grids: Grids = ASYMMETRIC

    def as_dict(self) -> dict[str, Any]:
        """Return everything that is set, for a report and for what a run resumes from; grids only where not usual."""
        return {key: value for key, value in asdict(self).items() if key != "grids" or value != ASYMMETRIC}


def distillation_loss(reference: LoweredInference, quantized: LoweredInference) -> Tensor:
    """Return the distance of a quantized network from the float one on a clip: every exit, boxes, frame weights."""
    exits = kl_divergence(quantized.stage_logits, reference.stage_logits)
    if not reference.boxes.numel():
        return exits
    boxes = F.mse_loss(quantized.boxes, reference.boxes)
    log_weights = [result.frame_weights.clamp(min=1e-9).log() for result in (quantized, reference)]
    return exits + (boxes + F.mse_loss(*log_weights))


def label_loss(quantized: LoweredInference, classes: Sequence[int]) -> Tensor:
    """Return the cross-entropy of every exit with the labels of a clip, the mean over both; 0 without labels."""
    if not classes:
        return quantized.stage_logits.new_zeros(())
    log_probabilities = quantized.stage_logits.log_softmax(-1)
    return -log_probabilities[:, list(classes)].mean()


class QatTrainer:
    """Quantization-aware training: a network learns from its own float predictions; a run resumes where it stopped."""

    def __init__(
        self,
        stages: LoweredStages,
        quantized: QuantizedNetwork,
        settings: Settings,
        folder: Path,
        made_from: Facts | None = None,
    ) -> None:
        """Prepare a run, or take it up where it stopped; ``made_from`` is what it is started with beside settings.

        Raises:
            AdafocusError: the folder holds a run that was started with something else, or is damaged.
        """
        self.stages, self.quantized, self.settings, self.folder = stages, quantized, settings, folder
        self.step = 0
        parameters = [p for graph in quantized.prepared().values() for p in graph.parameters()]
        self.optimizer = torch.optim.AdamW(parameters, settings.learning_rate, weight_decay=0.0)
        self.made_from = {SETTINGS: settings.as_dict(), **(made_from or {})}
        state = read_run(folder / CHECKPOINT, RUN_KEYS, self.made_from)
        if state is not None:
            try:
                quantized.load_state_dict(state["network"])
                self.optimizer.load_state_dict(state["optimizer"])
                self.step = int(state["step"])
            except (RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
                raise damaged(folder / CHECKPOINT) from error

    def run(self, clips: CachedClips, until: int | None = None) -> list[float]:
        """Train to the end, or to a step; return the loss of every step done."""
        last = self.settings.steps if until is None else until
        losses = []
        with Progress() as progress:
            bar = progress.add_task("quantization-aware training", total=last, completed=self.step)
            while self.step < last:
                losses.append(self._train_step(clips))
                self.step += 1
                progress.update(bar, completed=self.step, description=f"quantization-aware training, {losses[-1]:.4f}")
                if self.step % CHECKPOINT_EVERY == 0 or self.step == last:
                    self.save()
        return losses

    def save(self) -> None:
        """Write what the run needs to go on."""
        state = {
            "network": self.quantized.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            MADE_FROM: self.made_from,
        }
        with replacing_file(self.folder / CHECKPOINT) as beside:
            torch.save(state, beside)

    def _train_step(self, clips: CachedClips) -> float:
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
                reference = run_stages(modules, self.stages.config, glance, candidates)
            found = self.quantized(glance, candidates)
            loss = distillation_loss(reference, found)
            if settings.hard_weight > 0.0:
                loss = loss + settings.hard_weight * label_loss(found, clips.classes[int(index)])
            loss = loss / settings.batch
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_([p for g in self.optimizer.param_groups for p in g["params"]], GRADIENT_NORM)
        self.optimizer.step()
        return total


def find_kept_float(
    ranking: Sequence[LayerSensitivity], measure: Callable[[dict[str, list[str]]], float], bound_points: float
) -> dict[str, list[str]]:
    """Return the fewest layers, from the start of a ranking, that must stay float to keep the loss within a bound.

    Args:
        ranking: layers, the most sensitive first.
        measure: stage -> layers kept float, to points lost.
        bound_points: that may be lost.

    Raises:
        AdafocusError: the bound is not met even when all layers stay float.
    """
    if measure({}) <= bound_points:
        return {}
    low, high = 0, 1
    while high < len(ranking) and measure(by_stage(ranking[:high])) > bound_points:
        low, high = high, 2 * high
    high = min(high, len(ranking))
    if high == len(ranking) and measure(by_stage(ranking)) > bound_points:
        raise AdafocusError(
            f"More than {bound_points:g} points are lost even with all weights in float, so quantized activations cost "
            "them. Train with fake quantization (--steps 100), or allow more (--bound)."
        )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if measure(by_stage(ranking[:middle])) <= bound_points else (middle, high)
    return by_stage(ranking[:high])


def by_stage(layers: Sequence[LayerSensitivity]) -> dict[str, list[str]]:
    """Group names of layers by stage."""
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
        train_split: of the clips that decide the scales and train; None for every clip.
        val_split: of the clips to compare on; None for those that decided the scales.
        settings: how.
        layer_report: whether every layer's noise is measured, which takes some minutes.
        work: folder of the run.
        cache: folder of decoded clips.
        out: model file to write.
        report: YAML to write, or None.
    """

    checkpoint: Path
    sources: Sequence[Path]
    train_split: str | None
    val_split: str | None
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
    make_folders(request.work, request.out)
    made_from: Facts = {NETWORK: sha256_of(request.checkpoint)}
    if settings.steps:
        # what is wrong is told before clips are decoded
        read_run(request.work / CHECKPOINT, RUN_KEYS, {SETTINGS: settings.as_dict(), **made_from})
    compared_split = request.train_split if request.val_split is None else request.val_split
    # all are listed before the first is decoded, and the same split is decoded once
    listed = {
        split: read_clips(request.sources, split) for split in dict.fromkeys((request.train_split, compared_split))
    }
    decoded = {split: _clips(request, trained, clips) for split, clips in listed.items()}
    training, validation = decoded[request.train_split], decoded[compared_split]
    stages = lower(trained.net)
    calibrating = spread_evenly(training.usable, settings.calibration_clips)
    answers = FloatAnswers(stages, training)
    with recorded_inputs(stages) as inputs:
        for index in track(calibrating, "calibration clips"):
            answers.ask(index)
    if validation is not training:
        answers = FloatAnswers(stages, validation)
    compared = validation.usable if request.val_split is not None else calibrating

    quantized = QuantizedNetwork(lower(trained.net), grids=settings.grids)
    quantized.calibrate(inputs)
    calibrated = trained_on = found = compare(answers, quantized, compared)
    losses: list[float] = []
    if settings.steps:
        made_from[TRAINING_CLIPS] = clip_facts(training.cache, training.usable)
        losses = QatTrainer(stages, quantized, settings, request.work, made_from).run(training)
        trained_on = found = compare(answers, quantized, compared)
    exceeds = found.lost_points > settings.bound_points
    few = {stage: calls[:SENSITIVITY_CLIPS] for stage, calls in inputs.items()}
    ranking = rank_layers(quantized.prepared(), few) if request.layer_report or exceeds else []
    kept: dict[str, list[str]] = {}

    def with_float(layers: dict[str, list[str]]) -> tuple[QuantizedNetwork, Comparison]:
        """Build the network anew with layers kept float, and compare it."""
        mixed = QuantizedNetwork(lower(trained.net), layers, settings.grids)
        mixed.copy_from(quantized)
        return mixed, compare(answers, mixed, compared)

    def measure(layers: dict[str, list[str]]) -> float:
        with quantized.with_float_weights(layers) as tried:
            return compare(answers, tried, compared).lost_points

    if exceeds and "policy" in quantized.prepared():
        # a float policy takes little time, and may be all that is missing
        whole = [layer.name for layer in quantized_layers(quantized.prepared()["policy"])]
        other, judged = with_float({"policy": whole})
        if judged.lost_points <= settings.bound_points:
            kept, exceeds = {"policy": whole}, False
            quantized, found = other, judged
    if exceeds:
        kept = find_kept_float(ranking, measure, settings.bound_points)
        quantized, found = with_float(kept)
    # the keys of the report and of the history are those of every model file so far
    summary = {
        "checkpoint": request.checkpoint.name,
        "settings": settings.as_dict(),
        "calibration_clips": len(calibrating),
        "judged": {"split": request.val_split or request.train_split, **_rounded(found)},
        "post_training": _rounded(calibrated),
        **({"quantization_aware": _rounded(trained_on)} if settings.steps else {}),
        "kept_float": kept,
    }
    history = {
        "checkpoint": request.checkpoint.name,
        "checkpoint_sha256": sha256_of(request.checkpoint),
        "training": {**trained.history, "recipe": trained.recipe.as_dict()},
        "quantising": summary,
        SEEN: joined(in_history(trained.history).union(*(of_cache(c.cache, c.usable) for c in (training, validation)))),
        "packages": {name: version(name) for name in PACKAGES},
    }
    preset, floats = trained.recipe.preset, quantized.floats()
    save_model(request.out, quantized.prepared(), floats, quantized.config, preset, trained.labels, history)
    report = {
        **summary,
        "training_losses": [round(value, 5) for value in losses],
        "layers": [
            {
                **asdict(row),
                "signal_to_noise_db": round(row.signal_to_noise_db, 2),
                "divergence": float(f"{row.divergence:.3g}"),
            }
            for row in ranking
        ],
    }
    if request.report is not None:
        write_report(request.report, report)
    return report


def _clips(request: Request, trained: TrainedNetwork, clips: Sequence[LabeledClip]) -> CachedClips:
    task = build_task(trained.recipe, len(trained.labels))
    if not isinstance(task, AdaFocusTask):
        raise TypeError("the checkpoint's network has no stages")
    cache = FrameCache(request.cache, clips, task.cache_settings)
    cache.fill()
    return CachedClips(task, cache, class_indices(clips, trained.labels, needed=False))


def _rounded(found: Comparison) -> dict[str, Any]:
    return {key: round(float(value), 5) if key != "clips" else value for key, value in asdict(found).items()} | {
        "lost_points": round(found.lost_points, 3)
    }
