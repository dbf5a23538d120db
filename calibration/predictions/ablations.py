"""Ways of looking that are set against each other, at equal cost."""

from __future__ import annotations

from dataclasses import replace

from adafocus.calibration.predictions.collect import Way

LEARNED = "learned policy"
# where a network without a policy would look
WITHOUT_POLICY = "centred and uniform"
WAYS: dict[str, Way] = {
    LEARNED: Way(),
    WITHOUT_POLICY: Way(boxes="centre", frames="uniform"),
    "centred boxes": Way(boxes="centre"),
    "random boxes": Way(boxes="random"),
    "whole frames": Way(boxes="full"),
    "fixed boxes": Way(shape="fixed"),
    "uniform frames": Way(frames="uniform"),
    "random frames": Way(frames="random"),
}


def runs_of(name: str, seeds: int) -> dict[str, Way]:
    """What to run for one way: itself, or once for each seed where it draws.

    Args:
        name: of :data:`WAYS`.
        seeds: how often a way that draws is run.

    Returns:
        ways by the name of the run.
    """
    way = WAYS[name]
    if not way.draws:
        return {name: way}
    return {f"{name}, seed {seed}": replace(way, seed=seed) for seed in range(seeds)}
