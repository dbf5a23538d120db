"""Measure how well the log of a meter on another clock is placed by pulses, on a device whose power is known.

    python -m benchmarks.energy.placing --out results/energy.yaml

The pulses, the search for them and the log's samples are those of ``adafocus energy``; the device, its noise and the
error of the other clock are made up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from adafocus.calibration.report_file import put_result
from adafocus.edge.energy.measuring.alignment import align, give_pulses
from adafocus.edge.energy.measuring.run import Pulse
from adafocus.edge.meters.meter import SECOND_NS, Nanoseconds, Trace
from benchmarks.energy.known_device import KnownDevice
from benchmarks.harness import PATH, Benchmark, console, rounded

SHIFT_S, DRIFT_PPM = 3.7, 20.0
# W: of idling, and above it of work and of all processors
IDLE_W, WORK_W, PULSE_W = 2.7, 3.6, 5.0
LENGTH_S = 700.0
# seconds between samples, and their noise in W
METERS = ((0.005, 0.2), (0.02, 0.05), (0.1, 0.05), (0.1, 0.5), (0.2, 0.05), (0.5, 0.05))


@dataclass(frozen=True)
class Logged:
    """What a meter of another clock has written, and when its samples really were."""

    trace: Trace
    pulses: list[Pulse]
    true_ns: Nanoseconds


def logged(
    period_s: float, noise_w: float = 0.05, pulse_w: float = PULSE_W, after: bool = True, seed: int = 3
) -> Logged:
    """Return the log of twelve minutes of work in windows, with pulses before and after.

    Args:
        period_s: from sample to sample.
        noise_w: of a sample.
        pulse_w: of the pulses, above idling.
        after: whether pulses were given after the work.
        seed: of the noise and the work.
    """
    device = KnownDevice(IDLE_W, period_s, noise_w, seed)
    random = np.random.default_rng(seed)

    def busy(seconds: float) -> None:
        device.work(seconds, pulse_w)

    def rest(seconds: float) -> None:
        device.work(seconds)

    rest(7.3)
    pulses = give_pulses(busy, rest, device.mark)
    rest(60)
    while device.now_s < LENGTH_S:
        device.work(10 + random.random(), WORK_W * random.choice([0.4, 0.8, 1.0]))
        rest(0.1 * random.random())
    rest(60)
    if after:
        pulses += give_pulses(busy, rest, device.mark)
    rest(5)
    trace = device.trace()
    elapsed_ns = (trace.times_ns - trace.times_ns[0]) / (1 + DRIFT_PPM * 1e-6)
    own = (elapsed_ns + trace.times_ns[0] - SHIFT_S * SECOND_NS).astype(np.int64)
    return Logged(replace(trace, times_ns=own, clock="own"), pulses, trace.times_ns)


def worst_s(log: Logged) -> tuple[float, dict[str, Any]]:
    """Place a log; return by how much its samples are misplaced at most, and how it was placed."""
    found = align(log.trace, log.pulses)
    placed = log.trace.placed(found.offset_s, found.drift_ppm)
    return float(np.abs(placed.times_ns - log.true_ns).max()) / SECOND_NS, found.model_dump()


@click.command(cls=Benchmark)
@click.option("--out", type=PATH, required=True, help="Put the figures into this file of results, under placing.")
def main(out: Path) -> None:
    """Place logs that are shifted by 3.7 s and 20 parts in a million."""
    rows = []
    for period_s, noise_w in METERS:
        error_s, found = worst_s(logged(period_s, noise_w))
        rows.append(
            {
                "hz": 1 / period_s,
                "noise_w": noise_w,
                "worst_ms": 1e3 * error_s,
                "worst_samples": error_s / period_s,
                "offset_s": found["offset_s"],
                "drift_ppm": found["drift_ppm"],
                "least_peak": min(found["peaks"]),
            }
        )
    content = {
        "command": f"python -m benchmarks.energy.placing --out {out.name}",
        "shift_s": SHIFT_S,
        "drift_ppm": DRIFT_PPM,
        "rows": rows,
    }
    put_result(out, "placing", rounded(content))
    for row in rows:
        console.print(row)


if __name__ == "__main__":
    main()
