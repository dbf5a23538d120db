"""Write the section on energy: from ``results/energy.yaml``."""

from __future__ import annotations

from collections.abc import Iterator

from docs.tools.table import Figures, decimals, section, source, table

FILE = "energy.yaml"
TIMES = "energy_clip_times.json"


def energy_sections(found: Figures) -> Iterator[str]:
    """Yield the sections of what was measured; no meter of energy stood beside the machine that measured it."""
    drawn = {"coverage": _coverage, "busy_run": _busy_run, "placing": _placing, "budget": _budget}
    yield from (draw(found[key]) for key, draw in drawn.items() if key in found)
    yield _modelled(found["modelled"])


def _coverage(found: Figures) -> str:
    held, drift = found["intervals"], found["drift"]
    rows = [
        (
            row["what"],
            f"{1e3 * row['true_gross_j']:.1f}",
            f"{1e3 * row['true_net_j']:.1f}",
            row["gross_held"],
            row["net_held"],
            decimals(row["median_width_percent"]),
        )
        for row in held["rows"]
    ]
    moved = ", ".join(f"{row['worst_percent']:.2g} % for the stage {row['stage']}" for row in drift["stages"])
    return section(
        "Energy: do the intervals hold what is true",
        f"{held['runs']} whole measurements of a made-up device whose power is known: idle, warm-up, {found['rounds']} "
        "windows of each workload. Clock, power and meter are made up; how long clips take was drawn from the "
        f"processor time of {found['clips']} real clips, {found['passes']} passes of each (`results/{TIMES}`). In how "
        f"many of {held['runs']} runs the 95 % interval held the true joules, which are the mean over all clips and "
        "passes.",
        table(("a clip of", "true mJ, gross", "true mJ, net", "gross held", "net held", "width of gross, %"), rows),
        f"The stages added up to the whole, within its interval, in {held['sum_within']} of {held['runs']} runs. A "
        f"meter whose gain rises by {drift['drift_percent']:g} % over the run moved a stage by at most {moved}, in "
        f"{drift['runs']} runs.",
        source(FILE, found["command"]),
    )


def _busy_run(found: Figures) -> str:
    rows = [
        (
            row["workload"],
            row["windows"],
            decimals(row["true_j"], 3),
            decimals(row["measured_j"], 3),
            f"{row['low_j']:.3f} to {row['high_j']:.3f}",
            decimals(row["worst_window_percent"]),
        )
        for row in found["workloads"]
    ]
    return section(
        "Energy: the command on real clips and a made-up chip",
        f"`adafocus energy` on {found['clips']} real clips. The sensor chip stands in a made-up tree and shows a power "
        "that follows what the process really does, so that every window's joules are known. Other programs were at "
        "work on the machine, so the joules themselves are of no device.",
        table(("workload", "windows", "true J", "measured J", "95 % interval", "worst window, %"), rows),
        source(FILE, found["command"]),
    )


def _placing(found: Figures) -> str:
    rows = [
        (
            f"{row['hz']:g} Hz, noise {row['noise_w']:g} W",
            decimals(row["worst_ms"]),
            decimals(row["worst_samples"], 2),
            decimals(row["offset_s"], 3),
            decimals(row["drift_ppm"]),
            decimals(row["least_peak"]),
        )
        for row in found["rows"]
    ]
    return section(
        "Energy: logs of meters on another clock",
        f"Logs of a made-up device, shifted by {found['shift_s']:g} s and {found['drift_ppm']:g} parts in a million, "
        "are placed by three pulses before and after. The worst sample is less than one sample away everywhere.",
        table(("log", "worst, ms", "worst, samples", "offset, s", "drift, ppm", "best place / next"), rows),
        source(FILE, found["command"]),
    )


def _budget(found: Figures) -> str:
    low, high = found["range_j"]
    rows = [
        (
            row["name"],
            row["settled_at"],
            f"{row['worst_percent']:.2f} %",
            row["source"],
            decimals(row["correction"], 3),
            f"{row['windows']}, {row['lost_windows']} lost",
        )
        for row in found["experiments"]
    ]
    return section(
        f"A budget of {found['budget']} is held",
        f"`{found['bundle']}`, {found['plays']} clips, {found['different_clips']} different ones. Clips, predictions "
        f"and controller are real; the device, on which a clip takes {low:g} to {high:g} J above idling, and its meter "
        "are made up, so that it is known what every clip really took. The deviation is that of the mean of the last "
        f"{found['window_clips']} clips from the budget, at most, from the clip on that is named: the "
        f"{found['window_clips']}th, or {found['window_clips']} clips after the meter has corrected the profile.",
        table(("the profile and the meter", "from clip", "deviation", "joules are", "correction", "windows"), rows),
        source(FILE, found["command"]),
    )


def _modelled(found: Figures) -> str:
    rows = [
        (
            f"`{row['bundle']}`",
            path,
            decimals(row[path]["middle"], 2),
            f"{row[path]['low']:.2f} to {row[path]['high']:.2f}",
            decimals(row[path]["operations"], 2),
            decimals(row[path]["megabytes"]),
        )
        for row in found["bundles"]
        for path in ("glance", "full")
    ]
    return section(
        "Joules of a clip, modelled",
        "No measurement: multiply-accumulates and bytes of memory with published coefficients (see "
        "[energy](energy.md#without-a-meter)). The bounds are those of the coefficient of memory. A device takes many "
        "times as much.",
        table(("bundle", "path", "modelled mJ", "bounds", "of it operations", "MB moved"), rows),
        source(FILE, found["command"]),
    )
