"""What runs in a window: clips that are only decoded, glanced at, looked at in full, or that may stop early."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bundle.manifest import ExitBudget
from adafocus.edge.energy.measuring.clips import LabeledVideo
from adafocus.edge.energy.report import Workload
from adafocus.edge.exits import NEVER
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.video.clip import read_clip
from adafocus.errors import OF_ONE_INPUT, AdafocusError, sentence_of

# measured of the bundle's table besides the row of `exits`
MORE_BUDGETS = 2


@dataclass(frozen=True)
class Job:
    """One workload of a round.

    Attributes:
        workload: its name in the report.
        run: works on the clip of a number, from its file on.
        budget: number of the row of the bundle's table, where its thresholds are of one that is no other workload's.
    """

    workload: Workload
    run: Callable[[int], object]
    budget: int | None = None


@dataclass(frozen=True)
class Trial:
    """What every clip did when it was recognized once in full.

    Attributes:
        clips: that can be read.
        broken: a sentence for each that cannot.
        confidences: ``(n, exits)`` of every exit.
        right: ``(n, exits)`` whether the label of an exit was right; rows of clips without a label are NaN.
        gmac: ``(exits,)`` 10^9 multiply-accumulates of a clip that stops at each exit.
        seconds: of a clip, the mean.
    """

    clips: tuple[LabeledVideo, ...]
    broken: dict[Path, str]
    confidences: NDArray[np.float64]
    right: NDArray[np.float64]
    gmac: NDArray[np.float64]
    seconds: float

    def exits(self, thresholds: Sequence[float]) -> NDArray[np.int64]:
        """Return the exit that each clip takes, ``(n,)``."""
        reached = self.confidences[:, :-1] >= np.asarray(thresholds)
        last = np.ones((len(reached), 1), bool)
        return np.argmax(np.concatenate([reached, last], axis=1), axis=1)

    def right_at(self, exits: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return 0 or 1 for each labeled clip that stops at these exits."""
        found = self.right[np.arange(len(exits)), exits]
        return found[~np.isnan(found)]


def try_clips(recognizer: Recognizer, clips: Sequence[LabeledVideo], tell: Callable[[int], None]) -> Trial:
    """Recognize every clip once and pass every exit, so that what any thresholds do to it is known.

    Args:
        recognizer: of the bundle.
        clips: to try.
        tell: is told after each how many are done.

    Raises:
        AdafocusError: none can be read.
    """
    usable, broken, sure, right, spent_s = [], {}, [], [], []
    recognizer.thresholds = never(recognizer)
    for number, clip in enumerate(clips, 1):
        began = time.perf_counter()
        try:
            prediction = recognizer.recognize(clip.path)
        except OF_ONE_INPUT as error:
            broken[clip.path] = sentence_of(error, clip.path)
            continue
        spent_s.append(time.perf_counter() - began)
        usable.append(clip)
        sure.append(prediction.confidences)
        best = [int(np.argmax(logits)) for logits in prediction.exit_logits]
        right.append([float(label in clip.labels) if clip.labels else np.nan for label in best])
        tell(number)
    if not usable:
        found = next(iter(broken.values()))
        raise AdafocusError(found if len(broken) == 1 else f"None of {len(broken)} clips can be read. {found}")
    gmac = np.asarray(recognizer.exit_macs) / 1e9
    return Trial(tuple(usable), broken, np.asarray(sure), np.asarray(right), gmac, float(np.mean(spent_s)))


def never(recognizer: Recognizer) -> tuple[float, ...]:
    """Return thresholds with which every exit is asked, as in use, and none is taken."""
    return (NEVER,) * (len(recognizer.exit_macs) - 1)


def jobs_of(
    recognizer: Recognizer,
    videos: Sequence[Path],
    exits: Sequence[float] | None,
    budgets: dict[int, Sequence[float]],
    plain: Recognizer | None,
) -> list[Job]:
    """Return the workloads of a round.

    Args:
        recognizer: of the bundle.
        videos: the clips.
        exits: thresholds of ``exits``; None: it is left out.
        budgets: thresholds of rows of the bundle's table that are measured besides, by number.
        plain: of the baseline; None: it is left out.
    """
    geometry = recognizer.bundle.manifest.geometry

    def decode(number: int) -> object:
        return read_clip(videos[number], geometry)

    def glance(number: int) -> object:
        recognizer.thresholds = None
        return recognizer.recognize_clip(read_clip(videos[number], geometry), stop_after="glance")

    jobs = [Job("decode", decode), Job("glance", glance), Job("full", _to_an_exit(recognizer, videos, None))]
    if exits is not None:
        jobs.append(Job("exits", _to_an_exit(recognizer, videos, exits)))
    jobs += [Job("exits", _to_an_exit(recognizer, videos, row), number) for number, row in budgets.items()]
    if plain is not None:
        jobs.append(Job("plain", _to_an_exit(plain, videos, None)))
    return jobs


def _to_an_exit(
    recognizer: Recognizer, videos: Sequence[Path], thresholds: Sequence[float] | None
) -> Callable[[int], object]:
    """Return what recognizes a clip with these thresholds; None: it never stops early."""
    chosen = tuple(thresholds) if thresholds is not None else never(recognizer)

    def recognize(number: int) -> object:
        recognizer.thresholds = chosen
        return recognizer.recognize(videos[number])

    return recognize


def table_of(budgets: Sequence[ExitBudget]) -> list[ExitBudget]:
    """Return the rows of a bundle's table that hold on any device: those in GMAC, else all, from the smallest on."""
    rows = [row for row in budgets if row.unit == "GMAC"] or list(budgets)
    return sorted(rows, key=lambda row: (row.unit, row.budget))


def rows_between(count: int, taken: int, wanted: int = MORE_BUDGETS) -> list[int]:
    """Return numbers of ``wanted`` rows of a table of ``count``, spread over it, without the one that is taken."""
    others = [number for number in range(count) if number != taken]
    places = np.linspace(0, len(others) - 1, min(wanted, len(others))).round().astype(int)
    return [others[place] for place in dict.fromkeys(places.tolist())]
