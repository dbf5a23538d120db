"""Frame selection in torch against the device's numpy form, and the Monte-Carlo logits against what they estimate."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adafocus.edge.policy import select_frames as select_on_device
from adafocus.networks.temporal import monte_carlo_logits, quantile_levels, select_frames


@given(
    bins=st.integers(2, 16),
    chosen=st.integers(1, 16),
    spare=st.integers(0, 40),
    sharpness=st.floats(0.0, 12.0),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=200, deadline=None)
def test_both_sides_choose_the_same_frames(bins: int, chosen: int, spare: int, sharpness: float, seed: int) -> None:
    logits = sharpness * np.random.default_rng(seed).standard_normal(bins)
    weights = torch.from_numpy(logits).softmax(0).float()
    theirs = select_frames(weights[None], chosen + spare, quantile_levels(chosen))[0].numpy()
    ours = select_on_device(weights.numpy(), chosen + spare, chosen)
    assert np.array_equal(ours, theirs)
    assert (np.diff(ours) > 0).all()
    assert ours[0] >= 0
    assert ours[-1] < chosen + spare


def test_monte_carlo_logits_of_one_draw_are_the_weighted_mean() -> None:
    weights = torch.tensor([[0.1, 0.2, 0.3, 0.4]])
    logits = torch.randn(1, 4, 5)
    expected = (weights[:, :, None] * logits).sum(1)
    assert torch.allclose(monte_carlo_logits(weights, logits), expected, atol=1e-6)


def test_monte_carlo_logits_estimate_draws_without_replacement() -> None:
    torch.manual_seed(0)
    weights = torch.tensor([[0.5, 0.2, 0.1, 0.1, 0.06, 0.04]])
    logits = torch.eye(6)[None]
    expected = weights[0].clone() / 2
    for first in range(6):
        rest = weights[0].clone()
        rest[first] = 0.0
        expected += weights[0, first] * rest / rest.sum() / 2
    estimates = torch.stack([monte_carlo_logits(weights, logits)[0] for _ in range(40)]).mean(0)
    assert torch.allclose(estimates, expected, atol=0.01)


def test_the_policy_gets_its_gradient_through_the_weights() -> None:
    policy = torch.zeros(1, 6, requires_grad=True)
    logits = torch.arange(6.0)[None, :, None]
    monte_carlo_logits(policy.softmax(1), logits).sum().backward()
    assert policy.grad is not None
    assert policy.grad[0, 5] > 0 > policy.grad[0, 0]
