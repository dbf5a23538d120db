"""The sentences of a page, each made from the report: nothing is claimed that was not done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from adafocus.edge.energy.measuring.judgment import NOT_FOR_PUBLICATION
from adafocus.edge.energy.modelled import SOURCE
from adafocus.edge.energy.page.chart import number
from adafocus.edge.energy.page.plots import Estimate
from adafocus.edge.energy.report import WORKLOADS, Interval, Report, Window, Workload
from adafocus.edge.meters.meter import Scope

# what a user runs, then what the bundle can at most
HEADLINES: tuple[Workload, ...] = ("exits", "full", "glance", "plain", "decode")
# below so many joules everything is shown in mJ
MILLI_BELOW_J = 0.1
MEANINGS: dict[Workload, str] = {
    "decode": "reads and decodes the clips",
    "glance": "stops every clip after the glance",
    "full": "never stops early",
    "exits": "stops where the bundle's thresholds say so",
    "plain": "the plain network on whole frames",
}
SEES: dict[Scope, str] = {
    "wall": "the whole device with the losses of its power supply",
    "board input": "what the board takes behind its power supply",
    "battery": "what the device takes from its battery",
    "module input": "the computer module without its carrier board",
    "module rails": "the sum of the rails that the module measures, without the losses of their converters",
    "platform": "what the platform's own counter covers",
    "package": "the processor package alone, without memory, storage and network",
    "gpu": "the graphics card alone",
}
SAMPLING = {
    "sampler": "sampled at {rate} Hz and integrated by the trapezoid rule over the times of the samples",
    "counter": "read from a counter of joules",
    "log": "taken from a log of {rate} Hz and integrated over its times",
}


class Unit:
    """Joules or millijoules, the same on a whole page."""

    def __init__(self, joules: Iterable[float]) -> None:
        """Choose by the largest of some figures."""
        milli = max(map(abs, joules), default=1.0) < MILLI_BELOW_J
        self.factor, self.name = (1000.0, "mJ") if milli else (1.0, "J")

    def of(self, interval: Interval) -> Estimate:
        """Return joules in this unit."""
        low, high = (None if end is None else end * self.factor for end in (interval.low, interval.high))
        return Estimate(interval.median * self.factor, low, high)


def unit_of(*reports: Report) -> Unit:
    """Return the unit in which the clips of reports are shown."""
    return Unit(found.gross_j.median for report in reports for found in report.per_clip.values())


def headline_of(report: Report) -> Workload | None:
    """Return the workload that stands for a report; None where none was measured."""
    return next((name for name in HEADLINES if name in report.per_clip), None)


def result_line(report: Report) -> tuple[str, str]:
    """Return the figure that is to be cited, and what it is of: net joules where idling is known, else gross ones."""
    headline = headline_of(report)
    if headline is None:
        return "No joules are known", "no window counted"
    found, unit = report.per_clip[headline], unit_of(report)
    shown = f"{unit.name} a clip"
    estimate = unit.of(found.net_j or found.gross_j)
    figure = f"{number(estimate.value)} {shown}" + (f" ({estimate.range})" if estimate.range else "")
    if report.meter is None:
        return figure, "modelled, not measured"
    idle = f"net of {idle_power(report):.3g} W idle" if found.net_j and report.idle_w else "gross, idle power included"
    covered = min((window.coverage for window in counted(report)), default=0.0)
    return figure, f"{idle}; {meter_name(report)}, {report.meter.rate_hz:g} Hz, coverage {100 * covered:.1f} %"


def meter_name(report: Report) -> str:
    """Return which meter it was: its chip and rails, and its kind where these do not name it."""
    if report.meter is None:
        return "modelled"
    name, detail = report.meter.name, report.meter.detail
    return f"{detail} ({name})" if detail and name.lower() not in detail.lower() else detail or name


def idle_power(report: Report) -> float:
    """Return the mean power at rest in W, of the windows before and after."""
    return sum(report.idle_w) / len(report.idle_w)


def counted(report: Report) -> list[Window]:
    """Return the windows of workloads whose joules are known."""
    return [window for window in report.windows if window.workload in WORKLOADS and window.joules is not None]


def methods(report: Report) -> str:
    """Return a paragraph for the methods section of a paper."""
    parts = [_device(report)]
    if report.meter is None:
        parts.append(
            f"Energy was not measured. It was {SOURCE}; ranges are those of the coefficient of memory. What is not "
            "counted (decoding, caches, leakage, the rest of the board) takes many times as much on a real device."
        )
        if report.protocol.clips:
            parts.append(f"At which exits clips stop was found by recognizing {_count(report.protocol.clips, 'clip')}.")
    else:
        parts += [*_meter(report), *_windows(report), *_idle(report), *_statistics(report), *_state(report)]
    parts += _results(report)
    return " ".join(parts)


def _device(report: Report) -> str:
    """Say what ran where."""
    bundle, device = report.bundle, report.device
    facts = [
        device.cpu if device.cpu != device.model else None,
        f"{device.cores} cores" if device.cores else None,
        device.os,
        device.kernel,
        f"power mode {device.power_mode}" if device.power_mode else None,
        f"clock governor {', '.join(device.governor)}" if device.governor else None,
    ]
    known = ", ".join(filter(None, facts))
    version = f" {bundle.runtime_version}" if bundle.runtime_version else ""
    threads = f"{bundle.threads} thread{'s' if bundle.threads > 1 else ''}"
    return (
        f"We ran the model {bundle.name} (SHA-256 of its manifest {bundle.sha256[:12]}) with adafocus-edge and "
        f"{bundle.runtime}{version}, {threads}, on {device.model}{f' ({known})' if known else ''}."
    )


def _meter(report: Report) -> list[str]:
    """Say what measured, and how its clock was placed."""
    meter, alignment = report.meter, report.alignment
    assert meter is not None
    how = SAMPLING[meter.kind].format(rate=f"{meter.rate_hz:g}")
    parts = [f"Energy was {how} ({meter_name(report)}); its scope is the {meter.scope}: {SEES[meter.scope]}."]
    if meter.gain_error_percent is None:
        parts.append("The gain error of the meter is unknown and is not in the intervals.")
    else:
        parts.append(
            f"The gain error of the meter is {meter.gain_error_percent:g} % as stated by its maker, and is not in the "
            "intervals."
        )
    if alignment is not None:
        parts.append(
            "The clock of the meter was placed by cross-correlation with pulses of load before and after: offset "
            f"{alignment.offset_s:.3f} s, drift {alignment.drift_ppm:.1f} ppm."
        )
    return parts


def _windows(report: Report) -> list[str]:
    """Say which windows there were, how long, and in which order."""
    protocol, windows = report.protocol, counted(report)
    main = [window for window in windows if window.budget is None and window.repeat == 0]
    parts = []
    if protocol.warm_up_s:
        settled = {
            True: ", when the temperature had settled",
            False: ", when the temperature had not settled",
            None: "; the temperature could not be read",
        }[protocol.settled]
        parts.append(f"The first window began after {protocol.warm_up_s:.0f} s of work{settled}.")
    if not main:
        return [*parts, "No window of a workload counted."]
    names = [name for name in WORKLOADS if any(window.workload == name for window in main)]
    turned = is_counterbalanced(protocol.order, protocol.rounds)
    counts = sorted({sum(window.workload == name for window in main) for name in names})
    described = "; ".join(f"{name}, which {_verb(name)}" for name in names)
    parts.append(
        f"Windows of at least {_down(min(window.seconds for window in main))} s and "
        f"{min(window.clips for window in main)} clips counted, {_span(counts)} for each workload ({described})"
        f"{f', all on the same {protocol.clips} clips' if protocol.clips else ''}"
        f"{', in an order that was reversed from round to round' if turned else ''}."
    )
    refused = refused_windows(report)
    if refused:
        reason = refused[0].reason or "Its joules are not known."
        parts.append(f"{_count(len(refused), 'window')} did not count; the first one because: {reason}")
    return parts


def _idle(report: Report) -> list[str]:
    """Say how idling was measured and taken off."""
    if not report.idle_w:
        return ["Idle power is not known, so that no net energy is given."]
    shown = " W and ".join(f"{watts:.3g}" for watts in report.idle_w)
    when = " before and after" if len(report.idle_w) == 2 else ""
    idle = [window.seconds for window in report.windows if window.workload == "idle"]
    long = f", {_down(min(idle))} s each" if len(idle) > 1 else ""
    taken = ", on the line between the two," if len(report.idle_w) == 2 else ""
    return [
        f"Idle power with the model loaded and the process asleep was {shown} W{when}{long}; net energy is gross "
        f"energy less idle power{taken} times time."
    ]


def _statistics(report: Report) -> list[str]:
    """Say what the figures and their intervals are."""
    protocol = report.protocol
    parts = []
    if protocol.draws and any(found.gross_j.low is not None for found in report.per_clip.values()):
        parts.append(
            f"Figures are medians over windows, with 95 % percentile intervals by bootstrap over rounds "
            f"({protocol.draws} draws, seed {protocol.seed}), widened for few rounds (Hesterberg 2015)."
        )
    else:
        parts.append("Figures are medians over windows, without intervals.")
    if report.drift_percent is not None:
        parts.append(
            f"A drift of power that all workloads share, {report.drift_percent:+.1f} % from the first window to the "
            "last, was found by least squares and taken off."
        )
    if any((report.per_stage.decode, report.per_stage.glance, report.per_stage.focus)):
        parts.append("Energy of stages is the difference of workloads, paired by round.")
    if report.per_correct:
        clips = max(found.clips for found in report.per_correct.values())
        parts.append(f"Energy for each correct prediction comes from {clips} labeled clips by a joint bootstrap.")
    if report.observer_ms is not None:
        found = Estimate(report.observer_ms.median, report.observer_ms.low, report.observer_ms.high)
        parts.append(f"Reading the meter changed the time of a clip by {found.text} ms.")
    if report.repeats:
        worst = max(report.spread_percent.values(), default=None)
        spread = "" if worst is None else f"; medians differ by at most {worst:.1f} %"
        parts.append(f"The measurement was made {_count(len(report.repeats), 'time')}{spread}.")
    return parts


def _state(report: Report) -> list[str]:
    """Say how hot it was and what slowed it down."""
    windows = counted(report)
    heat = [window.temperature_c for window in windows if window.temperature_c is not None]
    parts = [f"The hottest sensor read {_span([round(min(heat)), round(max(heat))])} °C."] if heat else []
    slowed = sum(bool(window.throttled) for window in windows)
    if slowed:
        parts.append(f"The device was throttled in {slowed} of {len(windows)} windows.")
    elif windows and all(window.throttled is not None for window in windows):
        parts.append("The device was not throttled in any window.")
    elif windows:
        parts.append("This device does not tell whether it was throttled.")
    return parts


def _results(report: Report) -> list[str]:
    """Say what was found for every workload."""
    unit, shown = unit_of(report), []
    for name in WORKLOADS:
        found = report.per_clip.get(name)
        if found is not None:
            net = f", {unit.of(found.net_j).text} {unit.name} net" if found.net_j else ""
            kind = "modelled" if report.meter is None else "gross"
            shown.append(f"{unit.of(found.gross_j).text} {unit.name} {kind}{net} for {name}")
    return [f"Energy a clip: {'; '.join(shown)}."] if shown else []


def spoiled(report: Report) -> list[str]:
    """Return sentences on what a report may not be published for."""
    found = [text.removeprefix(NOT_FOR_PUBLICATION).strip() for text in report.warnings if spoils(text)]
    return [f"{text[:1].upper()}{text[1:]}" for text in found]


def spoils(warning: str) -> bool:
    """Tell whether a warning says that a report may not be published."""
    return warning.startswith(NOT_FOR_PUBLICATION)


def refused_windows(report: Report) -> list[Window]:
    """Return the windows without joules that say why; those that nobody meant to meter say nothing."""
    return [window for window in report.windows if window.joules is None and window.reason]


def is_counterbalanced(order: Sequence[str], count: int) -> bool:
    """Tell whether every one of ``count`` rounds of workloads is the one before it turned around."""
    length, left = divmod(len(order), count) if count > 1 else (0, 0)
    if not length or left:
        return False
    rounds = [tuple(order[start : start + length]) for start in range(0, len(order), length)]
    return all(b == a[::-1] for a, b in pairwise(rounds))


def _verb(name: Workload) -> str:
    """Return what a workload does, after ``which``."""
    return f"is {MEANINGS[name]}" if name == "plain" else MEANINGS[name]


def _span(values: Sequence[int]) -> str:
    """Return a number, or the least and the largest."""
    return f"{min(values)}" if min(values) == max(values) else f"{min(values)} to {max(values)}"


def _down(seconds: float) -> str:
    """Return seconds, never more than they are."""
    return f"{int(10 * seconds) / 10:g}"


def _count(count: int, thing: str) -> str:
    """Return a number of things."""
    return f"{count} {thing}{'' if count == 1 else 's'}"
