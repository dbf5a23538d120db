"""Times of calls that take turns, so that a busy moment of the machine meets all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np

from adafocus.edge.manifest import GraphFile
from adafocus.edge.runtimes.base import Arrays

SEED = 7


def medians(
    calls: Mapping[str, Callable[[], object]],
    warm_up: int,
    turns: int,
    *,
    fewest: int | None = None,
    seconds: float = float("inf"),
) -> dict[str, float]:
    """Median milliseconds of each call after ``warm_up`` turns.

    Args:
        calls: what to time, by name.
        warm_up: turns that do not count.
        turns: turns that count, at most.
        fewest: and at least, where ``seconds`` are over.
        seconds: after which no further turn begins.
    """
    spent: dict[str, list[float]] = {name: [] for name in calls}
    began = time.perf_counter()
    for turn in range(warm_up + turns):
        if fewest is not None and turn >= warm_up + fewest and time.perf_counter() - began > seconds:
            break
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            if turn >= warm_up:
                spent[name].append(1e3 * (time.perf_counter() - started))
    return {name: round(float(np.median(values)), 3) for name, values in spent.items()}


def random_inputs(record: GraphFile) -> Arrays:
    """Random numbers of the right kind for every input of a graph."""
    rng = np.random.default_rng(SEED)
    return {
        spec.name: rng.integers(-100, 100, spec.shape).astype(spec.dtype)
        if spec.scale is not None
        else rng.standard_normal(spec.shape).astype(spec.dtype)
        for spec in record.inputs
    }
