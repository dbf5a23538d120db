"""The whole of ``adafocus probe``: a linear classifier on stored features of one or several teachers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.preprocessing import normalize

from adafocus.calibration.datasets import LabeledClip
from adafocus.calibration.datasets.fingerprints import DIGITS, joined
from adafocus.calibration.teachers.answers import Answers, clip_key, read_features, refuse_missing, write_answers
from adafocus.calibration.teachers.linear_fit import Values, best_strength, classifier, log_probabilities
from adafocus.calibration.training.data import Fold, choose_clips, split_folds
from adafocus.edge.bundle.files import sha256_of
from adafocus.errors import AdafocusError, shell_word

# in what a probe was made from: fingerprints of the clips that it was fitted to
FITTED = "fitted"


@dataclass(frozen=True)
class Request:
    """What to fit, to which clips.

    Attributes:
        stored: files of answers with features.
        sources: clip sets.
        train_split: of the clips to fit to; None for every clip.
        val_split: of the clips that are answered besides; None for none.
        fold: as ``Fold.parse`` reads it, as in training.
        folds: parts of the clips to fit to; each is answered by a fit to the others.
        seed: of all folds.
        out: file of the answers.
    """

    stored: Sequence[Path]
    sources: Sequence[Path]
    train_split: str | None
    val_split: str | None
    fold: str | None
    folds: int
    seed: int
    out: Path


@dataclass(frozen=True)
class Fitted:
    """A fit, and what it says.

    Attributes:
        training: ``(n, K)`` log-probabilities of the clips to fit to, each by a fit to other groups.
        validation: ``(m, K)`` log-probabilities of the others, by a fit to all clips to fit to.
        strength: inverse strength of the pull towards zero weights.
    """

    training: Values
    validation: Values
    strength: float


def probe(request: Request) -> Answers:
    """Fit a linear classifier and store its answers; say how many are right.

    Answers on clips that it is fitted to come from fits to other groups, so that they are no better than those on new
    clips: a teacher that knows its clips by heart teaches nothing but their labels.

    Raises:
        AdafocusError: something given is missing or does not fit.
    """
    stored = [read_features(path) for path in request.stored]
    clips, training, validation = choose_clips(
        request.sources, request.train_split, request.val_split, request.fold, request.seed
    )
    keys = [clip_key(clip) for clip in clips]
    for path, answers in zip(request.stored, stored, strict=True):
        refuse_missing(path, answers, keys, request.sources)
    labels = tuple(sorted({clips[index].label for index in training}))
    _refuse_one_class(labels)
    parts = _folds([clips[index] for index in training], request)
    # of length 1: how large a clip's features are says how sure the teacher is, not what is shown
    features = [normalize(answers.features(keys).astype(np.float64)) for answers in stored]
    given = {path.name: [part] for path, part in zip(request.stored, features, strict=True)}
    if len(features) > 1:
        given["together"] = features
    table = Table("features of", "out of fold", *(("validation",) if validation else ()))
    for name, joint in given.items():
        fitted = _fit([part[training] for part in joint], [part[validation] for part in joint], clips, training, parts)
        shares = [_share(fitted.training, labels, [clips[index] for index in training])]
        if validation:
            shares.append(_share(fitted.validation, labels, [clips[index] for index in validation]))
        table.add_row(name, *shares)
    logits = np.concatenate([fitted.training, fitted.validation]).astype(np.float32)
    order = [keys[index] for index in (*training, *validation)]
    answers = Answers(
        {key: (row, np.empty(0, np.float32)) for key, row in zip(order, logits, strict=True)},
        labels,
        {
            "probe_of": [sha256_of(path) for path in request.stored],
            "strength": fitted.strength,
            "folds": request.folds,
            "seed": request.seed,
            FITTED: joined(keys[index][:DIGITS] for index in training),
        },
        ("adafocus", "probe", *map(shell_word, request.stored)),
        frozenset().union({keys[index][:DIGITS] for index in training}, *(part.seen for part in stored)),
    )
    write_answers(request.out, answers)
    console = Console(highlight=False)
    console.print(f"{len(training)} clips to fit to, {len(validation)} others, {len(labels)} classes")
    console.print(table)
    console.print(f"wrote {request.out}", soft_wrap=True, markup=False)
    return answers


def _refuse_one_class(labels: Sequence[str]) -> None:
    """Refuse clips that all show the same."""
    if len(labels) < 2:
        raise AdafocusError(
            f"All clips to fit to show {labels[0]!r}, expected at least two classes. List clips of a second one, or "
            "check --train-split."
        )


def _folds(clips: Sequence[LabeledClip], request: Request) -> list[tuple[list[int], list[int]]]:
    """Divide the clips to fit to by group: pairs of places to fit to and to answer."""
    return [split_folds(clips, Fold(number, request.folds), request.seed) for number in range(1, request.folds + 1)]


def _fit(
    training: Sequence[Values],
    others: Sequence[Values],
    clips: Sequence[LabeledClip],
    members: Sequence[int],
    parts: Sequence[tuple[list[int], list[int]]],
) -> Fitted:
    """Fit to features of several teachers at the strength that is best out of fold, by the mean log-probability.

    Args:
        training: of every teacher ``(n, C)``, of the clips to fit to.
        others: likewise ``(m, C)``.
        clips: of the set.
        members: places of the clips to fit to among them.
        parts: folds of the clips to fit to.
    """
    labels = [clips[index].label for index in members]
    names = sorted(set(labels))
    classes = np.array([names.index(label) for label in labels])
    given, further = np.concatenate(training, 1), np.concatenate(others, 1)
    strength, rows = best_strength(given[:, None], classes, len(names), parts)
    model = classifier(strength).fit(given, classes)
    return Fitted(rows, log_probabilities(model, further, len(names)), strength)


def _share(rows: Values, labels: Sequence[str], clips: Sequence[LabeledClip]) -> str:
    """Say how many clips are answered right."""
    right = [labels[int(row.argmax())] in clip.labels for row, clip in zip(rows, clips, strict=True)]
    return f"{100 * np.mean(right):.1f} %"
