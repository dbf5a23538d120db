"""The plain network's own curve, and the bundle against it at equal GMAC and at equal milliseconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adafocus.calibration.evaluation.cost_curve import (
    WITHOUT_EXITS,
    budget_points,
    exit_hits,
    full_path,
    threshold_sweep,
)
from adafocus.calibration.evaluation.evaluation_input import GLANCE, EvaluationInput
from adafocus.calibration.evaluation.metrics import DIGITS, GroupBootstrap, difference, percent, percents, top_k_correct
from adafocus.calibration.predictions.ablations import PLAIN
from adafocus.edge.budget.costs import MACS_PER_GMAC

# key of a row -> the unit that people read
UNITS = {"gmac": "GMAC", "ms": "ms"}


@dataclass(frozen=True)
class PlainPoint:
    """One plain network on the clips: its row of the figures, and ``(n,)`` whether each clip is right."""

    row: Mapping[str, Any]
    hits: NDArray[np.float64]


def plain_figures(given: EvaluationInput, bootstrap: GroupBootstrap, run_in: str) -> dict[str, Any]:
    """Return the points of the plain curve, and how far the bundle is above it where it costs the same.

    ``against`` has a row for the full path and for every budget; ``least_ahead_points`` is the least that the bundle is
    ahead over all thresholds, by unit.

    Between two plain networks the curve is what a mix of both gives: so many clips by the one and the rest by the
    other. Beyond the most expensive one that is worth its cost it goes on level. Milliseconds are compared with those
    of the device's code alone.

    Args:
        given: predictions of the bundle and of plain networks.
        bootstrap: of their groups.
        run_in: what ran the bundle, such as ``litert, int8``.
    """
    points, correct = list(_points(given, bootstrap, run_in)), exit_hits(given)
    at, sweep = {WITHOUT_EXITS: full_path(given), **budget_points(given)}, threshold_sweep(given.own, given.confidence)
    against: list[dict[str, Any]] = []
    least: dict[str, float] = {}
    for unit in UNITS:
        comparable = [point for point in points if unit == "gmac" or point.row["on_device"]]
        for name, point in at.items():
            cost, ours = _rounded(getattr(point, unit)), point.hits(correct)
            theirs = hits_at_cost(comparable, unit, cost)
            if theirs is not None:
                against.append(
                    {
                        "at": name,
                        "unit": UNITS[unit],
                        "cost": cost,
                        "top1_percent": percent(float(ours.mean())),
                        "plain_percent": percent(float(theirs.mean())),
                        **difference(ours, theirs, bootstrap),
                    }
                )
        everywhere = [
            float((point.hits(correct) - theirs).mean())
            for point in sweep
            if (theirs := hits_at_cost(comparable, unit, _rounded(getattr(point, unit)))) is not None
        ]
        if everywhere:
            least[UNITS[unit]] = percent(min(everywhere))
    return {"points": [dict(point.row) for point in points], "against": against, "least_ahead_points": least}


def frontier(rows: Sequence[Mapping[str, Any]], unit: str) -> list[int]:
    """Return the places of the rows that no cheaper or equally dear one is as good as, the cheapest first.

    Args:
        rows: with the keys ``gmac``, ``ms`` and ``top1_percent``.
        unit: ``gmac`` or ``ms``.
    """
    kept: list[int] = []
    for place in sorted(range(len(rows)), key=lambda place: (rows[place][unit], -rows[place]["top1_percent"])):
        if not kept or rows[place]["top1_percent"] > rows[kept[-1]]["top1_percent"]:
            kept.append(place)
    return kept


def hits_at_cost(points: Sequence[PlainPoint], unit: str, cost: float) -> NDArray[np.float64] | None:
    """Return the ``(n,)`` shares of right predictions of plain networks at a mean cost; None where none is so cheap."""
    places = frontier([point.row for point in points], unit)
    costs = [points[place].row[unit] for place in places]
    if not places or cost < costs[0]:
        return None
    above = int(np.searchsorted(costs, cost, side="right"))
    if above == len(places):
        return points[places[-1]].hits
    share = (cost - costs[above - 1]) / (costs[above] - costs[above - 1])
    return (1 - share) * points[places[above - 1]].hits + share * points[places[above]].hits


def _points(given: EvaluationInput, bootstrap: GroupBootstrap, run_in: str) -> Iterator[PlainPoint]:
    """Yield the bundle's own glance, its focus on whole frames, and the plain networks that were asked for."""

    def point(name: str, logits: NDArray[np.float32], macs: float, ms: float, **more: object) -> PlainPoint:
        hits = top_k_correct(logits, given.truth, 1)
        cost = {"gmac": _rounded(macs / MACS_PER_GMAC), "ms": _rounded(ms)}
        shares = {
            "top1_percent": percent(float(hits.mean())),
            "top1_interval": percents(bootstrap.interval(hits)),
        }
        return PlainPoint({"name": name, **more, **cost, **shares}, hits)

    here: dict[str, Any] = {"frames": None, "size_px": None, "run_in": run_in, "on_device": True}
    own = given.own
    yield point(GLANCE, own.logits[:, 0], float(own.exit_macs[0]), float(own.exit_ms[:, 0].mean()), **here)
    for run in given.predictions.get(PLAIN, ()):
        yield point(PLAIN, run.logits[:, -1], float(run.exit_macs[-1]), float(run.exit_ms[:, -1].mean()), **here)
    networks = given.plain if given.baseline is None else (*given.plain, given.baseline)
    for one in networks:
        there = {"frames": one.frames, "size_px": one.size_px, "run_in": one.run_in, "on_device": one.on_device}
        yield point(one.name, one.logits, one.macs, one.ms, **there)


def _rounded(cost: float) -> float:
    """Round a cost, the bundle's as those of plain networks, so that equal ones stay equal."""
    return round(cost, DIGITS)
