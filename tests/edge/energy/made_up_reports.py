"""Reports of energy with made-up figures, for what shows them."""

from __future__ import annotations

from typing import Any

from adafocus.edge.energy.report import (
    BudgetRow,
    BundleFacts,
    DeviceFacts,
    Interval,
    MeterFacts,
    PerClip,
    PerCorrect,
    PerStage,
    PowerTrace,
    ProtocolFacts,
    Report,
    StageEnergy,
    SumCheck,
    Window,
    Workload,
)

START_NS, ROUNDS = 10**12, 6
IDLE_W = 2.71
ORDER: tuple[Workload, ...] = ("decode", "glance", "full", "exits", "plain")
NET_J = {"decode": 0.08, "glance": 0.15, "full": 0.47, "exits": 0.412, "plain": 0.42}
SECONDS = {"decode": 0.03, "glance": 0.055, "full": 0.16, "exits": 0.14, "plain": 0.15}
TOP1 = {"glance": 0.66, "full": 0.79, "exits": 0.783, "plain": 0.745}


def around(value: float, share: float = 0.034) -> Interval:
    """Return an interval with a figure in its middle."""
    return Interval(median=value, low=value * (1 - share), high=value * (1 + share))


def bundle_facts(name: str = "x3d-xs-frame-k400", sha256: str = "ab" * 32) -> BundleFacts:
    return BundleFacts(name=name, sha256=sha256, labels=400, runtime="litert", runtime_version="2.3.0", threads=2)


def meter_facts(**changes: Any) -> MeterFacts:
    facts = {"name": "jetson", "detail": "VDD_IN", "scope": "module input", "kind": "sampler", "rate_hz": 10.0}
    return MeterFacts(**{**facts, **changes})


def protocol_facts(**changes: Any) -> ProtocolFacts:
    order = tuple(name for number in range(ROUNDS) for name in (ORDER if number % 2 == 0 else ORDER[::-1]))
    facts = {
        "started": "2026-01-02T03:04:05+00:00",
        "clips": 120,
        "clips_sha256": "cd" * 32,
        "labeled": 120,
        "draws": 10_000,
        "rounds": ROUNDS,
        "order": order,
        "window_s": 10.0,
        "window_clips": 30,
        "idle_s": 60.0,
        "warm_up_s": 180.0,
        "settled": True,
    }
    return ProtocolFacts(**{**facts, **changes})


def measured(model: str = "Jetson Orin Nano", **changes: Any) -> Report:
    """Return a report with everything in it."""
    windows, seconds, watts = _windows()
    per_clip = {
        name: PerClip(
            gross_j=around(NET_J[name] + IDLE_W * SECONDS[name]),
            net_j=around(NET_J[name]),
            ms=around(1000 * SECONDS[name]),
            windows=ROUNDS,
            top1=TOP1.get(name),
        )
        for name in ORDER
    }
    stages = {"decode": 0.08, "glance": 0.07, "focus": 0.322}
    per_stage = {name: StageEnergy(gross_j=around(2 * net), net_j=around(net)) for name, net in stages.items()}
    check = SumCheck(parts_j=0.472, whole_j=0.47, difference_percent=0.43, within=True)
    content: dict[str, Any] = {
        "source": "measured",
        "bundle": bundle_facts(),
        "device": DeviceFacts(model=model, cpu="Cortex-A78AE", cores=6, power_mode="15W"),
        "meter": meter_facts(),
        "protocol": protocol_facts(),
        "idle_w": (2.70, 2.72),
        "busy_w": 5.6,
        "drift_percent": 1.4,
        "windows": windows,
        "per_clip": per_clip,
        "per_stage": PerStage(**per_stage, sum_check=check),
        "per_correct": {
            name: PerCorrect(gross_j=around(1.2), net_j=around(NET_J[name] / top1), top1=around(top1), clips=120)
            for name, top1 in TOP1.items()
        },
        "by_budget": tuple(
            BudgetRow(
                unit="GMAC", budget=budget, thresholds=(0.5,), gross_j=around(net + 0.4), net_j=around(net), top1=top1
            )
            for budget, net, top1 in ((0.5, 0.17, 0.69), (0.77, 0.31, 0.783), (1.18, 0.47, 0.79))
        ),
        "observer_ms": Interval(median=0.4, low=-0.2, high=1.1),
        "trace": PowerTrace(start_ns=START_NS, seconds=seconds, watts=watts),
        "publishable": True,
    }
    return Report(**{**content, **changes})


def modelled(model: str = "Jetson Orin Nano", **changes: Any) -> Report:
    """Return a report without a meter."""
    content: dict[str, Any] = {
        "source": "modelled",
        "bundle": bundle_facts(),
        "device": DeviceFacts(model=model),
        "meter": None,
        "protocol": ProtocolFacts(started="2026-01-02T03:04:05+00:00", clips=0),
        "per_clip": {
            name: PerClip(gross_j=around(joules, 0.3)) for name, joules in (("glance", 0.002), ("full", 0.006))
        },
        "publishable": False,
    }
    return Report(**{**content, **changes})


def _windows() -> tuple[tuple[Window, ...], tuple[float, ...], tuple[float, ...]]:
    """Return windows of idling and of every round, and a trace of them."""
    windows, seconds, watts = [], [], []
    now_s = 0.0
    rounds = [(name, number) for number in range(ROUNDS) for name in (ORDER if number % 2 == 0 else ORDER[::-1])]
    for name, number in [("idle", None), *rounds, ("idle", None)]:
        clips = 0 if number is None else 80
        length_s = 60.0 if number is None else clips * SECONDS[name] + 10
        power_w = IDLE_W if number is None else IDLE_W + NET_J[name] / SECONDS[name]
        seconds += [now_s + 0.5 * step for step in range(int(2 * length_s))]
        watts += [power_w] * int(2 * length_s)
        windows.append(
            Window(
                workload=name,  # type: ignore[arg-type]
                round=number,
                start_ns=START_NS + round(now_s * 1e9),
                seconds=length_s,
                clips=clips,
                joules=power_w * length_s,
                samples=int(10 * length_s),
                coverage=0.996,
                longest_gap_s=0.12,
                temperature_c=52.0,
                throttled=(),
            )
        )
        now_s += length_s
    return tuple(windows), tuple(seconds), tuple(watts)
