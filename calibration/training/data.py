"""Clips as training sees them: which teach, which judge, what each should answer, and in which order they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from adafocus.calibration.datasets import FrameCache, LabeledClip
from adafocus.calibration.training.losses import Target
from adafocus.calibration.training.tasks import Batch, Task
from adafocus.errors import AdafocusError

NO_LABEL = -1
Key = tuple[int, int]


@dataclass(frozen=True)
class Fold:
    """Fold ``number`` of ``count``, counted from 1."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Fold:
        """Read ``2/5``.

        Raises:
            AdafocusError: anything else.
        """
        number, slash, count = text.partition("/")
        if not slash or not (number.isdigit() and count.isdigit()) or not 1 <= int(number) <= int(count) >= 2:
            raise AdafocusError(f"the fold is {text!r}, expected for example 2/5, the second of five.")
        return cls(int(number), int(count))


def split_folds(clips: Sequence[LabeledClip], fold: Fold, seed: int) -> tuple[list[int], list[int]]:
    """Indices that teach and indices that judge; a group is never in both, classes are spread evenly.

    Raises:
        AdafocusError: there are fewer groups than folds.
    """
    groups = [f"{clip.label}/{clip.group}" for clip in clips]
    if len(set(groups)) < fold.count:
        raise AdafocusError(f"{fold.count} folds need as many groups, found {len(set(groups))}. Ask for fewer folds.")
    folds = StratifiedGroupKFold(fold.count, shuffle=True, random_state=seed)
    labels = [clip.label for clip in clips]
    taught, judged = list(folds.split(np.zeros(len(clips)), labels, groups))[fold.number - 1]
    return taught.tolist(), judged.tolist()


def class_indices(clips: Sequence[LabeledClip], labels: Sequence[str], *, needed: bool) -> list[tuple[int, ...]]:
    """Classes of every clip; none where its labels are not among ``labels`` and a teacher answers instead.

    Raises:
        AdafocusError: ``needed`` and a clip has no label that the network knows.
    """
    places = {label: place for place, label in enumerate(labels)}
    found = [tuple(places[label] for label in clip.labels if label in places) for clip in clips]
    lost = sorted({clip.label for clip, classes in zip(clips, found, strict=True) if not classes})
    if needed and lost:
        raise AdafocusError(
            f"The clips show {', '.join(lost[:5])}, which the network has no class for. Give --labels a file that "
            "names every class, or leave it out."
        )
    return found


@dataclass(frozen=True)
class Material:
    """Cached clips and what they should answer.

    Attributes:
        cache: of the frames.
        classes: of every clip; one is drawn where there are several.
        labels: class names.
        taught: indices of the clips to learn from.
        judged: indices of the clips to validate on.
        soft: ``(clips, K)`` logits of the teacher, or None.
    """

    cache: FrameCache
    classes: Sequence[tuple[int, ...]]
    labels: tuple[str, ...]
    taught: NDArray[np.int64]
    judged: NDArray[np.int64]
    soft: Tensor | None = None


class TrainingViews(Dataset):
    """``(epoch, clip)`` -> inputs, class, teacher's logits; every key has random draws of its own, in any order."""

    def __init__(self, task: Task, material: Material) -> None:
        self._task, self._material = task, material
        self._seed = task.recipe.seed

    def __getitem__(self, key: Key) -> tuple[Batch, int, Tensor]:
        """One augmented clip."""
        epoch, index = key
        material = self._material
        rng = np.random.default_rng((self._seed, epoch, index))
        inputs = self._task.inputs(material.cache.read(index), rng)
        return inputs, drawn_class(material.classes[index], rng), teacher_row(material.soft, index)


class CentreViews(Dataset):
    """Position among ``indices`` -> inputs of inference, classes of the clip."""

    def __init__(self, task: Task, material: Material, indices: NDArray[np.int64]) -> None:
        self._task, self._material, self._indices = task, material, indices

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, position: int) -> tuple[Batch, tuple[int, ...]]:
        """One clip as the device sees it."""
        index = int(self._indices[position])
        return self._task.inputs(self._material.cache.read(index), None), self._material.classes[index]


class Steps(Sampler):
    """The clips of one process, step by step from any step on; every epoch is a permutation of its own."""

    def __init__(self, taught: NDArray[np.int64], batch: int, epochs: int, seed: int, rank: int, world: int) -> None:
        self._taught, self._batch, self._seed = taught, batch, seed
        self._rank, self._world = rank, world
        self.per_epoch = len(taught) // batch
        self.total = self.per_epoch * epochs
        self.start, self.stop = 0, self.total

    def __len__(self) -> int:
        return self.stop - self.start

    def __iter__(self) -> Iterator[list[Key]]:
        for step in range(self.start, self.stop):
            epoch, position = divmod(step, self.per_epoch)
            order = np.random.default_rng((self._seed, epoch)).permutation(self._taught)
            whole = order[position * self._batch : (position + 1) * self._batch]
            yield [(epoch, int(index)) for index in whole[self._rank :: self._world]]


def drawn_class(classes: tuple[int, ...], rng: np.random.Generator) -> int:
    """One of a clip's classes at random, or :data:`NO_LABEL`."""
    return int(rng.choice(classes)) if classes else NO_LABEL


def teacher_row(soft: Tensor | None, index: int) -> Tensor:
    """The teacher's logits of a clip ``(K,)``; empty without a teacher."""
    return torch.empty(0) if soft is None else soft[index]


def collate(rows: list[tuple[Batch, int, Tensor]]) -> tuple[Batch, Target]:
    """Clips to a batch."""
    inputs = tuple(torch.stack(parts) for parts in zip(*(row[0] for row in rows), strict=True))
    soft = torch.stack([row[2] for row in rows])
    return inputs, Target(torch.tensor([row[1] for row in rows]), soft if soft.shape[1] else None)
