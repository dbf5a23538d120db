"""Training data: folds, classes, augmented clips, and the order in which they come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from adafocus.calibration.datasets import FrameCache, LabeledClip, read_clips
from adafocus.calibration.datasets.labeled_clip import plain_name, split_name, spread_evenly
from adafocus.calibration.training.losses import Target
from adafocus.calibration.training.tasks import Batch, Task
from adafocus.errors import AdafocusError

# of a clip that only the teacher labels; the cross-entropy ignores it
NO_LABEL = -1
MAX_LISTED = 5
# whose statistics the norms of a folded checkpoint start with
MEASURED_CLIPS = 64
# the split that is validated on where none is named
USUAL_VALIDATION = "val"
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
            AdafocusError: the text is anything else.
        """
        number, slash, count = text.partition("/")
        if not slash or not (number.isdigit() and count.isdigit()) or not 1 <= int(number) <= int(count) >= 2:
            raise AdafocusError(f"The fold is {text!r}, expected for example 2/5, the second of five.")
        return cls(int(number), int(count))


def split_folds(clips: Sequence[LabeledClip], fold: Fold, seed: int) -> tuple[list[int], list[int]]:
    """Return training and validation indices; a group is never in both, and classes are spread evenly.

    A group is one source whatever its clips show: groups of equal names in two classes are one group.

    Raises:
        AdafocusError: there are fewer groups than folds, no class has as many clips, or a fold would be empty.
    """
    groups, labels = [clip.group for clip in clips], [clip.label for clip in clips]
    count, most = len(set(groups)), max(Counter(labels).values())
    if count < fold.count:
        raise AdafocusError(
            f"{fold.count} folds need as many groups, found {count}: {', '.join(sorted(set(groups))[:MAX_LISTED])}. "
            "Ask for fewer folds, or name the source of each clip in the column group."
        )
    if most < fold.count:
        raise AdafocusError(
            f"{fold.count} folds need a class with as many clips, but no class has more than {most}. Ask for fewer "
            "folds, or list more clips."
        )
    folds = StratifiedGroupKFold(fold.count, shuffle=True, random_state=seed)
    training, validation = list(folds.split(np.zeros(len(clips)), labels, groups))[fold.number - 1]
    if not (len(training) and len(validation)):
        raise AdafocusError(
            f"Fold {fold.number} of {fold.count} would leave no clip to "
            f"{'validate' if len(training) else 'train'} on, as some of the {count} groups are much larger than "
            "others. Ask for fewer folds."
        )
    return training.tolist(), validation.tolist()


def choose_clips(
    sources: Sequence[Path], train_split: str | None, val_split: str | None, fold: str | None, seed: int
) -> tuple[list[LabeledClip], list[int], list[int]]:
    """Return all clips that are needed, the indices to train on and the indices to validate on.

    Args:
        sources: clip sets.
        train_split: of the clips to train on; None for every clip.
        val_split: of the clips to validate on; None for none.
        fold: as :meth:`Fold.parse` reads it: the clips of ``train_split`` are divided by group instead, and one fold
            validates.
        seed: of the folds.

    Raises:
        AdafocusError: nothing is left to train on, or a group would be on both sides.
    """
    clips = read_clips(sources, train_split)
    if fold is not None:
        return (clips, *split_folds(clips, Fold.parse(fold), seed))
    training = list(range(len(clips)))
    if val_split is None or train_split is None:
        return clips, training, []
    listed = read_clips(sources)
    validation = [clip for clip in listed if clip.split == split_name(val_split)]
    if not validation:
        _refuse_misspelt_split(val_split, {clip.split for clip in listed}, split_name(train_split))
    return clips + validation, training, list(range(len(clips), len(clips) + len(validation)))


def _refuse_misspelt_split(asked: str, known: set[str], training: str) -> None:
    """Refuse a split that no clip is of; a set of training clips alone is trained on without validation.

    Raises:
        AdafocusError: the split was named, or there are others that may be meant.
    """
    if split_name(asked) == USUAL_VALIDATION and known == {training}:
        return
    raise AdafocusError(
        f"The clip lists have no clip of split {asked!r} to validate on, only of {', '.join(sorted(known))}. Name one "
        "of those, --val-split NAME, or train without validation: --val-split none"
    )


def class_indices(clips: Sequence[LabeledClip], labels: Sequence[str], *, needed: bool) -> list[tuple[int, ...]]:
    """Return the classes of every clip; a clip has none where the network knows none of its labels.

    Raises:
        AdafocusError: ``needed`` and a clip has no label that the network knows.
    """
    places = {plain_name(label): place for place, label in enumerate(labels)}
    shown = [[plain_name(label) for label in clip.labels] for clip in clips]
    found = [tuple(places[label] for label in names if label in places) for names in shown]
    unknown = sorted({clip.label for clip, classes in zip(clips, found, strict=True) if not classes})
    if needed and unknown:
        raise AdafocusError(
            f"The clips show {', '.join(unknown[:5])}, which the network has no class for. Give --labels a file that "
            "names every class, or leave it out."
        )
    return found


def refuse_nothing_to_learn(clips: Sequence[LabeledClip], training: Sequence[int], validation: Sequence[int]) -> None:
    """Refuse clips from which labels alone teach nothing.

    Raises:
        AdafocusError: all clips to train on show one class, or a class is shown by clips to validate on alone.
    """
    taught = {label for index in training for label in clips[index].labels}
    if len(taught) < 2:
        raise AdafocusError(
            f"All clips to train on show {', '.join(taught)!r}, so there is nothing to learn. Give clips of a second "
            "class the split that is trained on, or check --train-split and --fold."
        )
    unseen = sorted({label for index in validation for label in clips[index].labels} - taught)
    if unseen:
        more = f" and {len(unseen) - MAX_LISTED} more" if len(unseen) > MAX_LISTED else ""
        raise AdafocusError(
            f"Only clips to validate on show {', '.join(unseen[:MAX_LISTED])}{more}, so that cannot be learned. Give "
            "clips of it the split that is trained on, or take it off the list; folds need several groups of a class."
        )


@dataclass(frozen=True)
class TrainingData:
    """Cached clips with their targets.

    Attributes:
        cache: of the frames.
        classes: of every clip; one is drawn where there are several.
        training: indices of the clips to train on.
        validation: indices of the clips to validate on.
        teacher_logits: ``(clips, K)`` of the teacher, or None.
    """

    cache: FrameCache
    classes: Sequence[tuple[int, ...]]
    training: NDArray[np.int64]
    validation: NDArray[np.int64]
    teacher_logits: Tensor | None = None


class TrainingClips(Dataset):
    """``(epoch, clip)`` -> inputs, class, teacher's logits; every key has random draws of its own, in any order."""

    def __init__(self, task: Task, data: TrainingData) -> None:
        self._task, self._data = task, data

    def __getitem__(self, key: Key) -> tuple[Batch, int, Tensor]:
        """Augment one clip and draw one of its classes."""
        epoch, index = key
        data = self._data
        rng = np.random.default_rng((self._task.recipe.seed, epoch, index))
        inputs, classes = self._task.inputs(data.cache.read(index), rng), data.classes[index]
        drawn = int(rng.choice(classes)) if classes else NO_LABEL
        return inputs, drawn, torch.empty(0) if data.teacher_logits is None else data.teacher_logits[index]


class ValidationClips(Dataset):
    """Position among the validation clips -> inputs of inference, classes of the clip."""

    def __init__(self, task: Task, data: TrainingData) -> None:
        self._task, self._data = task, data

    def __len__(self) -> int:
        return len(self._data.validation)

    def __getitem__(self, position: int) -> tuple[Batch, tuple[int, ...]]:
        """Return one clip as the device sees it."""
        index = int(self._data.validation[position])
        return self._task.inputs(self._data.cache.read(index), None), self._data.classes[index]


@torch.no_grad()
def run_inference(task: Task, data: TrainingData) -> None:
    """Run a task's network as a device would, on some clips of all that it is to learn from."""
    task.eval()
    for index in spread_evenly(data.training.tolist(), MEASURED_CLIPS):
        task.predict(as_batch([task.inputs(data.cache.read(index), None)]))


class StepSampler(Sampler):
    """The clips of one process, step by step from any step on; every epoch is a permutation of its own."""

    def __init__(self, indices: NDArray[np.int64], batch: int, epochs: int, seed: int, rank: int, world: int) -> None:
        self._indices, self._batch, self._seed = indices, batch, seed
        self._rank, self._world = rank, world
        self.per_epoch = len(indices) // batch
        self.total = self.per_epoch * epochs
        self.start = 0

    def __len__(self) -> int:
        return self.total - self.start

    def __iter__(self) -> Iterator[list[Key]]:
        for step in range(self.start, self.total):
            epoch, position = divmod(step, self.per_epoch)
            order = np.random.default_rng((self._seed, epoch)).permutation(self._indices)
            whole = order[position * self._batch : (position + 1) * self._batch]
            yield [(epoch, int(index)) for index in whole[self._rank :: self._world]]


def as_batch(clips: Sequence[Batch]) -> Batch:
    """Stack the inputs of clips; frames of their own sizes become a list."""
    parts = zip(*clips, strict=True)
    return tuple(torch.stack(part) if isinstance(part[0], Tensor) else list(part) for part in parts)


def collate(rows: list[tuple[Batch, int, Tensor]]) -> tuple[Batch, Target]:
    """Stack clips into a batch."""
    inputs = as_batch([row[0] for row in rows])
    teacher = torch.stack([row[2] for row in rows])
    return inputs, Target(torch.tensor([row[1] for row in rows]), teacher if teacher.shape[1] else None)
