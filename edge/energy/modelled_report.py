"""The report of modelled joules: the same file as a measured one, and marked in it as what it is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone

import numpy as np

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.energy.facts import ProtocolFacts, Workload
from adafocus.edge.energy.measuring.clips import digest
from adafocus.edge.energy.measuring.measure import Prepared
from adafocus.edge.energy.measuring.run import Outcome
from adafocus.edge.energy.modelled import LEAST_PJ_PER_BYTE, MOST_PJ_PER_BYTE, PJ_PER_MAC, SOURCE, Work, exit_work
from adafocus.edge.energy.report import BudgetRow, Interval, PerClip, PerStage, Report, StageEnergy


def modelled_report(prepared: Prepared) -> Report:
    """Return what the model says of a bundle on some clips; ``gross_j`` is all that it counts.

    Args:
        prepared: the bundle, and what its clips do. No window is run.
    """
    recognizer, trial = prepared.recognizer, prepared.trial
    works = exit_work(recognizer.bundle, recognizer.runtime)
    spent: dict[Workload, Interval] = {"glance": joules([works[0]]), "full": joules([works[-1]])}
    if prepared.thresholds:
        spent["exits"] = joules(works[number] for number in trial.exits(prepared.thresholds))
    if prepared.request.plain is not None:
        with Bundle.open(prepared.request.plain) as plain:
            spent["plain"] = joules([exit_work(plain, recognizer.runtime)[-1]])
    clips = trial.clips
    return Report(
        source="modelled",
        bundle=prepared.bundle,
        device=prepared.device,
        meter=None,
        protocol=ProtocolFacts(
            started=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            clips=len(clips),
            clips_sha256=digest(clip.path for clip in clips),
            labeled=sum(bool(clip.labels) for clip in clips),
            exit_thresholds=prepared.thresholds,
            plain=prepared.plain,
        ),
        per_clip={
            name: PerClip(gross_j=figure, top1=top1_of(prepared.outcomes.get(name))) for name, figure in spent.items()
        },
        per_stage=PerStage(
            glance=StageEnergy(gross_j=spent["glance"]),
            focus=StageEnergy(gross_j=less(spent["full"], spent["glance"])),
        ),
        by_budget=tuple(
            BudgetRow(
                unit=row.unit,
                budget=row.budget,
                thresholds=row.thresholds,
                gross_j=joules(works[number] for number in trial.exits(row.thresholds)),
                gmac=row.outcome.gmac,
                stopped_early=row.outcome.stopped_early,
                top1=top1_of(row.outcome),
            )
            for row in prepared.budgets
        ),
        warnings=(*prepared.warnings, *_words()),
        publishable=False,
    )


def joules(works: Iterable[Work]) -> Interval:
    """Return the mean of what clips take; the bounds are those of the source's figure for memory."""
    found = [work.joules() for work in works]
    low, middle, high = np.mean([(one.low, one.middle, one.high) for one in found], axis=0)
    return Interval(median=float(middle), low=float(low), high=float(high))


def less(whole: Interval, part: Interval) -> Interval:
    """Return what is left of a clip without one of its stages."""
    low, high = ((getattr(whole, end) or 0.0) - (getattr(part, end) or 0.0) for end in ("low", "high"))
    return Interval(median=whole.median - part.median, low=low, high=high)


def top1_of(outcome: Outcome | None) -> float | None:
    """Return the share of right labels; None without labels."""
    return float(np.mean(outcome.right)) if outcome is not None and outcome.right else None


def _words() -> tuple[str, ...]:
    """Return what the figures are."""
    each = ", ".join(f"{joules:.1f} pJ in {precision}" for precision, joules in PJ_PER_MAC.items())
    return (
        f"These joules are {SOURCE}. They are no measurement of this device.",
        f"A multiply-accumulate takes {each}, a byte of memory {LEAST_PJ_PER_BYTE:.0f} to {MOST_PJ_PER_BYTE:.0f} pJ; "
        "the bounds are those of memory.",
        "Instructions, caches, leakage, decoding, pixels and the rest of the board are left out, so a device takes "
        "many times as much. The model ranks networks and exits; it says nothing of a battery.",
    )
