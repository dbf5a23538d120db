"""How thresholds do on groups of clips that they were not fitted to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from adafocus.calibration.exits.fitting import OFFICIAL, Choice, Fitted, exit_costs, exits_taken
from adafocus.calibration.exits.threshold_paths import FAMILIES
from adafocus.calibration.predictions.collect import Answers
from adafocus.calibration.predictions.ground_truth import Truth
from adafocus.edge.budget.costs import Budget
from adafocus.edge.exits import Criterion, confidences
from adafocus.errors import AdafocusError

CRITERIA: tuple[Criterion, ...] = ("softmax", "logit", "entropy")
OFFICIAL_CRITERIA: tuple[Criterion, ...] = ("logit", "entropy")
FOLDS, REPEATS = 5, 5


@dataclass(frozen=True)
class Unseen:
    """What a budget comes to on unseen groups.

    Attributes:
        budget: what was asked.
        cost: realized mean cost of a clip, in the budget's unit; mean over repeats.
        error: relative, ``cost / budget - 1``.
        spread: standard deviation of that error over the parts that were left out, one at a time.
        accuracy: share of right answers, 0..1; mean over repeats.
        exit_shares: share of clips that leaves at each exit.
    """

    budget: Budget
    cost: float
    error: float
    spread: float
    accuracy: float
    exit_shares: tuple[float, ...]


@dataclass(frozen=True)
class Sample:
    """Answers with what is right, and which clips belong together.

    Attributes:
        answers: of n clips.
        truth: of the same clips.
        groups: ``(n,)`` sources.
    """

    answers: Answers
    truth: Truth
    groups: NDArray[np.str_]

    @property
    def right(self) -> NDArray[np.bool_]:
        """``(n, exits)``, whether each exit's answer is among the clip's labels."""
        return np.take_along_axis(self.truth.all, self.answers.logits.argmax(-1), axis=1)

    def fit(self, choice: Choice, members: NDArray[np.int64]) -> Fitted:
        """Thresholds from some of the clips."""
        answers = self.answers
        return Fitted(choice, answers.logits[members], self.truth.first[members], answers.macs)

    def some(self, members: NDArray[np.int64]) -> Sample:
        """Some of the clips."""
        answers, truth = self.answers, self.truth
        kept = Answers(
            tuple(answers.clips[place] for place in members), answers.logits[members], answers.macs, answers.ms[members]
        )
        return Sample(kept, Truth(truth.first[members], truth.all[members]), self.groups[members])


def candidates(exits: int) -> tuple[Choice, ...]:
    """What is tried; with two exits there is one threshold, so all families are the same."""
    families = list(FAMILIES) if exits > 2 else list(FAMILIES)[:1]
    return tuple(Choice(criterion, family) for criterion in CRITERIA for family in families)


def official_candidates() -> tuple[Choice, ...]:
    """The official routine by both of its criteria."""
    return tuple(Choice(criterion, OFFICIAL) for criterion in OFFICIAL_CRITERIA)


def cross_validated(
    sample: Sample,
    budgets: Sequence[Budget],
    choices: Sequence[Choice],
    *,
    folds: int = FOLDS,
    repeats: int = REPEATS,
    seed: int = 0,
) -> list[Unseen]:
    """Fit to all groups but some, let the others leave where the thresholds say, and do so for every group.

    Args:
        sample: clips of at least two groups.
        budgets: mean costs of a clip.
        choices: how thresholds are found; of several, the best is chosen anew without the groups that are left out.
        folds: parts into which groups are divided, or one for each group where there are fewer.
        repeats: divisions that are drawn.
        seed: of the divisions.

    Raises:
        AdafocusError: there is a single group, or a budget in joules.
    """
    costs = [exit_costs(sample.answers, budget.unit) for budget in budgets]
    right, everyone = sample.right, np.arange(len(sample.groups))
    exits = right.shape[1]
    taken = np.zeros((repeats, len(budgets), len(everyone)), np.int64)
    errors: list[list[float]] = [[] for _ in budgets]
    for repeat, known, unseen in _divisions(sample.groups, folds, repeats, seed):
        choice = choices[0] if len(choices) == 1 else best_choice(sample.some(known), budgets, choices, folds=folds)[0]
        fitted = sample.fit(choice, known)
        sure = confidences(sample.answers.logits[unseen], choice.criterion, fitted.temperature)
        for place, budget in enumerate(budgets):
            leaving = exits_taken(sure, fitted.thresholds(budget.value, costs[place]))
            taken[repeat, place, unseen] = leaving
            errors[place].append(float(costs[place][leaving].mean()) / budget.value - 1)
    found = []
    for place, budget in enumerate(budgets):
        realized = float(costs[place][taken[:, place]].mean())
        shares = np.bincount(taken[:, place].ravel(), minlength=exits) / taken[:, place].size
        found.append(
            Unseen(
                budget,
                realized,
                realized / budget.value - 1,
                float(np.std(errors[place])),
                float(right[everyone, taken[:, place]].mean()),
                tuple(shares.tolist()),
            )
        )
    return found


@dataclass(frozen=True)
class Trial:
    """How one choice did on unseen groups, over all budgets.

    Attributes:
        choice: how thresholds were found.
        accuracy: mean share of right answers.
        error: mean of the budgets' absolute relative errors.
    """

    choice: Choice
    accuracy: float
    error: float


def best_choice(
    sample: Sample,
    budgets: Sequence[Budget],
    choices: Sequence[Choice],
    *,
    folds: int = FOLDS,
    repeats: int = 1,
    seed: int = 0,
) -> tuple[Choice, list[Trial]]:
    """The choice that answers best on unseen groups at these budgets, and of equal ones the one that keeps them best.

    Returns:
        the best, and how all of them did.

    Raises:
        AdafocusError: there is a single group, or a budget in joules.
    """
    trials = []
    for choice in choices:
        found = cross_validated(sample, budgets, [choice], folds=folds, repeats=repeats, seed=seed)
        accuracy, error = np.mean([(one.accuracy, abs(one.error)) for one in found], axis=0)
        trials.append(Trial(choice, float(accuracy), float(error)))
    return min(trials, key=lambda trial: (-trial.accuracy, trial.error)).choice, trials


def _divisions(
    groups: NDArray[np.str_], folds: int, repeats: int, seed: int
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
    """Number of the repeat, clips to fit to and clips that are left out."""
    count = len(set(groups.tolist()))
    if count < 2:
        raise AdafocusError(
            f"All clips are of the group {str(groups[0])!r}, expected two or more: budgets are tried on "
            "groups that were left out. Name the source of each clip in the column group."
        )
    for repeat in range(repeats):
        splitter = GroupKFold(min(folds, count), shuffle=True, random_state=seed + repeat)
        for known, unseen in splitter.split(groups, groups=groups):
            yield repeat, known, unseen
