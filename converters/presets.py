"""``adafocus presets``: every configuration with its cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from adafocus import networks
from adafocus.calibration.report_file import write_report
from adafocus.networks.cost import cost_of

COSTS = ("preset", "parameters", "gmac", "gmac_as_published", "peak_int8_mb")


def table_of_presets() -> list[dict[str, Any]]:
    """Return one record per preset."""
    return [cost_record(name) for name in track(networks.PRESETS, "presets")]


def cost_record(name: str) -> dict[str, Any]:
    """Return the cost of one preset: parameters, GMAC of its stages and of a clip, peak activation memory."""
    cost = cost_of(networks.PRESETS[name])
    peak = max(stage.peak_activations for stage in cost.stages.values())
    return {
        "preset": name,
        "parameters": cost.parameters,
        "gmac": round(cost.exit_macs[-1] / 1e9, 4),
        "gmac_as_published": round(cost.published_macs[-1] / 1e9, 4),
        **{f"{stage}_gmac": round(part.macs * part.calls / 1e9, 4) for stage, part in cost.stages.items()},
        "peak_int8_mb": round(peak / 1e6, 2),
    }


def show(records: list[dict[str, Any]], columns: tuple[str, ...] = COSTS) -> None:
    """Print columns of the records as a table."""
    table = Table(*(column.replace("_", " ") for column in columns))
    for record in records:
        table.add_row(*(f"{record[c]:,}" if isinstance(record[c], int) else str(record[c]) for c in columns))
    Console(highlight=False).print(table)


def write(path: Path, records: list[dict[str, Any]]) -> None:
    """Write the records as YAML."""
    write_report(path, {"command": f"adafocus presets --out {path}", "presets": records})
