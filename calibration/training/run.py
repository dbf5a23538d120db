"""The whole of ``adafocus train``: clips, teacher, starting weights, training, checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from adafocus.calibration.datasets import CacheSettings, FrameCache, LabeledClip, read_clips
from adafocus.calibration.datasets.csv_list import write_list
from adafocus.calibration.training.checkpoint import save_checkpoint
from adafocus.calibration.training.data import Fold, Material, class_indices, split_folds
from adafocus.calibration.training.initialization import initialize, parse_starts
from adafocus.calibration.training.recipe import Recipe
from adafocus.calibration.training.tasks import build_task
from adafocus.calibration.training.teacher import teacher_logits
from adafocus.calibration.training.trainer import Machine, Trainer, start_fabric
from adafocus.edge.bundle.files import sha256_of
from adafocus.errors import AdafocusError

PACKAGES = ("torch", "lightning-fabric", "numpy", "opencv-python")
JUDGED_LIST = "judged.csv"


@dataclass(frozen=True)
class Request:
    """What to train on, from what, and where to.

    Attributes:
        recipe: file.
        sources: clip sets.
        split: that teaches; None for every clip.
        judged_split: that validates; None for none.
        fold: take the clips of ``split`` apart by group instead: one fold judges, the others teach.
        starts: as :func:`adafocus.calibration.training.initialization.parse_starts` reads them.
        labels: file of class names; without it the sorted labels of the clips.
        teacher: checkpoint.
        work: folder of the run.
        cache: folder of decoded clips.
        out: checkpoint to write.
        machine: processes.
        overrides: keys of the recipe that this run changes.
    """

    recipe: Path
    sources: Sequence[Path]
    split: str | None
    judged_split: str | None
    fold: Fold | None
    starts: tuple[str, ...]
    labels: Path | None
    teacher: Path | None
    work: Path
    cache: Path
    out: Path
    machine: Machine
    overrides: dict[str, Any]


def train(request: Request) -> dict[str, float]:
    """Run a recipe to the end, from wherever its last run stopped.

    Returns:
        share of the judged clips that each answer gets right.

    Raises:
        AdafocusError: something given is missing or does not fit.
    """
    recipe = Recipe.read(request.recipe)
    if request.overrides:
        recipe = Recipe.from_dict({**recipe.as_dict(), **request.overrides})
    if (recipe.soft_weight > 0.0) != (request.teacher is not None):
        raise AdafocusError("--teacher and a soft_weight above 0 in the recipe go together: give both or neither.")
    starts = parse_starts(request.starts)
    clips, taught, judged = chosen_clips(request, recipe.seed)
    labels = _labels(request.labels, clips)
    fabric = start_fabric(recipe, request.machine)
    console = Console(quiet=not fabric.is_global_zero)
    make_room(request.work, request.out)
    if not judged:
        console.print("no clips to validate on (--judge)")
    torch.manual_seed(recipe.seed)
    task = build_task(recipe, len(labels))
    for line in initialize(task.net, starts):
        console.print(f"started from {line}", soft_wrap=True)
    cache = FrameCache(request.cache, clips, CacheSettings(recipe.cached_frames, task.short_side_px))
    cache.fill()
    console.print(f"{len(clips)} clips, {cache.bytes / 1e9:.2f} GB of frames; {len(cache.broken)} broken")
    for reason in cache.broken.values():
        console.print(f"left out: {reason}", soft_wrap=True)
    usable = set(cache.usable())
    classes = class_indices(clips, labels, needed=recipe.hard_weight > 0.0)
    soft = None
    if request.teacher is not None and recipe.teacher is not None:
        soft = teacher_logits(cache, request.teacher, recipe.teacher, len(labels), request.work)
    material = Material(
        cache,
        classes,
        labels,
        np.array([index for index in taught if index in usable], np.int64),
        np.array([index for index in judged if index in usable and classes[index]], np.int64),
        soft,
    )
    if fabric.is_global_zero:
        write_list(request.work / JUDGED_LIST, [clips[index] for index in judged])
    trainer = Trainer(task, material, request.work, fabric, request.machine.workers)
    trainer.run()
    shares = trainer.validate()
    history = {
        "steps": trainer.step,
        "clips": {source.name: len(read_clips(source, request.split)) for source in request.sources},
        "taught": len(material.taught),
        "judged": len(material.judged),
        "fold": None if request.fold is None else f"{request.fold.number}/{request.fold.count}",
        "starts": {part: {"file": path.name, "sha256": sha256_of(path)} for part, path in starts.items()},
        "teacher_sha256": None if request.teacher is None else sha256_of(request.teacher),
        "validation": shares,
        "packages": {name: version(name) for name in PACKAGES},
    }
    if fabric.is_global_zero:
        save_checkpoint(request.out, trainer.best_net, recipe, labels, history)
        told = ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares.items())
        console.print(f"wrote {request.out}" + (f"; clips right, float: {told}" if told else ""), soft_wrap=True)
        verb = "adafocus quantize" if recipe.classifier is None else "adafocus train RECIPE --teacher"
        console.print(f"next: {verb} {request.out}", soft_wrap=True)
    return shares


def make_room(work: Path, out: Path) -> None:
    """Make the folders of a run before it takes hours.

    Raises:
        AdafocusError: ``out`` is a folder.
    """
    if out.is_dir():
        raise AdafocusError(f"--out is the folder {out}, expected the name of a file.")
    for folder in (work, out.parent):
        folder.mkdir(parents=True, exist_ok=True)


def chosen_clips(request: Request, seed: int) -> tuple[list[LabeledClip], list[int], list[int]]:
    """All clips that are needed, those that teach and those that judge.

    Raises:
        AdafocusError: nothing is left to learn from, or a group would be on both sides.
    """
    clips = [clip for source in request.sources for clip in read_clips(source, request.split)]
    if request.fold is not None:
        return (clips, *split_folds(clips, request.fold, seed))
    taught = list(range(len(clips)))
    if request.judged_split is None or request.split is None:
        return clips, taught, []
    listed = [clip for source in request.sources for clip in read_clips(source)]
    judging = [clip for clip in listed if clip.split == request.judged_split]
    return clips + judging, taught, list(range(len(clips), len(clips) + len(judging)))


def _labels(path: Path | None, clips: Sequence[LabeledClip]) -> tuple[str, ...]:
    if path is None:
        return tuple(sorted({label for clip in clips for label in clip.labels}))
    if not path.is_file():
        raise AdafocusError(f"There is no file at {path}. Give --labels a text file with a class name on each line.")
    return tuple(path.read_text(encoding="utf-8").splitlines())
