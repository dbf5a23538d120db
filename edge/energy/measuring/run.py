"""What happened when: the record of a measurement before any joules are known.

A meter on another machine writes a log of its own. Then this record is a file, and the log gives it joules afterwards.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from adafocus.edge.bundle.files import replacing_file
from adafocus.edge.bundle.geometry import Share, Strict
from adafocus.edge.energy.report import (
    BundleFacts,
    Count,
    DeviceFacts,
    Interval,
    Positive,
    ProtocolFacts,
    Workload,
    read_file,
)
from adafocus.edge.meters.meter import SECOND_NS
from adafocus.errors import shell_word

FORMAT: Literal["adafocus-energy-run"] = "adafocus-energy-run"
VERSION: Literal[1] = 1


class Span(Strict):
    """One window, and what ran in it.

    Attributes:
        workload: see :class:`adafocus.edge.energy.report.Window`, as all that follows.
        start_ns: first moment.
        end_ns: last moment.
        fault: a sentence where something else than the meter spoiled it.
    """

    workload: Literal["idle", "unmetered", "decode", "glance", "full", "exits", "plain"]
    start_ns: int
    end_ns: int
    clips: Count = 0
    round: Count | None = None
    repeat: Count = 0
    budget: Count | None = None
    temperature_c: float | None = None
    mhz: Positive | None = None
    throttled: tuple[str, ...] | None = None
    fault: str | None = None

    @property
    def seconds(self) -> float:
        """Length."""
        return (self.end_ns - self.start_ns) / SECOND_NS


class Outcome(Strict):
    """What clips did with some thresholds; from one trial of each, since the same clip does the same each time.

    Attributes:
        gmac: mean of 10^9 multiply-accumulates of a clip.
        stopped_early: share of clips that stopped before the last exit.
        right: 0 or 1 for each labeled clip.
    """

    gmac: Positive | None = None
    stopped_early: Share | None = None
    right: tuple[Annotated[int, Field(ge=0, le=1)], ...] = ()


class Budget(Strict):
    """One row of the bundle's table that was measured.

    Attributes:
        number: by which windows name it; None where its windows are those of ``exits``.
        unit: of the budget.
        budget: mean of a clip.
        thresholds: of its exits.
        outcome: of the clips.
    """

    number: Count | None
    unit: Literal["GMAC", "ms", "J"]
    budget: float
    thresholds: tuple[float, ...]
    outcome: Outcome


class Pulse(Strict):
    """A time in which all processors were busy, for a meter to see."""

    start_ns: int
    end_ns: int


class Run(Strict):
    """Everything but the joules.

    Attributes:
        format: always the same.
        version: of the format.
        bundle: that ran.
        device: on which.
        protocol: how.
        started: of each repeat, date and time.
        spans: all windows, in the order of time.
        outcomes: by workload.
        budgets: rows that were measured.
        observer_ms: see the report.
        pulses: before and after everything; empty where the meter shares this machine's clock.
        settled: whether the heat had settled before each repeat; None where nothing tells.
        others_share: share of the processors that other processes used; None where unknown.
        warnings: sentences.
    """

    format: Literal["adafocus-energy-run"] = FORMAT
    version: Literal[1] = VERSION
    bundle: BundleFacts
    device: DeviceFacts
    protocol: ProtocolFacts
    started: tuple[str, ...]
    spans: tuple[Span, ...]
    outcomes: dict[Workload, Outcome] = Field(default={})
    budgets: tuple[Budget, ...] = ()
    observer_ms: Interval | None = None
    pulses: tuple[Pulse, ...] = ()
    settled: tuple[bool | None, ...] = ()
    others_share: Share | None = None
    warnings: tuple[str, ...] = ()


def write_run(run: Run, path: Path) -> None:
    """Write the record; nothing half-written is ever seen.

    Raises:
        AdafocusError: the place cannot be written to.
    """
    with replacing_file(path) as beside:
        beside.write_text(f"{run.model_dump_json(indent=1)}\n", encoding="utf-8")


def read_run(path: Path) -> Run:
    """Read what :func:`write_run` wrote.

    Raises:
        AdafocusError: no such file, or something else.
    """
    again = f"Record one: adafocus energy BUNDLE CLIPS --record {shell_word(path)}"
    return read_file(path, Run, "record", (FORMAT, VERSION), again)
