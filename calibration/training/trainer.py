"""Training that can be stopped at any moment; the code is the same for one process and for many."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from rich.progress import Progress
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from adafocus.calibration.training.data import (
    StepSampler,
    TrainingClips,
    TrainingData,
    ValidationClips,
    as_batch,
    collate,
)
from adafocus.calibration.training.log import TrainingLog
from adafocus.calibration.training.recipe import Recipe
from adafocus.calibration.training.resuming import (
    MADE_FROM,
    RECIPE,
    TRAINING_CLIPS,
    VALIDATION_CLIPS,
    Facts,
    clip_facts,
    damaged,
    read_run,
)
from adafocus.calibration.training.tasks import Task
from adafocus.edge.bundle.files import replacing_file
from adafocus.errors import AdafocusError, NetworkError

CHECKPOINT = "checkpoint.pt"
RUN_KEYS = ("net", "average", "optimizer", "step")
SECONDS_BETWEEN_CHECKPOINTS = 60.0
MOMENTUM = 0.9
ENCODER = re.compile(r"(?:\w+_)?encoder\.")
SEED_STRIDE = 1_000_003
ADVICE = "Lower learning_rate, or cut gradients: gradient_norm."


def start_fabric(recipe: Recipe, processes: int, nodes: int) -> Fabric:
    """Start the processes of a run, on every one of ``nodes`` machines; every process returns from here.

    Raises:
        AdafocusError: the batch does not divide among the processes.
    """
    world = processes * nodes
    if recipe.batch % world:
        raise AdafocusError(
            f"The recipe's batch of {recipe.batch} clips does not divide among {world} processes. Choose a batch that "
            "is a multiple of them."
        )
    strategy = "ddp" if world > 1 else "auto"
    fabric = Fabric(devices=processes, num_nodes=nodes, strategy=strategy, precision=recipe.precision)
    fabric.launch()
    return fabric


def parameter_groups(task: Task) -> list[dict[str, Any]]:
    """Group parameters by part, each with its peak rate; what the recipe freezes is not trained.

    Raises:
        AdafocusError: a pattern of ``frozen`` fits no parameter, or nothing is left to train.
    """
    recipe, parts = task.recipe, task.parts()
    patterns = [re.compile(pattern) for pattern in recipe.frozen]
    names = [name for name, _ in task.net.named_parameters()]
    for pattern in patterns:
        if not any(pattern.search(name) for name in names):
            raise AdafocusError(
                f"The recipe's frozen has the pattern {pattern.pattern!r}, which fits no parameter of the network. "
                "Correct it, or leave it out."
            )
    groups: dict[tuple[str, bool], list[nn.Parameter]] = {}
    for name, parameter in task.net.named_parameters():
        if any(pattern.search(name) for pattern in patterns):
            parameter.requires_grad_(False)
            continue
        part = next(part for part, prefixes in parts.items() if name.startswith(tuple(prefixes)))
        groups.setdefault((part, bool(ENCODER.match(name))), []).append(parameter)
    found = [
        {
            "params": parameters,
            "part": part,
            "peak": recipe.learning_rate * recipe.rates[part] * (recipe.encoder_rate if encodes else 1.0),
        }
        for (part, encodes), parameters in groups.items()
    ]
    if not found:
        raise AdafocusError(
            "The recipe's frozen fits every parameter, so nothing is left to train. Leave a pattern out."
        )
    return found


def build_optimizer(recipe: Recipe, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """Build the recipe's optimizer."""
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, recipe.learning_rate, MOMENTUM, weight_decay=recipe.weight_decay)
    return torch.optim.AdamW(groups, recipe.learning_rate, weight_decay=recipe.weight_decay)


def lay_out_for_speed(net: nn.Module) -> None:
    """Store the weights of 2-D convolutions with channels last, which trains MobileNetV2 in two thirds of the time.

    The values stay as they are. Those of 3-D convolutions gain nothing by it.
    """
    for parameter in net.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


class Trainer:
    """One run of a recipe on its data."""

    def __init__(
        self,
        task: Task,
        data: TrainingData,
        folder: Path,
        fabric: Fabric,
        workers: int = 0,
        made_from: Facts | None = None,
    ) -> None:
        """Prepare a run, or take it up where it stopped.

        Args:
            task: what is trained.
            data: on what.
            folder: of the run.
            fabric: its processes.
            workers: processes that prepare clips, for each process; 0 for none.
            made_from: what the run is started with, beside recipe and clips.

        Raises:
            AdafocusError: there is less than a batch, or the folder holds a run that was started with something else.
        """
        self.task, self.data, self.folder, self.fabric = task, data, folder, fabric
        self.recipe = recipe = task.recipe
        self.step = 0
        self.made_from = {
            RECIPE: recipe.as_dict(),
            **(made_from or {}),
            TRAINING_CLIPS: clip_facts(data.cache, data.training),
            VALIDATION_CLIPS: clip_facts(data.cache, data.validation),
        }
        self.log = TrainingLog(folder, writes=fabric.is_global_zero)
        self._steps = StepSampler(
            data.training, recipe.batch, recipe.epochs, recipe.seed, fabric.global_rank, fabric.world_size
        )
        if self._steps.total == 0 and recipe.epochs:
            raise AdafocusError(
                f"{len(data.training)} clips are fewer than one batch of {recipe.batch}. Lower the recipe's batch."
            )
        lay_out_for_speed(task.net)
        optimizer = build_optimizer(recipe, parameter_groups(task))
        self.average = None
        if recipe.ema_decay > 0.0:
            self.average = AveragedModel(
                task.net, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema_decay), use_buffers=True
            )
        self._begun = (
            {name: value.clone() for name, value in task.net.state_dict().items()} if recipe.start_share else {}
        )
        self._model, self.optimizer = fabric.setup(task, optimizer)
        self._workers = workers
        self._validated: tuple[int, dict[str, float]] | None = None
        self._resume()

    @property
    def evaluated_net(self) -> nn.Module:
        """The network that is validated and written: the average of the weights where there is one."""
        return self.task.net if self.average is None else self.average.module

    def run(self) -> None:
        """Train to the end, from wherever the last run stopped."""
        last = self._steps.total
        saved = time.monotonic()
        with Progress(disable=not self.fabric.is_global_zero) as progress:
            bar = progress.add_task("training", total=last, completed=self.step)
            for batch, target in self._batches():
                started = time.perf_counter()
                terms = self._train_step(batch, target)
                self.step += 1
                self._record(terms, time.perf_counter() - started)
                progress.update(bar, completed=self.step, description=f"training, loss {sum(terms.values()):.3f}")
                ended_epoch = self.step % self._steps.per_epoch == 0
                if ended_epoch and (self.step // self._steps.per_epoch) % self.recipe.validate_every == 0:
                    self._validate()
                if self.step == last or time.monotonic() - saved > SECONDS_BETWEEN_CHECKPOINTS:
                    self.save()
                    saved = time.monotonic()
        self._blend()

    @torch.no_grad()
    def _blend(self) -> None:
        """Give the start its share of the weights that are written; the run's own checkpoint is not changed."""
        if not self._begun:
            return
        for name, trained in self.evaluated_net.state_dict().items():
            if trained.is_floating_point():
                trained.lerp_(self._begun[name].to(trained.device), self.recipe.start_share)
        self._validated = None

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the share of validation clips that each output gets right, as the device sees them, in float32."""
        if not len(self.data.validation):
            return {}
        if self._validated is not None and self._validated[0] == self.step:
            return self._validated[1]
        net = self.task.net
        kept, self.task.net = net, self.evaluated_net
        self.task.eval()
        clips = ValidationClips(self.task, self.data)
        mine = torch.utils.data.Subset(clips, range(self.fabric.global_rank, len(clips), self.fabric.world_size))
        right = torch.zeros(len(self.task.outputs))
        for inputs, classes in DataLoader(mine, batch_size=None, num_workers=self._workers):
            outputs = self.task.predict(self.fabric.to_device(as_batch([inputs])))
            right += torch.tensor([float(int(logits.argmax()) in list(classes)) for logits in outputs])
        self.task.net = kept
        shares = self._over_processes(right, "sum") / len(clips)
        self._validated = self.step, dict(zip(self.task.outputs, shares.tolist(), strict=True))
        return self._validated[1]

    def save(self) -> None:
        """Write everything that the run needs to go on; every process may call it, one writes."""
        if self.fabric.is_global_zero:
            state = {
                "net": self.task.net.state_dict(),
                "average": None if self.average is None else self.average.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "step": self.step,
                MADE_FROM: self.made_from,
            }
            with replacing_file(self.folder / CHECKPOINT) as beside:
                torch.save(state, beside)
        self.fabric.barrier()

    def _resume(self) -> None:
        path = self.folder / CHECKPOINT
        state = read_run(path, RUN_KEYS, self.made_from)
        if state is None:
            self.log.truncate(0)
            return
        try:
            self.task.net.load_state_dict(state["net"])
            if self.average is not None:
                self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step = int(state["step"])
            if not 0 <= self.step <= self._steps.total:
                raise ValueError(f"step {self.step} of {self._steps.total}")
        except (RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise damaged(path) from error
        self.log.truncate(self.step)

    def _batches(self) -> Iterator[Any]:
        self._steps.start = self.step
        clips = TrainingClips(self.task, self.data)
        loader = DataLoader(clips, batch_sampler=self._steps, collate_fn=collate, num_workers=self._workers)
        yield from self.fabric.setup_dataloaders(loader, use_distributed_sampler=False)

    def _train_step(self, batch: tuple[Tensor, ...], target: Any) -> dict[str, float]:
        self._set_mode()
        self._set_rate()
        draw = (self.recipe.seed * SEED_STRIDE + self.step) * self.fabric.world_size + self.fabric.global_rank
        torch.manual_seed(draw)
        generator = torch.Generator().manual_seed(draw)
        try:
            terms = self._model(batch, target, generator)
        except NetworkError as error:
            raise AdafocusError(f"Step {self.step + 1} fails: {error} {ADVICE}") from error
        total = torch.stack([*terms.values()]).sum()
        self.optimizer.zero_grad()
        self.fabric.backward(total)
        if self.recipe.gradient_norm > 0.0:
            self.fabric.clip_gradients(self._model, self.optimizer, max_norm=self.recipe.gradient_norm)
        self.optimizer.step()
        self._check_finite(total)
        if self.average is not None:
            self.average.update_parameters(self.task.net)
        values = {name: value.detach().float() for name, value in terms.items()}
        return {name: self._over_processes(value, "mean").item() for name, value in values.items()}

    def _check_finite(self, total: Tensor) -> None:
        trained = (parameter for group in self.optimizer.param_groups for parameter in group["params"])
        if not all(bool(value.isfinite().all()) for value in (total, *trained)):
            raise AdafocusError(
                f"Step {self.step + 1} fails: with a loss of {total.item():.3g} the weights are not finite. {ADVICE}"
            )

    def _over_processes(self, value: Tensor, how: str) -> Tensor:
        reduced = self.fabric.all_reduce(value, reduce_op=how)
        if not isinstance(reduced, Tensor):
            raise TypeError("the reduction over processes did not return a tensor")
        return reduced

    def _set_mode(self) -> None:
        self.task.train()
        if self.recipe.frozen_norms:
            for encoder in self.task.encoders():
                for module in encoder.modules():
                    if isinstance(module, _BatchNorm):
                        module.eval()

    def _set_rate(self) -> None:
        warm = min(1.0, (self.step + 1) / max(1, self.recipe.warmup_steps))
        share = warm * 0.5 * (1.0 + math.cos(math.pi * self.step / self._steps.total))
        for group in self.optimizer.param_groups:
            group["lr"] = share * group["peak"]

    def _record(self, terms: dict[str, float], seconds: float) -> None:
        rate = max(group["lr"] for group in self.optimizer.param_groups)
        speed = self.recipe.batch / seconds
        self.log.step(self.step, {**terms, "total": sum(terms.values()), "learning_rate": rate, "clips_per_s": speed})

    def _validate(self) -> None:
        shares = self.validate()
        if shares:
            self.log.validation(self.step, shares)
