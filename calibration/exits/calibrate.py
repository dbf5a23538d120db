"""Thresholds of a bundle's exits, from held-out clips run through its converted stages by the code of the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adafocus.calibration.datasets import read_clips
from adafocus.calibration.exits.cross_validation import (
    FOLDS,
    OFFICIAL_CRITERIA,
    REPEATS,
    Sample,
    Trial,
    Unseen,
    best_choice,
    candidates,
    cross_validated,
    official_candidates,
)
from adafocus.calibration.exits.fitting import Choice, budget_table, exit_costs, refuse_joules
from adafocus.calibration.predictions.ablations import LEARNED
from adafocus.calibration.predictions.collect import Way
from adafocus.calibration.predictions.ground_truth import read_label_map, truth_of
from adafocus.calibration.predictions.store import answers_of
from adafocus.edge.budget.costs import MACS_PER_GMAC, Budget, refuse_out_of_range
from adafocus.edge.bundle.manifest import Calibration, ExitBudget, Exits
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError

AUTO = "auto"
METHODS = ("best", "official")


@dataclass(frozen=True)
class Request:
    """What to calibrate with.

    Attributes:
        clip_list: a clip set that the network did not learn from.
        split: of it.
        label_map: YAML from its labels to the bundle's, where they differ.
        budgets: rows beside those of the table.
        criterion: how sureness is measured; ``auto``: whichever does best on unseen groups.
        method: ``best`` on unseen groups, or the ``official`` routine.
        folds: parts into which groups are divided.
        groups_within_labels: groups are numbered within each label, as those of UCF-101 are.
        store: file that keeps the answers.
    """

    clip_list: Path
    split: str
    label_map: Path | None = None
    budgets: tuple[Budget, ...] = ()
    criterion: str = AUTO
    method: str = "best"
    folds: int = FOLDS
    groups_within_labels: bool = False
    store: Path | None = None


@dataclass(frozen=True)
class Calibrated:
    """What was found.

    Attributes:
        exits: for the manifest.
        unseen: what each of its rows comes to on unseen groups.
        trials: what was tried.
        full: cost in GMAC and share of right answers where no clip stops early.
        glance: likewise of the glance alone.
    """

    exits: Exits
    unseen: tuple[Unseen, ...]
    trials: tuple[Trial, ...]
    full: tuple[float, float]
    glance: tuple[float, float]


def calibrate_bundle(recognizer: Recognizer, request: Request) -> Calibrated:
    """Ask every exit about the clips and find thresholds for a table of budgets.

    Raises:
        AdafocusError: the clips cannot be read or are of one group, a label is unknown, or a budget cannot be met.
    """
    choices = _choices(request, len(recognizer.exit_macs))
    budgets = _budgets(request.budgets, recognizer.exit_macs)
    sample = _asked(recognizer, request)
    for budget in budgets:
        if budget.unit == "ms":
            costs = exit_costs(sample.answers, budget.unit)
            refuse_out_of_range(budget, float(costs[0]), float(costs[-1]))
    choice, trials = best_choice(sample, budgets, choices, folds=request.folds, repeats=REPEATS)
    unseen = cross_validated(sample, budgets, [choice], folds=request.folds)
    fitted = sample.fit(choice, np.arange(len(sample.groups)))
    rows = [
        ExitBudget(
            unit=budget.unit,
            budget=budget.value,
            thresholds=tuple(fitted.thresholds(budget.value, exit_costs(sample.answers, budget.unit)).tolist()),
            expected_accuracy=expected.accuracy,
            expected_error=expected.error,
            expected_error_spread=expected.spread,
        )
        for budget, expected in zip(budgets, unseen, strict=True)
    ]
    calibration = Calibration(
        dataset=request.clip_list.name,
        split=request.split,
        n=len(sample.groups),
        groups=len(set(sample.groups.tolist())),
        runtime=recognizer.runtime,  # type: ignore[arg-type]
        family=choice.family,
    )
    exits = Exits(
        criterion=choice.criterion, temperature=fitted.temperature, budgets=tuple(rows), calibration=calibration
    )
    right, macs = sample.right.mean(0), sample.answers.macs / MACS_PER_GMAC
    ends = [(float(macs[place]), float(right[place])) for place in (-1, 0)]
    return Calibrated(exits, tuple(unseen), tuple(trials), *ends)


def _choices(request: Request, exits: int) -> list[Choice]:
    every = official_candidates() if request.method == "official" else candidates(exits)
    chosen = [choice for choice in every if request.criterion in (AUTO, choice.criterion)]
    if not chosen:
        raise AdafocusError(
            f"The official routine has no criterion {request.criterion!r}, only {' or '.join(OFFICIAL_CRITERIA)}. "
            "Leave --criterion out, or --method official."
        )
    return chosen


def _budgets(asked: Sequence[Budget], exit_macs: Sequence[int]) -> list[Budget]:
    """The table's and those that were asked, each once; by unit, the smallest first."""
    for budget in asked:
        refuse_joules(budget.unit)
        if budget.unit == "GMAC":
            refuse_out_of_range(budget, exit_macs[0] / MACS_PER_GMAC, exit_macs[-1] / MACS_PER_GMAC)
    return sorted({*budget_table(exit_macs), *asked}, key=lambda budget: (budget.unit, budget.value))


def _asked(recognizer: Recognizer, request: Request) -> Sample:
    """Answers of all exits; unknown labels are told before hours of work."""
    labels = recognizer.bundle.manifest.labels
    clips, names = read_clips(request.clip_list, request.split), read_label_map(request.label_map)
    truth_of(clips, labels, names)
    answers = answers_of(recognizer, clips, {LEARNED: Way()}, request.store)[LEARNED]
    within = request.groups_within_labels
    groups = [f"{clip.label}/{clip.group}" if within else clip.group for clip in answers.clips]
    return Sample(answers, truth_of(answers.clips, labels, names), np.array(groups))
