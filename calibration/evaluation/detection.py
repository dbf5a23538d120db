"""How well one label is detected against all others: balanced accuracy, ROC AUC, and recall at few false alarms.

Every clip is one decision, as one window of a stream is. Its score is how far the label's logit is above what all
others have together: its log-odds, which orders clips as its probability does, also where that is rounded to 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.metrics import roc_auc_score

from adafocus.calibration.evaluation.evaluation_input import GLANCE, EvaluationInput
from adafocus.calibration.evaluation.metrics import DIGITS, GroupBootstrap, percent, percents
from adafocus.errors import AdafocusError

# of two labels, the one that is no event
NORMAL = {"normal", "none", "nothing", "negative", "background", "no", "other", "adl"}
FALSE_ALARMS_AN_HOUR, SECONDS_AN_HOUR = 1.0, 3600.0
Floats = NDArray[np.float64]


def positive_label(labels: Sequence[str], asked: str | None) -> str | None:
    """Return the label that is to be detected; None where the bundle has more labels than two and none is asked for.

    Of two labels it is the one that is not called normal; where neither is, the second.

    Raises:
        AdafocusError: the bundle does not have the label, or no other one.
    """
    if asked is not None and (asked not in labels or len(labels) < 2):
        known = ", ".join(labels[:5])
        raise AdafocusError(
            f"--positive is {asked!r}, expected one of two or more labels of the bundle; its {len(labels)} begin with "
            f"{known}. Take one of those."
        )
    if asked is not None or len(labels) != 2:
        return asked
    first, second = labels
    return first if _is_normal(second) and not _is_normal(first) else second


def _is_normal(label: str) -> bool:
    """Return whether a label names what is no event, such as ``normal`` or ``no fight``."""
    return label.lower().replace("_", " ").split()[0] in NORMAL


def detection_figures(given: EvaluationInput, bootstrap: GroupBootstrap) -> dict[str, Any] | None:
    """Return the figures of detecting one label, by row of the ablations; None where there is no such label.

    ``ahead_points`` is how far the bundle's own policy is ahead of a row in balanced accuracy, paired. Where clips show
    only one side, what needs both is left out.
    """
    label = positive_label(given.labels, given.positive)
    if label is None:
        return None
    place = given.labels.index(label)
    shown = given.truth.multi_hot[:, place]
    hours = float(given.seconds[~shown].sum()) / SECONDS_AN_HOUR if given.seconds.size else None
    sides = {name: _Side(runs, place, shown) for name, runs in _rows(given).items()}
    own = sides[given.policy]
    return {
        "positive": label,
        "clips": int(shown.sum()),
        "others": int((~shown).sum()),
        "false_alarms_an_hour": FALSE_ALARMS_AN_HOUR,
        "hours_of_others": None if hours is None else round(hours, DIGITS),
        "false_alarms_allowed": None if hours is None else math.floor(FALSE_ALARMS_AN_HOUR * hours),
        "ways": {name: side.row(hours, bootstrap, None if side is own else own) for name, side in sides.items()},
    }


def _rows(given: EvaluationInput) -> dict[str, list[NDArray[np.float32]]]:
    """Return the logits ``(n, K)`` of the runs of every row."""
    rows = {GLANCE: [given.own.logits[:, 0]]}
    rows |= {name: [run.logits[:, -1] for run in runs] for name, runs in given.predictions.items()}
    networks = given.plain if given.baseline is None else (*given.plain, given.baseline)
    return rows | {one.name: [one.logits] for one in networks}


class _Side:
    """Alarms and scores of one row, for one label against all others."""

    def __init__(self, runs: Sequence[NDArray[np.float32]], place: int, shown: NDArray[np.bool_]) -> None:
        self._shown = shown
        self._right = [(logits.argmax(1) == place) == shown for logits in runs]
        self._scores = [log_odds(logits, place) for logits in runs]

    def row(self, hours: float | None, bootstrap: GroupBootstrap, own: _Side | None) -> dict[str, Any]:
        """Return the figures of the row, and how far ``own`` is ahead of it."""
        shown = self._shown
        found = [recall_at(one, shown, hours) for one in self._scores]
        known = [one for one in found if one is not None]
        recall = {"recall_percent": percent(float(np.mean(known))) if known else None}
        if shown.all() or not shown.any():
            return recall
        once = np.ones((1, len(shown)))
        auc = bootstrap.interval_of(self._auc)
        row = {
            "balanced_percent": percent(float(self._balanced(once)[0])),
            "balanced_interval": percents(bootstrap.interval_of(self._balanced)),
            "auc": round(float(self._auc(once)[0]), DIGITS),
            "auc_interval": None if auc is None else [round(end, DIGITS) for end in auc],
            **recall,
        }
        if own is None:
            return row

        def ahead(weights: Floats) -> Floats:
            return own._balanced(weights) - self._balanced(weights)

        return row | {
            "ahead_points": percent(float(ahead(once)[0])),
            "ahead_interval": percents(bootstrap.interval_of(ahead)),
        }

    def _balanced(self, weights: Floats) -> Floats:
        """Return balanced accuracy for ``(r, n)`` weights; NaN where one side does not count."""
        shown = self._shown
        with np.errstate(invalid="ignore"):
            each = [
                (weights[:, side] @ right[side]) / weights[:, side].sum(1)
                for right in self._right
                for side in (shown, ~shown)
            ]
        return np.mean(each, axis=0)

    def _auc(self, weights: Floats) -> Floats:
        """Return the area under the ROC curve for ``(r, n)`` weights; NaN where one side does not count."""
        shown = self._shown
        found = np.full((len(self._scores), len(weights)), np.nan)
        for place, weight in enumerate(weights):
            if weight[shown].any() and weight[~shown].any():
                found[:, place] = [roc_auc_score(shown, one, sample_weight=weight) for one in self._scores]
        return found.mean(0)


def log_odds(logits: NDArray[np.float32], place: int) -> Floats:
    """Return how far one logit is above what all others have together, ``(n, K)`` to ``(n,)``."""
    values = logits.astype(np.float64)
    return values[:, place] - logsumexp(np.delete(values, place, axis=1), axis=1)


def recall_at(scores: Floats, shown: NDArray[np.bool_], hours: float | None) -> float | None:
    """Return the share of clips of the label that are found where others give no more false alarms than allowed.

    Args:
        scores: ``(n,)``.
        shown: ``(n,)`` whether a clip shows the label.
        hours: of all clips that do not. An alarm is given above the score of the first that would be one too many; in
            less than an hour none is allowed.

    Returns:
        0..1; None where the hours are not known or clips show one side only.
    """
    others = np.sort(scores[~shown])[::-1]
    if hours is None or not len(others) or len(others) == len(scores):
        return None
    allowed = math.floor(FALSE_ALARMS_AN_HOUR * hours)
    limit = others[allowed] if allowed < len(others) else -np.inf
    return float((scores[shown] > limit).mean())
