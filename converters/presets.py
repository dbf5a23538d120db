"""What every preset costs."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from adafocus import networks
from adafocus.networks.cost import cost_of

COSTS = ("preset", "parameters", "gmac", "gmac_as_published", "peak_int8_mb")


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
