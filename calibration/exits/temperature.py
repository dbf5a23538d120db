"""Temperature scaling: one number that makes probabilities as large as they are right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

LOWEST, HIGHEST = 0.05, 20.0
TOLERANCE = 0.005


def fit_temperature(logits: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    """The temperature with the smallest negative log-likelihood over all exits (Guo et al., arXiv 1706.04599).

    Args:
        logits: ``(n, exits, K)`` of clips that the network did not learn from.
        truth: ``(n,)`` classes.
    """
    values = logits.astype(np.float64)
    right = np.take_along_axis(values, truth[:, None, None], axis=2)[..., 0]

    def loss(log_temperature: float) -> float:
        sharpness = np.exp(-log_temperature)
        return float(np.mean(logsumexp(values * sharpness, axis=-1) - right * sharpness))

    limits = (float(np.log(LOWEST)), float(np.log(HIGHEST)))
    found = minimize_scalar(loss, bounds=limits, method="bounded", options={"xatol": TOLERANCE})
    return float(np.exp(found.x))
