"""Fitting: the policy first on the features of the float glance, then everything under fake quantisation."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress, track
from torch import Tensor

import networks
from calibration.clips import FrameCache
from calibration.quantization import calibrate
from calibration.recipe import Recipe
from calibration.student import Student, initial_network, policy_loss, random_box, soft_loss
from calibration.views import centre_view, network_inputs, random_view
from edge.files import replacing_file
from networks.lowering import lower
from networks.policy import decode_boxes

RANDOM_BOX_SHARE = 0.25
CHECKPOINT_EVERY = 10
GRADIENT_NORM = 5.0


@dataclass(frozen=True)
class Material:
    """Cached clips, the teacher's logits, and which clips teach and which only watch."""

    cache: FrameCache
    answers: Tensor
    taught: NDArray[np.int64]
    held_out: NDArray[np.int64]


def split_by_group(cache: FrameCache, share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hold whole groups out until ``share`` of the usable clips is reached."""
    usable = cache.usable()
    groups = sorted({cache.clips[i].group + "/" + cache.clips[i].label for i in usable})
    order = np.random.default_rng(seed).permutation(len(groups))
    held: list[int] = []
    for position in order:
        if len(held) >= share * len(usable):
            break
        held += [i for i in usable if cache.clips[i].group + "/" + cache.clips[i].label == groups[position]]
    return np.array(sorted(set(usable) - set(held))), np.array(sorted(held))


def train_policy(net: networks.AdaFocus, material: Material, recipe: Recipe) -> None:
    """Train both policies of a float network on the features of augmented views; only they move."""
    rng = np.random.default_rng(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    stages = lower(net.eval())
    jobs = [i for _ in range(recipe.policy_views) for i in material.taught]
    features = []
    with torch.no_grad():
        for index in track(jobs, "glance features"):
            frames = material.cache.read(index)
            glance, _ = network_inputs(frames, random_view(net.config, frames.shape[1:3], rng), net.config)
            features.append(stages.glance.encoder(glance))
    stack = torch.stack(features)
    targets = material.answers[torch.as_tensor(jobs)]
    parameters = [*net.spatial_policy.parameters(), *net.temporal_policy.parameters()]
    optimiser = torch.optim.AdamW(parameters, recipe.policy_learning_rate, weight_decay=recipe.weight_decay)
    batch = 4 * recipe.batch
    steps = recipe.policy_epochs * (len(jobs) // batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, steps))
    net.spatial_policy.train()
    net.temporal_policy.train()
    for _ in track(range(steps), "policy"):
        rows = torch.as_tensor(rng.choice(len(jobs), batch, replace=False))
        maps = stack[rows]
        boxes = decode_boxes(net.spatial_policy(maps), net.config.box_min)[:, 0]
        weights = net.frame_weights(maps.mean((3, 4)))
        loss = policy_loss(stages.glance, maps, boxes, weights, targets[rows], recipe, generator)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    net.eval()


class Fitting:
    """Quantisation-aware training that can be stopped and taken up at any step."""

    def __init__(self, folder: Path, material: Material, recipe: Recipe, teacher_checkpoint: Path) -> None:
        self.folder, self.material, self.recipe = folder, material, recipe
        self.step = 0
        self._checkpoint = folder / "checkpoint.pt"
        torch.manual_seed(recipe.seed)
        net = initial_network(recipe, teacher_checkpoint)
        state = torch.load(self._checkpoint, weights_only=True) if self._checkpoint.exists() else None
        if state is None:
            train_policy(net, material, recipe)
        self.student = Student.of(net)
        self.optimiser = self._optimiser()
        if state is None:
            self._calibrate()
            self._save()
        else:
            self.student.load_state_dict(state["student"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step = state["step"]

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return self.recipe.epochs * (len(self.material.taught) // self.recipe.batch)

    def run(self) -> Student:
        """Train to the end, from wherever the last run stopped."""
        with Progress() as progress:
            bar = progress.add_task("fitting", total=self.total_steps, completed=self.step)
            while self.step < self.total_steps:
                started = time.perf_counter()
                losses = self._train_step()
                self.step += 1
                self._log(losses, time.perf_counter() - started)
                progress.update(bar, completed=self.step, description=f"fitting, loss {losses['final']:.3f}")
                if self.step % CHECKPOINT_EVERY == 0 or self.step == self.total_steps:
                    self._save()
        return self.student

    def evaluate(self) -> dict[str, float]:
        """Divergence from the teacher and agreement with it on the clips that are held out."""
        sums = {"glance_divergence": 0.0, "final_divergence": 0.0, "glance_agreement": 0.0, "final_agreement": 0.0}
        for index in track(self.material.held_out, "held-out clips"):
            with torch.no_grad():
                answer = self.student(*self._inputs(index, centred=True))
            target = self.material.answers[index][None]
            for name, logits in (("glance", answer.glance_logits), ("final", answer.logits)):
                sums[f"{name}_divergence"] += float(soft_loss(logits, target, 1.0))
                sums[f"{name}_agreement"] += float(logits.argmax() == target.argmax())
        return {name: value / len(self.material.held_out) for name, value in sums.items()}

    def _optimiser(self) -> torch.optim.Optimizer:
        recipe, student = self.recipe, self.student
        encoders = [*student.glance.parameters(), *student.focus.parameters()]
        groups = [
            {"params": encoders, "lr": recipe.learning_rate},
            {"params": [*student.policy.parameters()], "lr": recipe.policy_learning_rate / 10},
        ]
        optimiser = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
        for group in optimiser.param_groups:
            group["peak"] = group["lr"]
        return optimiser

    def _calibrate(self) -> None:
        """Fix the activation scales on centre views, the focus seeing the policy's own crops."""
        student = self.student
        rng = np.random.default_rng(self.recipe.seed)
        chosen = rng.choice(self.material.taught, self.recipe.calibration_clips, replace=False)
        clips = [self._inputs(index, centred=True) for index in track(chosen, "calibration clips")]
        calibrate(student.glance, [(glance,) for glance, _ in clips])
        seen: list[tuple[Tensor, ...]] = []
        hook = student._fast["focus"].register_forward_pre_hook(lambda _, inputs: seen.append(inputs))
        with torch.no_grad():
            for glance, candidates in clips:
                student(glance, candidates)
        hook.remove()
        calibrate(student.focus, seen)

    def _order(self) -> Iterator[int]:
        """The clips of the current step: every epoch is a permutation of its own, whatever step it starts from."""
        per_epoch = len(self.material.taught) // self.recipe.batch
        epoch, position = divmod(self.step, per_epoch)
        order = np.random.default_rng((self.recipe.seed, epoch)).permutation(self.material.taught)
        yield from order[position * self.recipe.batch : (position + 1) * self.recipe.batch]

    def _inputs(self, index: int, *, centred: bool, rng: np.random.Generator | None = None) -> tuple[Tensor, Tensor]:
        frames, config = self.material.cache.read(index), self.student.config
        shape = frames.shape[1:3]
        view = centre_view(config, shape) if centred or rng is None else random_view(config, shape, rng)
        return network_inputs(frames, view, config)

    def _train_step(self) -> dict[str, float]:
        recipe, student = self.recipe, self.student
        rate = 0.5 * (1.0 + math.cos(math.pi * self.step / self.total_steps))
        rate *= min(1.0, (self.step + 1) / (recipe.warmup_steps + 1))
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * rate
        rng = np.random.default_rng((recipe.seed, 7, self.step))
        generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + self.step)
        torch.manual_seed(recipe.seed * 1_000_003 + self.step)
        sums = {"glance": 0.0, "final": 0.0, "policy": 0.0}
        self.optimiser.zero_grad()
        for index in self._order():
            target = self.material.answers[index][None]
            box = random_box(student.config, generator) if rng.random() < RANDOM_BOX_SHARE else None
            answer = student(*self._inputs(index, centred=False, rng=rng), box=box, generator=generator)
            losses = {
                "glance": soft_loss(answer.glance_logits, target, recipe.temperature),
                "final": soft_loss(answer.logits, target, recipe.temperature),
                "policy": policy_loss(
                    student.glance,
                    answer.features[None],
                    answer.boxes,
                    answer.frame_weights[None],
                    target,
                    recipe,
                    generator,
                ),
            }
            (sum(losses.values(), torch.zeros(())) / recipe.batch).backward()
            for name, value in losses.items():
                sums[name] += value.item() / recipe.batch
        torch.nn.utils.clip_grad_norm_(student.parameters(), GRADIENT_NORM)
        self.optimiser.step()
        return sums

    def _log(self, losses: dict[str, float], seconds: float) -> None:
        path = self.folder / "log.csv"
        fresh = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if fresh:
                writer.writerow(["step", *losses, "learning_rate", "clips_per_s"])
            rate = self.optimiser.param_groups[0]["lr"]
            values = [f"{value:.5f}" for value in losses.values()]
            writer.writerow([self.step, *values, f"{rate:.3e}", f"{self.recipe.batch / seconds:.3f}"])

    def _save(self) -> None:
        state = {
            "student": self.student.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }
        with replacing_file(self._checkpoint) as beside:
            torch.save(state, beside)
