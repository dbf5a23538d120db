"""Run ``adafocus energy`` on real clips with a made-up meter whose power follows what the process really does.

    python -m benchmarks.energy.busy_run BUNDLE CLIPS --out results/energy.yaml

Everything is the command's own, but the sensor chip in a made-up sysfs tree: it shows the power of idling plus so many
watts for each processor that this process keeps busy, a hundred times a second. So what each window took is known.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import numpy as np

from adafocus.calibration.report_file import put_result
from adafocus.edge.commands.energy import energy
from adafocus.edge.energy.facts import Workload
from adafocus.edge.energy.report import Report, read_report
from adafocus.edge.meters.meter import SECOND_NS
from benchmarks.energy.busy_device import BusyDevice
from benchmarks.harness import PATH, Benchmark, console, rounded

IDLE_W, BUSY_W = 2.7, 2.0


def errors(report: Report, device: BusyDevice) -> dict[Workload, list[tuple[float, float]]]:
    """Return measured and true joules of a clip in each window, by workload."""
    found: dict[Workload, list[tuple[float, float]]] = {}
    for window in report.windows:
        if window.workload == "idle" or window.workload == "unmetered":
            continue
        if window.joules is not None and window.round is not None and window.budget is None:
            true_j = device.joules(window.start_ns, window.start_ns + round(window.seconds * SECOND_NS))
            found.setdefault(window.workload, []).append((window.joules / window.clips, true_j / window.clips))
    return found


@click.command(cls=Benchmark, context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.option("--results", type=PATH, required=True, help="Put the figures into this file of results, under busy_run.")
def main(words: tuple[str, ...], results: Path) -> None:
    """Run adafocus energy with WORDS, such as BUNDLE CLIPS --windows 6, on a device whose power is known."""
    with tempfile.TemporaryDirectory() as folder:
        device = BusyDevice(Path(folder) / "sys", IDLE_W, BUSY_W)
        device.start()
        out = Path(folder) / "energy.json"
        energy.main([*words, "--meter", "hwmon", "--out", str(out)], standalone_mode=False, obj=device.places)
        device.end()
        report = read_report(out)
    rows = []
    for name, pairs in errors(report, device).items():
        measured, true = np.array(pairs).T
        interval = report.per_clip[name].gross_j
        median = float(np.median(true))
        rows.append(
            {
                "workload": name,
                "windows": len(pairs),
                "true_j": median,
                "measured_j": interval.median,
                "low_j": interval.low,
                "high_j": interval.high,
                "worst_window_percent": 100 * float(np.abs(measured / true - 1).max()),
            }
        )
    check = report.per_stage.sum_check
    content = {
        "command": f"python -m benchmarks.energy.busy_run {' '.join(words)} --results {results.name}",
        "note": "the chip and its power are made up, all else is real; other programs were at work on the machine",
        "bundle": report.bundle.name,
        "clips": report.protocol.clips,
        "idle_w": list(report.idle_w),
        "true_idle_w": IDLE_W,
        "others_percent": next((line for line in report.warnings if "other processes" in line), None),
        "stages_differ_percent": None if check is None else check.difference_percent,
        "workloads": rows,
    }
    put_result(results, "busy_run", rounded(content))
    for row in rows:
        console.print(row)


if __name__ == "__main__":
    main()
