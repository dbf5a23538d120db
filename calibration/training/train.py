"""The whole of ``adafocus train``: clips, teacher, initial weights, training, checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from adafocus.calibration.datasets import FrameCache, LabeledClip, read_sets
from adafocus.calibration.datasets.csv_list import write_list
from adafocus.calibration.datasets.fingerprints import SEEN, joined, of_cache
from adafocus.calibration.teachers.beside import TeacherBeside
from adafocus.calibration.teachers.last_layer import fit_last_layer
from adafocus.calibration.teachers.soft_targets import Teachers
from adafocus.calibration.training.checkpoint import save_checkpoint, seen_by
from adafocus.calibration.training.class_names import read_class_names
from adafocus.calibration.training.data import (
    TrainingData,
    choose_clips,
    class_indices,
    refuse_nothing_to_learn,
    run_inference,
)
from adafocus.calibration.training.initialization import initialize, measure_folded_norms, parse_starts
from adafocus.calibration.training.recipe import Recipe
from adafocus.calibration.training.resuming import LABELS, RECIPE, STARTS, TEACHER, Facts, read_run
from adafocus.calibration.training.tasks import build_task
from adafocus.calibration.training.trainer import CHECKPOINT, RUN_KEYS, Trainer, start_fabric
from adafocus.edge.bundle.files import sha256_of
from adafocus.errors import AdafocusError, shell_word

PACKAGES = ("torch", "lightning-fabric", "numpy", "opencv-python")
VALIDATION_LIST = "judged.csv"
# beside the parts of a start, what the last layer was fitted to; a second file is features_2
FEATURES = "features"


@dataclass(frozen=True)
class Request:
    """What to train on, from what, and where to.

    Attributes:
        recipe: file.
        sources: clip sets.
        train_split: of the clips to train on; None for every clip.
        val_split: of the clips to validate on; None for none.
        fold: as :meth:`Fold.parse` reads it: the clips of ``train_split`` are divided by group instead, and one fold
            validates.
        starts: as :func:`adafocus.calibration.training.initialization.parse_starts` reads them.
        labels: file of class names; without it the sorted labels of the clips.
        teachers: checkpoints and files of stored answers.
        features: files of features of the start, to which the last layer is fitted first; none for no fit.
        work: folder of the run.
        cache: folder of decoded clips.
        out: checkpoint to write.
        seed: in place of the recipe's.
        epochs: in place of the recipe's.
        processes: on every machine.
        nodes: machines.
        workers: processes that prepare clips, for each process; 0 for none.
    """

    recipe: Path
    sources: Sequence[Path]
    train_split: str | None
    val_split: str | None
    fold: str | None
    starts: tuple[str, ...]
    labels: Path | None
    teachers: tuple[Path, ...]
    features: tuple[Path, ...]
    work: Path
    cache: Path
    out: Path
    seed: int | None
    epochs: int | None
    processes: int
    nodes: int
    workers: int


def train(request: Request) -> dict[str, float]:
    """Run a recipe to the end, from wherever its last run stopped.

    Returns:
        share of the validation clips that each output gets right.

    Raises:
        AdafocusError: something given is missing or does not fit.
    """
    recipe = _recipe(request)
    if (recipe.soft_weight > 0.0) != bool(request.teachers):
        raise AdafocusError("--teacher and a soft_weight above 0 in the recipe go together: give both or neither.")
    starts = parse_starts(request.starts)
    _refuse_own_list(request)
    clips, training, validation = choose_clips(
        request.sources, request.train_split, request.val_split, request.fold, recipe.seed
    )
    labels = _labels(request.labels, clips)
    classes = class_indices(clips, labels, needed=recipe.hard_weight > 0.0 and recipe.epochs > 0)
    if recipe.soft_weight == 0.0 and recipe.epochs:
        refuse_nothing_to_learn(clips, training, validation)
    beside = TeacherBeside(request.teachers, labels) if recipe.teacher_sees == "view" else None
    teachers = Teachers(() if beside else request.teachers, recipe.teacher, labels)
    teachers.check(clips, validation, request.sources)
    fitted_to = {
        FEATURES if not number else f"{FEATURES}_{number + 1}": path for number, path in enumerate(request.features)
    }
    started_from = starts | fitted_to
    made_from: Facts = {
        RECIPE: recipe.as_dict(),
        LABELS: list(labels),
        STARTS: {part: sha256_of(path) for part, path in started_from.items()},
        TEACHER: (beside or teachers).sha256,
    }
    # what is wrong is told before clips are decoded for hours
    read_run(request.work / CHECKPOINT, RUN_KEYS, made_from)
    fabric = start_fabric(recipe, request.processes, request.nodes)
    console = Console(quiet=not fabric.is_global_zero)
    make_folders(request.work, request.out)
    if not validation:
        console.print("no clips to validate on (--val-split)")
    torch.manual_seed(recipe.seed)
    task = build_task(recipe, len(labels))
    for line in initialize(task.net, starts, recipe.glance_share):
        console.print(f"started from {line}", soft_wrap=True)
    if request.features:
        one_scale = recipe.classifier is not None and recipe.classifier.feature_scale == "all"
        line = fit_last_layer(
            task.net, request.features, clips, training, classes, request.sources, one_scale=one_scale
        )
        console.print(line, soft_wrap=True, markup=False)
    if beside is not None:
        beside.join(task)
    cache = FrameCache(request.cache, clips, task.cache_settings)
    _fill(cache, console)
    usable = set(cache.usable())
    data = TrainingData(
        cache,
        classes,
        np.array([index for index in training if index in usable], np.int64),
        np.array([index for index in validation if index in usable and classes[index]], np.int64),
        teachers.logits(cache, request.work),
    )
    if fabric.is_global_zero:
        write_list(request.work / VALIDATION_LIST, [clips[index] for index in validation])
    if recipe.epochs and not recipe.frozen_norms:
        measured = measure_folded_norms(task.net, partial(run_inference, task, data))
        if measured:
            console.print(f"{measured} folded batch norms have the statistics of the clips now")
    trainer = Trainer(task, data, request.work, fabric, request.workers, made_from)
    trainer.run()
    shares = trainer.validate()
    if fabric.is_global_zero:
        history = _history(request, started_from, beside or teachers, trainer, shares)
        save_checkpoint(request.out, trainer.evaluated_net, recipe, labels, history)
        accuracy = ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares.items())
        suffix = f"; clips right, float: {accuracy}" if accuracy else ""
        console.print(f"wrote {request.out}{suffix}", soft_wrap=True, markup=False)
        verb = "adafocus quantize" if recipe.classifier is None else "adafocus train RECIPE --teacher"
        console.print(f"next: {verb} {shell_word(request.out)}", soft_wrap=True, markup=False)
    return shares


def _recipe(request: Request) -> Recipe:
    changes: dict[str, Any] = {"seed": request.seed, "epochs": request.epochs}
    given = {key: value for key, value in changes.items() if value is not None}
    return replace(Recipe.read(request.recipe), **given)


def _refuse_own_list(request: Request) -> None:
    """Refuse to read the list that the run writes.

    Raises:
        AdafocusError: it is one of the clip sets.
    """
    own = request.work / VALIDATION_LIST
    if own.exists() and any(source.exists() and source.samefile(own) for source in request.sources):
        raise AdafocusError(
            f"{own} is the list of the clips to validate on that a run in {request.work} writes, and it would be "
            "replaced while it is read. Copy it to another name, or give another --work folder."
        )


def _fill(cache: FrameCache, console: Console) -> None:
    cache.fill()
    console.print(f"{len(cache.clips)} clips, {cache.bytes / 1e9:.2f} GB of frames; {len(cache.broken)} broken")
    for reason in cache.broken.values():
        console.print(f"left out: {reason}", soft_wrap=True)


def _history(
    request: Request,
    starts: dict[str, Path],
    teachers: Teachers | TeacherBeside,
    trainer: Trainer,
    shares: dict[str, float],
) -> dict[str, Any]:
    """Return what a checkpoint says of its training; the keys are those of every checkpoint so far.

    ``seen`` are fingerprints of all clips that it and what it started from were trained and validated on.
    """
    data = trainer.data
    used = of_cache(data.cache, [*data.training.tolist(), *data.validation.tolist()])
    before = [teachers.seen, *map(seen_by, starts.values())]
    return {
        "steps": trainer.step,
        "clips": _counts(request),
        "taught": len(trainer.data.training),
        "judged": len(trainer.data.validation),
        "fold": request.fold,
        "starts": {part: {"file": path.name, "sha256": sha256_of(path)} for part, path in starts.items()},
        "teacher_sha256": teachers.sha256,
        "validation": shares,
        SEEN: joined(used.union(*before)),
        "packages": {name: version(name) for name in PACKAGES},
    }


def _counts(request: Request) -> dict[str, int]:
    """Return how many clips of the training split each list has, by its name; lists of one name count together."""
    found: dict[str, int] = {}
    for source, clips in zip(request.sources, read_sets(request.sources, request.train_split), strict=True):
        found[source.name] = found.get(source.name, 0) + len(clips)
    return found


def make_folders(work: Path, out: Path) -> None:
    """Make the folders of a run before it takes hours.

    Raises:
        AdafocusError: ``out`` is a folder.
    """
    if out.is_dir():
        raise AdafocusError(f"--out is the folder {out}, expected the name of a file.")
    for folder in (work, out.parent):
        folder.mkdir(parents=True, exist_ok=True)


def _labels(path: Path | None, clips: Sequence[LabeledClip]) -> tuple[str, ...]:
    """Return the class names of a file, or those that the clips show.

    Raises:
        AdafocusError: the file is no list of names, or there is one class only.
    """
    shown = tuple(sorted({label for clip in clips for label in clip.labels}))
    labels = shown if path is None else read_class_names(path)
    if len(labels) < 2:
        raise AdafocusError(
            f"There is only the class {labels[0]!r}, so nothing can be told apart. List clips of at least two classes"
            + ("." if path is None else f", and name them in {path}.")
        )
    return labels
