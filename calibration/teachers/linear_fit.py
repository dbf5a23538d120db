"""Linear classifiers on stored features: logistic regression with a pull towards zero weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

# inverse strengths of the pull towards zero weights, of which the best one out of fold is taken
STRENGTHS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 1.0)
MAX_STEPS = 1000
# log-probability of a class that no clip of a fit shows, as where all its clips are of one group
UNSEEN = -12.0
# steps of a fit
SCALER, REGRESSION = "scaler", "regression"
Values = NDArray[np.float64]


class OneScale(StandardScaler):
    """Shift every feature to mean 0, and divide all by one number: the root of their mean variance."""

    def fit(self, features: Values, *more: Any) -> Self:
        """Measure features ``(n, C)``."""
        super().fit(features, *more)
        self.scale_: Values = np.full(len(self.var_), np.sqrt(self.var_.mean()) or 1.0)
        return self


def classifier(strength: float, *, one_scale: bool = False) -> Pipeline:
    """Return a logistic regression on features of mean 0, each of deviation 1, or all on one scale.

    On one scale a feature that hardly varies hardly counts; with each on its own, it is as loud as all others.
    """
    scaler = OneScale() if one_scale else StandardScaler()
    regression = LogisticRegression(C=strength, max_iter=MAX_STEPS)
    return Pipeline([(SCALER, scaler), (REGRESSION, regression)])


def log_probabilities(model: Pipeline, features: Values, count: int) -> Values:
    """Return log-probabilities ``(n, count)``; classes that the model never saw have next to none."""
    rows = np.full((len(features), count), UNSEEN)
    if len(features):
        scores = model.decision_function(features)
        # of two classes there is one score, that of the second
        scores = np.stack((np.zeros(len(scores)), scores), 1) if scores.ndim == 1 else scores
        rows[:, model.classes_] = log_softmax(scores, 1)
    return rows


def best_strength(
    views: Values,
    classes: NDArray[np.int64],
    count: int,
    parts: Sequence[tuple[list[int], list[int]]],
    *,
    one_scale: bool = False,
) -> tuple[float, Values]:
    """Find the strength that does best on what was left out of a fit, by the mean log-probability.

    Args:
        views: features ``(n, v, C)``; the views of a clip count as so many clips, and its answer is their mean.
        classes: ``(n,)`` of the clips.
        count: K, of all classes.
        parts: folds: places to fit to and to answer.
        one_scale: whether all features are on one scale, as :func:`classifier` has it.

    Returns:
        the strength, and ``(n, K)`` log-probabilities of every clip by the fit that did not know it.
    """
    best: tuple[float, float, Values] | None = None
    for strength in STRENGTHS:
        rows = np.empty((len(views), count))
        for fitted_to, answered in parts:
            model = fit_views(strength, views[fitted_to], classes[fitted_to], one_scale=one_scale)
            said = log_probabilities(model, views[answered].reshape(-1, views.shape[2]), count)
            rows[answered] = said.reshape(len(answered), -1, count).mean(1)
        score = float(rows[np.arange(len(rows)), classes].mean())
        if best is None or score > best[0]:
            best = score, strength, rows
    assert best is not None
    return best[1:]


def fit_views(strength: float, views: Values, classes: NDArray[np.int64], *, one_scale: bool = False) -> Pipeline:
    """Fit to features ``(n, v, C)`` of clips of these classes ``(n,)``, each view as a clip."""
    model = classifier(strength, one_scale=one_scale)
    return model.fit(views.reshape(-1, views.shape[2]), np.repeat(classes, views.shape[1]))


def as_layer(model: Pipeline, count: int) -> tuple[Values, Values]:
    """Return weights ``(count, C)`` and biases ``(count,)`` of one layer that gives the scores of a fitted model.

    Classes that the model never saw get no weights, and a bias that leaves them next to no probability.
    """
    scaler, regression = model.named_steps[SCALER], model.named_steps[REGRESSION]
    weights = regression.coef_ / scaler.scale_
    biases = regression.intercept_ - weights @ scaler.mean_
    if len(weights) == 1:
        # of two classes there is one score; half of it for one, half against the other
        weights, biases = np.concatenate((-weights, weights)) / 2, np.concatenate((-biases, biases)) / 2
    layer, shifts = np.zeros((count, weights.shape[1])), np.full(count, UNSEEN)
    layer[regression.classes_], shifts[regression.classes_] = weights, biases
    return layer, shifts
