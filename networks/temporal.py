"""Dynamic frame selection, and the Monte-Carlo logits that train it (Uni-AdaFocus, arXiv 2412.11228)."""

from __future__ import annotations

import torch
from torch import Tensor

from adafocus.errors import NetworkError

REPETITIONS = 128


def quantile_levels(count: int, generator: torch.Generator | None = None, *, jitter: bool = False) -> Tensor:
    """Return stratified levels in (0, 1), one per frame to choose: stratum centres, or one draw in each stratum."""
    offsets = torch.rand(count, generator=generator, dtype=torch.float64) if jitter else 0.5
    return (torch.arange(count, dtype=torch.float64) + offsets) / count


def middle_frames(candidates: Tensor, count: int) -> Tensor:
    """Pick the middles of ``count`` equal segments of time: ``(B, N, ...)`` to ``(B, count, ...)``."""
    middles = (quantile_levels(count) * candidates.shape[1]).long()
    return candidates[:, middles.to(candidates.device)]


def pick_frames(candidates: Tensor, indices: Tensor) -> Tensor:
    """Pick frames ``(B, n, ...)`` of ``(B, N, ...)`` by index ``(B, n)``."""
    rows = torch.arange(len(indices), device=indices.device)[:, None]
    return candidates[rows, indices]


def select_frames(weights: Tensor, candidates: int, levels: Tensor) -> Tensor:
    """Choose candidate frames at the quantiles of the piecewise linear distribution that ``weights`` describe.

    Args:
        weights: ``(B, T)``, each row summing to 1, over T equal bins of time. Gradients do not flow.
        candidates: N, how many candidate frames there are.
        levels: ``(n,)`` increasing quantile levels in (0, 1).

    Returns:
        ``(B, n)`` int64, strictly increasing in every row.

    Raises:
        NetworkError: a weight is not finite.
    """
    bins = weights.detach().double()
    if not bool(bins.isfinite().all()):
        raise NetworkError("The frame weights are not finite, expected numbers: check the checkpoint and the frames.")
    cumulative = bins.cumsum(1)
    cumulative[:, -1] = 1.0
    wanted = levels.to(cumulative).expand(len(bins), -1).contiguous()
    found = torch.searchsorted(cumulative, wanted).clamp(max=bins.shape[1] - 1)
    upper = cumulative.gather(1, found)
    lower = torch.where(found > 0, cumulative.gather(1, (found - 1).clamp(min=0)), torch.zeros_like(upper))
    position = (found + (wanted - lower) / (upper - lower).clamp(min=torch.finfo(torch.float64).tiny)) / bins.shape[1]
    indices = (position * candidates).floor().long()
    ranks = torch.arange(indices.shape[1], device=indices.device)
    spread = torch.cummax(indices - ranks, dim=1).values + ranks
    return torch.minimum(spread, candidates - len(ranks) + ranks)


def monte_carlo_logits(weights: Tensor, frame_logits: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Estimate the expected mean of the logits of M frames drawn without replacement, M about a third of the frames.

    Frames already drawn are left out and the rest reweighted; the gradient runs through the weight of the last draw
    and, where they require it, through the logits.

    Args:
        weights: ``(B, T)``, each row summing to 1.
        frame_logits: ``(B, T, K)``.
        generator: source of the draws.

    Returns:
        ``(B, K)``.
    """
    batch, frames = weights.shape
    draws = max(1, round(frames / 3))
    probabilities = weights.detach().clamp(min=1e-12).repeat_interleave(REPETITIONS, dim=0)
    order = torch.multinomial(probabilities, draws, generator=generator).unflatten(0, (batch, REPETITIONS))
    left = weights.new_ones(batch, REPETITIONS, frames)
    total = frame_logits.new_zeros(batch, frame_logits.shape[-1])
    for draw in range(draws):
        kept = weights[:, None, :] * left
        share = (kept / kept.sum(-1, keepdim=True).detach()).mean(1)
        total = total + (share[:, :, None] * frame_logits).sum(1)
        left = left.scatter(2, order[:, :, draw : draw + 1], 0.0)
    return total / draws
