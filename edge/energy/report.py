"""The report of ``adafocus energy``: what one device used, how that was measured, and whether it may be published.

A file of it is JSON. Its schema is ``docs/energy-report.schema.json``, which ``python -m docs.tools.schema`` writes
from these models. Energy is in joules, and that of a clip is of the meter's whole scope: ``gross`` is all that the
device used, ``net`` what is left once the power of idling is taken off.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError, model_validator

from adafocus.edge.bundle.files import replacing_file
from adafocus.edge.bundle.geometry import Share, Strict
from adafocus.edge.bundle.validation import parse_json
from adafocus.edge.energy.facts import WORKLOADS as WORKLOADS
from adafocus.edge.energy.facts import BundleFacts as BundleFacts
from adafocus.edge.energy.facts import Count as Count
from adafocus.edge.energy.facts import DeviceFacts as DeviceFacts
from adafocus.edge.energy.facts import MeterFacts as MeterFacts
from adafocus.edge.energy.facts import Positive as Positive
from adafocus.edge.energy.facts import ProtocolFacts as ProtocolFacts
from adafocus.edge.energy.facts import Workload as Workload
from adafocus.errors import AdafocusError, shell_word

FORMAT: Literal["adafocus-energy"] = "adafocus-energy"
VERSION: Literal[1] = 1
SCHEMA = "https://json-schema.org/draft/2020-12/schema"
MAX_BYTES = 64 << 20
Model = TypeVar("Model", bound=Strict)
MAX_TRACE_POINTS = 4000

StageName = Literal["decode", "glance", "focus"]
# of a full clip, in the order in which they run; `focus` holds the policy, too
STAGE_NAMES: tuple[StageName, ...] = ("decode", "glance", "focus")


class Interval(Strict):
    """A figure and its 95 % interval; without bounds where there is no interval."""

    median: float
    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _check(self) -> Interval:
        """Refuse bounds that are no interval."""
        if (self.low is None) != (self.high is None):
            raise ValueError("an interval has both bounds or none")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("the lower bound of an interval is above the upper one")
        return self


class Window(Strict):
    """One window of the meter.

    Attributes:
        workload: what ran in it; ``idle`` is the loaded process asleep, ``unmetered`` is ``full`` with the meter shut.
        round: number of the round, from 0; None outside of rounds.
        repeat: number of the repeat, from 0.
        budget: number of the row of ``by_budget`` that was measured; None for windows of the workloads themselves.
        start_ns: of ``time.monotonic_ns``.
        seconds: its length.
        clips: that ran in it.
        joules: None where they are not known.
        samples: of the meter in it.
        coverage: share of the window that the meter's samples cover.
        longest_gap_s: longest time without a sample.
        edge_j: part of ``joules`` that is interpolated at the edges.
        temperature_c: of the hottest sensor, the highest reading.
        mhz: mean clock of the processors.
        throttled: what slowed the device; empty where nothing did, None where nothing tells.
        reason: a sentence where ``joules`` is None.
    """

    workload: Literal["idle", "unmetered", "decode", "glance", "full", "exits", "plain"]
    round: Count | None = None
    repeat: Count = 0
    budget: Count | None = None
    start_ns: int
    seconds: Positive
    clips: Count
    joules: Positive | None
    samples: Count = 0
    coverage: Share = 0.0
    longest_gap_s: Positive = 0.0
    edge_j: float | None = None
    temperature_c: float | None = None
    mhz: Positive | None = None
    throttled: tuple[str, ...] | None = None
    reason: str | None = None


class PerClip(Strict):
    """What a clip of one workload takes.

    Attributes:
        gross_j: joules of everything.
        net_j: joules above idling; None where idling is not known.
        ms: milliseconds.
        windows: that it was found from.
        top1: share of the labeled clips whose label was right; None where there are no labels.
    """

    gross_j: Interval
    net_j: Interval | None = None
    ms: Interval | None = None
    windows: Count = 0
    top1: Share | None = None


class StageEnergy(Strict):
    """What one stage of a full clip takes, by the difference of two workloads."""

    gross_j: Interval
    net_j: Interval | None = None
    ms: Interval | None = None


class SumCheck(Strict):
    """Whether the stages add up to the whole, both net where idling is known.

    Attributes:
        parts_j: sum of the medians of the stages.
        whole_j: median of ``full``.
        difference_percent: of the whole.
        within: whether the sum lies in the interval of the whole.
    """

    parts_j: float
    whole_j: float
    difference_percent: float
    within: bool


class PerStage(Strict):
    """Joules of the stages of a full clip."""

    decode: StageEnergy | None = None
    glance: StageEnergy | None = None
    focus: StageEnergy | None = None
    sum_check: SumCheck | None = None


class PerCorrect(Strict):
    """What one right label takes: joules of a clip over the share of right labels, by a joint bootstrap.

    Attributes:
        gross_j: of everything.
        net_j: above idling.
        top1: share of right labels, over clips.
        clips: with a label.
    """

    gross_j: Interval
    net_j: Interval | None = None
    top1: Interval
    clips: Count


class BudgetRow(Strict):
    """What a clip takes with the thresholds of one row of the bundle's table of budgets.

    Attributes:
        unit: of the budget.
        budget: a clip's mean, in that unit.
        thresholds: confidence at which a clip stops, for every exit but the last.
        gross_j: joules of everything.
        net_j: joules above idling.
        ms: milliseconds.
        windows: that it was found from; 0 where it was not measured.
        gmac: mean of 10^9 multiply-accumulates that a clip took.
        stopped_early: share of clips that stopped before the last exit.
        top1: share of the labeled clips whose label was right.
    """

    unit: Literal["GMAC", "ms", "J"]
    budget: float
    thresholds: tuple[float, ...]
    gross_j: Interval
    net_j: Interval | None = None
    ms: Interval | None = None
    windows: Count = 0
    gmac: Positive | None = None
    stopped_early: Share | None = None
    top1: Share | None = None


class Alignment(Strict):
    """How the log of a meter on another clock was placed.

    Attributes:
        offset_s: seconds that were added to the log's first moment.
        drift_ppm: microseconds that were added for each second of the log.
        peaks: how many times higher the best place of the pulses was than the next one, before and after the run.
        step_s: seconds between two samples of the log.
    """

    offset_s: float
    drift_ppm: float
    peaks: tuple[Positive, ...]
    step_s: Positive


class PowerTrace(Strict):
    """The power over the whole measurement, thinned for a plot.

    Attributes:
        start_ns: moment of 0 s, of ``time.monotonic_ns``, as in the windows.
        seconds: since then.
        watts: of the meter's scope.
    """

    start_ns: int = 0
    seconds: tuple[float, ...] = ()
    watts: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> PowerTrace:
        """Refuse moments without a power."""
        if len(self.seconds) != len(self.watts):
            raise ValueError("the trace has as many seconds as watts")
        return self


class Repeat(Strict):
    """One of several measurements, each after a rest.

    Attributes:
        started: date and time.
        per_clip: median joules of a clip, gross, by workload.
    """

    started: str
    per_clip: dict[Workload, float]


class Report(Strict):
    """What one device used.

    Attributes:
        format: always the same.
        version: of the format.
        source: ``measured`` by a meter, or ``modelled`` from counts of operations.
        bundle: that was measured.
        device: on which.
        meter: by which; None where it is modelled.
        protocol: how.
        idle_w: power of the loaded process asleep, before and after; empty where it is not known.
        busy_w: power while full clips are recognized.
        drift_percent: by which the power of all workloads rose from the first window to the last. It is taken off:
            joules are those of the middle.
        windows: everything that was metered, of all repeats.
        per_clip: by workload, of the first repeat.
        per_stage: of a full clip, likewise.
        per_correct: by workload; None where clips have no labels.
        by_budget: rows of the bundle's table that were measured.
        observer_ms: milliseconds of a full clip with the meter's thread less those without it.
        alignment: of a log; None for a meter that was read directly.
        trace: the power, thinned.
        repeats: medians of every repeat, where there were several.
        spread_percent: by workload, largest less smallest median of the repeats, in percent of the middle one.
        warnings: sentences on what spoils the figures, or what they hold for.
        publishable: whether nothing spoils them.
    """

    format: Literal["adafocus-energy"] = FORMAT
    version: Literal[1] = VERSION
    source: Literal["measured", "modelled"]
    bundle: BundleFacts
    device: DeviceFacts
    meter: MeterFacts | None
    protocol: ProtocolFacts
    idle_w: tuple[Positive, ...] = ()
    busy_w: Positive | None = None
    drift_percent: float | None = None
    windows: tuple[Window, ...] = ()
    per_clip: dict[Workload, PerClip]
    per_stage: PerStage = PerStage()
    per_correct: dict[Workload, PerCorrect] | None = None
    by_budget: tuple[BudgetRow, ...] = ()
    observer_ms: Interval | None = None
    alignment: Alignment | None = None
    trace: PowerTrace = PowerTrace()
    repeats: tuple[Repeat, ...] = ()
    spread_percent: dict[Workload, float] = Field(default={})
    warnings: tuple[str, ...] = ()
    publishable: bool

    @model_validator(mode="after")
    def _check(self) -> Report:
        """Refuse measured joules without a meter, and modelled ones that claim one or may be published as measured."""
        if (self.source == "measured") != (self.meter is not None):
            raise ValueError("measured joules have a meter, and modelled ones have none")
        if self.source == "modelled" and self.publishable:
            raise ValueError("modelled joules cannot be published as measured ones")
        return self


def schema() -> dict[str, Any]:
    """Return the JSON schema of a report's file."""
    return {"$schema": SCHEMA, **Report.model_json_schema(mode="serialization")}


def write_report(report: Report, path: Path) -> None:
    """Write a report; nothing half-written is ever seen.

    Raises:
        AdafocusError: the place cannot be written to.
    """
    with replacing_file(path) as beside:
        beside.write_text(f"{report.model_dump_json(indent=1)}\n", encoding="utf-8")


def read_report(path: Path) -> Report:
    """Read what :func:`write_report` wrote.

    Raises:
        AdafocusError: no such file, something else, or a key that is not as the schema has it.
    """
    again = f"Measure again with this version: adafocus energy BUNDLE CLIPS --out {shell_word(path)}"
    return read_file(path, Report, "report", (FORMAT, VERSION), again)


def read_file(path: Path, model: type[Model], kind: str, expected: tuple[str, int], again: str) -> Model:
    """Read a file of one of the formats of ``adafocus energy``.

    Args:
        path: of the file.
        model: what it is to hold.
        kind: what it is called in sentences.
        expected: its format and version.
        again: a sentence on how another one is made.

    Raises:
        AdafocusError: no such file, something else, or a key that is not as the model has it.
    """
    text = read_text(path)
    try:
        content = parse_json(text)
    except ValueError as error:
        raise AdafocusError(f"{path} is not valid JSON ({error}). {again}") from error
    found = (content.get("format"), content.get("version")) if isinstance(content, dict) else (None, None)
    if found != expected:
        raise AdafocusError(
            f"{path} is no {kind} of adafocus energy in version {expected[1]}, found the format "
            f"{str(found[0])[:40]!r} in version {str(found[1])[:40]!r}. {again}"
        )
    try:
        # as JSON once more: only there a strict reading knows lists for tuples and refuses "8" for 8
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise AdafocusError(f"{path}: {first_problem(error)} {again}") from error


def read_text(path: Path) -> str:
    """Return the text of a file of reasonable size.

    Raises:
        AdafocusError: it cannot be read as text, or is too large.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no text"
        raise AdafocusError(f"{path} cannot be read: {said}. Check the path.") from error
    if len(content) > MAX_BYTES:
        raise AdafocusError(f"{path} has more than {MAX_BYTES >> 20} MB, so it is no report. Check the path.")
    return text


def first_problem(error: ValidationError) -> str:
    """Return a sentence on the first key that is not as a model has it."""
    problem = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in problem["loc"])[:200]
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        return f"the key {key!r} is not known here."
    if problem["type"] == "missing":
        return f"the key {key!r} is missing."
    return f"{key!r} is not as expected: {message[:1].lower()}{message[1:]}." if key else f"{message}."
