"""The sum of glance and focus in the last exit: the weights at which it is at least as good as either alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.model_selection import GroupKFold

from adafocus.calibration.predictions.ground_truth import GroundTruth

# a set that is told apart without a mistake would have weights without end
MAX_WEIGHT = 20.0
# one group is left out at a time, of more than these some together
MAX_FOLDS = 50


@dataclass(frozen=True)
class Fusion:
    """Weights of the two parts; 1 and 1 is the sum as it is trained."""

    glance: float = 1.0
    focus: float = 1.0

    def logits(self, glance: NDArray[np.float32], focus: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the weighted sum of two parts, each ``(n, K)``."""
        return self.glance * glance.astype(np.float64) + self.focus * focus.astype(np.float64)


@dataclass(frozen=True)
class FusionResult:
    """What the parts and their sums come to, as shares of right predictions.

    Attributes:
        fusion: the weights, fitted to all clips.
        glance: of the glance's own exit.
        focus: of the focus alone.
        trained: of the sum as it is.
        unseen: of the weighted sum, on groups that its weights were not fitted to.
    """

    fusion: Fusion
    glance: float
    focus: float
    trained: float
    unseen: float

    @property
    def never_loses(self) -> bool:
        """Whether the weighted sum is at least as good as either part on groups that were left out."""
        return self.unseen >= max(self.glance, self.focus)


def fit_fusion(context: NDArray[np.float32], focus: NDArray[np.float32], targets: NDArray[np.int64]) -> Fusion:
    """Find the weights with the smallest negative log-likelihood; it has one minimum, as it is convex in both.

    They belong into the last layers of a network before it is quantized: weights and biases of the head of the glance's
    share times ``glance``, those of the head of the focus times ``focus``.

    Args:
        context: ``(n, K)`` share of the glance in the last logits, of clips that the network was not trained on.
        focus: ``(n, K)`` share of the focus, which is the last logits less the context.
        targets: ``(n,)`` classes.
    """
    parts = np.stack([context, focus]).astype(np.float64)
    of_target = parts[:, np.arange(len(targets)), targets]

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Return the loss and its slope by both weights."""
        logits = np.tensordot(weights, parts, 1)
        norms = logsumexp(logits, axis=1)
        expected = (np.exp(logits - norms[:, None]) * parts).sum(2)
        return float((norms - weights @ of_target).mean()), (expected - of_target).mean(1)

    found = minimize(loss, np.ones(2), jac=True, method="L-BFGS-B", bounds=[(0.0, MAX_WEIGHT)] * 2)
    return Fusion(*found.x.tolist())


def try_fusion(
    glance: NDArray[np.float32],
    context: NDArray[np.float32],
    final: NDArray[np.float32],
    truth: GroundTruth,
    groups: NDArray[np.str_],
) -> FusionResult:
    """Fit the weights to all groups but one, try them on that one, and do so for every group.

    Args:
        glance: ``(n, K)`` logits of the first exit.
        context: ``(n, K)`` share of the glance in the last logits.
        final: ``(n, K)`` last logits, as they are trained.
        truth: of n clips.
        groups: ``(n,)`` sources, at least two.
    """
    focus = final - context
    best = np.empty(len(final), np.int64)
    for known, unseen in GroupKFold(min(len(set(groups.tolist())), MAX_FOLDS)).split(final, groups=groups):
        fitted = fit_fusion(context[known], focus[known], truth.targets[known])
        best[unseen] = fitted.logits(context[unseen], focus[unseen]).argmax(1)

    def share(chosen: NDArray[np.int64]) -> float:
        """Return the share of clips that show the class that was chosen."""
        return float(truth.multi_hot[np.arange(len(chosen)), chosen].mean())

    return FusionResult(
        fit_fusion(context, focus, truth.targets),
        glance=share(glance.argmax(1)),
        focus=share(focus.argmax(1)),
        trained=share(final.argmax(1)),
        unseen=share(best),
    )
