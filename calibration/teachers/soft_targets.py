"""What a network is to learn from its teachers: one prediction for every clip, the mean of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from rich.progress import track
from torch import Tensor

from adafocus.calibration.datasets import FrameCache, LabeledClip
from adafocus.calibration.datasets.cache_entry import content_key
from adafocus.calibration.datasets.fingerprints import DIGITS, parted
from adafocus.calibration.teachers.answers import Answers, is_answers, read_answers, refuse_missing
from adafocus.calibration.teachers.loading import load_teacher, open_teacher
from adafocus.calibration.teachers.predict import mean_probability
from adafocus.calibration.teachers.probe import FITTED
from adafocus.calibration.teachers.sparse_clips import SparseClips
from adafocus.calibration.training.checkpoint import is_checkpoint, seen_by
from adafocus.calibration.training.recipe import Classifier
from adafocus.calibration.training.resuming import digest
from adafocus.calibration.training.tasks import classifier_config, classifier_input
from adafocus.edge.bundle.files import replacing_file, sha256_of
from adafocus.errors import AdafocusError, CheckpointError, shell_word
from adafocus.networks.checkpoints import read_pickle


class Teachers:
    """The teachers of a training run: checkpoints, which are asked, and files of stored answers.

    The soft target is the mean of their probabilities, not of their logits: how far logits lie apart differs from
    network to network and says nothing of how often it is right, so the loudest one would decide a mean of logits.
    """

    def __init__(self, paths: Sequence[Path], shape: Classifier | None, labels: Sequence[str]) -> None:
        """Open all of them, before anything takes long.

        Args:
            paths: of checkpoints and of files of stored answers.
            shape: how a checkpoint sees a clip, as the recipe's ``teacher`` says; None where it is to say so itself.
            labels: K class names of the network that learns.

        Raises:
            AdafocusError: one cannot be read, or knows other classes.
        """
        self._labels = tuple(labels)
        self._stored = {path: read_answers(path) for path in paths if is_answers(path)}
        self._shapes = {path: _shape_of(path, shape) for path in paths if path not in self._stored}
        self._orders = {path: self._order(path, answers) for path, answers in self._stored.items()}

    @property
    def sha256(self) -> str | None:
        """Digest of the teachers in their order, that of the file where there is one; None without teachers."""
        digests = [sha256_of(path) for path in (*self._shapes, *self._stored)]
        return digest(digests) if len(digests) > 1 else next(iter(digests), None)

    @property
    def seen(self) -> set[str]:
        """Fingerprints of the clips that the teachers were made with."""
        return set().union(*map(seen_by, self._shapes), *(answers.seen for answers in self._stored.values()))

    def check(self, clips: Sequence[LabeledClip], validation: Sequence[int], sources: Sequence[Path]) -> None:
        """Refuse stored answers that lack clips, and those of a probe that was fitted to clips that validate.

        Clips that cannot be read are left to the cache.

        Args:
            clips: of the run.
            validation: places of those that validate.
            sources: clip sets, for the command that adds what is missing.

        Raises:
            AdafocusError: it names the file, and what to type.
        """
        if not self._stored:
            return
        keys = {index: key for index, clip in enumerate(clips) if (key := _key(clip))}
        judged = {keys[index][:DIGITS] for index in validation if index in keys}
        for path, answers in self._stored.items():
            refuse_missing(path, answers, keys.values(), sources)
            known = judged & parted(answers.made_from.get(FITTED, ""))
            if known:
                raise AdafocusError(
                    f"{path} is a probe that was fitted to {len(known)} of the {len(judged)} clips to validate on, so "
                    "what is learned from it cannot be validated on them. Fit it to the clips to train on alone, with "
                    "the same --fold, --train-split and --seed."
                )

    def logits(self, cache: FrameCache, folder: Path) -> Tensor | None:
        """Return the mean prediction as log-probabilities ``(clips, K)``; None without teachers.

        Broken clips have even ones, which nobody looks at.

        Args:
            cache: of the clips.
            folder: where the answers of checkpoints are kept.

        Raises:
            AdafocusError: a checkpoint has another number of classes.
        """
        rows = [_asked(cache, path, shape, len(self._labels), folder) for path, shape in self._shapes.items()]
        usable = cache.usable()
        for path, answers in self._stored.items():
            stored = torch.zeros(len(cache.clips), len(self._labels))
            logits = answers.logits(cache.content_key(index) for index in usable)
            stored[usable] = torch.from_numpy(logits[:, self._orders[path]])
            rows.append(stored)
        return mean_probability(torch.stack(rows)) if rows else None

    def _order(self, path: Path, answers: Answers) -> list[int]:
        """Return where the network's classes stand among those of stored answers.

        Raises:
            AdafocusError: they are others.
        """
        if answers.labels:
            apart = sorted(set(self._labels) ^ set(answers.labels))
            if apart:
                raise AdafocusError(
                    f"{path} knows {len(answers.labels)} classes and the network {len(self._labels)}; they differ in "
                    f"{apart[0]!r}. Check --labels, or make answers of these classes: adafocus probe"
                )
            return [answers.labels.index(label) for label in self._labels]
        if answers.classes != len(self._labels):
            raise AdafocusError(
                f"{path} has {answers.classes} classes, but the clips have {len(self._labels)}: check --labels, or "
                "make answers of these classes: adafocus probe"
            )
        return list(range(answers.classes))


def _key(clip: LabeledClip) -> str:
    """Return what stands for the content of a clip; nothing where it cannot be read."""
    try:
        return content_key(clip.path)
    except OSError:
        return ""


def _shape_of(path: Path, shape: Classifier | None) -> Classifier:
    """Return how a checkpoint sees a clip of the cache.

    Raises:
        AdafocusError: it cannot be read, or nothing says how it sees a clip, or it sees other ones.
    """
    if shape is not None:
        load_teacher(path, shape.backbone)
        return shape
    clips = open_teacher(path).clips
    if is_checkpoint(path) and isinstance(clips, SparseClips) and not clips.shape.views:
        return clips.shape
    raise AdafocusError(
        f"Nothing says how the teacher {path} sees the clips. Store its answers, adafocus predict {shell_word(path)} "
        "--clips CLIPS --out answers.npz, and learn from them, --teacher answers.npz; or, for an X3D, add the key "
        "teacher to the recipe."
    )


def _kept(store: Path) -> Tensor | None:
    """Return what was computed before; None where there is nothing, or it is damaged and so computed again."""
    if not store.is_file():
        return None
    try:
        kept = read_pickle(store)
    except CheckpointError:
        return None
    return kept if isinstance(kept, Tensor) and bool(kept.isfinite().all()) else None


@torch.no_grad()
def _asked(cache: FrameCache, teacher: Path, shape: Classifier, classes: int, folder: Path) -> Tensor:
    """Return a checkpoint's logits ``(clips, K)``, mean over a clip and its mirror image, computed once for them.

    Raises:
        AdafocusError: the teacher has another number of classes.
    """
    usable = cache.usable()
    contents = ("" if index in cache.broken else cache.content_key(index) for index in range(len(cache.clips)))
    made_from = digest([sha256_of(teacher), repr(shape), *contents])
    store = folder / f"teacher-{made_from[:12]}.pt"
    kept = _kept(store)
    if kept is not None and kept.shape == (len(cache.clips), classes):
        return kept
    net, config = load_teacher(teacher, shape.backbone), classifier_config(shape)
    rows = torch.zeros(len(cache.clips), classes)
    for index in track(usable, "teacher"):
        view = classifier_input(cache.read(index), config)[None]
        logits = (net(view) + net(view.flip(-1)))[0] / 2
        if len(logits) != classes:
            raise AdafocusError(f"{teacher} has {len(logits)} classes, but the clips have {classes}: check --labels.")
        rows[index] = logits
    with replacing_file(store) as beside:
        torch.save(rows, beside)
    return rows
