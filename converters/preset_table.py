"""``adafocus presets``: every configuration with its cost, and how long its stages take beside the float network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from adafocus import networks
from adafocus.calibration.evaluation import write_report
from adafocus.converters.timing import medians
from adafocus.networks.cost import cost_of
from adafocus.networks.lowering import infer_lowered, lower

WARM_UP = 1
TURNS = 5
COSTS = ("preset", "parameters", "gmac", "gmac_as_published", "peak_int8_mb")
TIMES = ("preset", "float_ms", "lowered_ms", "lowered_over_float", "largest_relative_difference")


def table_of_presets(timed: bool, threads: int) -> list[dict[str, Any]]:
    """One record per preset; with times, medians of both networks taking turns in this process."""
    torch.set_num_threads(threads)
    return [_record(name, timed) for name in track(networks.PRESETS, "presets")]


def _record(name: str, timed: bool) -> dict[str, Any]:
    cost = cost_of(networks.PRESETS[name])
    peak = max(stage.peak_activations for stage in cost.stages.values())
    record = {
        "preset": name,
        "parameters": cost.parameters,
        "gmac": round(cost.exit_macs[-1] / 1e9, 4),
        "gmac_as_published": round(cost.published_macs[-1] / 1e9, 4),
        **{f"{stage}_gmac": round(part.macs * part.calls / 1e9, 4) for stage, part in cost.stages.items()},
        "peak_int8_mb": round(peak / 1e6, 2),
    }
    return record | (_times(name) if timed else {})


@torch.no_grad()
def _times(name: str) -> dict[str, float]:
    torch.manual_seed(0)
    net = networks.build(name).eval()
    stages = lower(net)
    config = net.config
    candidates = torch.randn(1, config.candidate_frames, 3, config.frame_size, config.frame_size)
    wanted = net.infer(candidates).stage_logits[0]
    given = infer_lowered(stages, candidates).stage_logits
    calls = {"float": lambda: net.infer(candidates), "lowered": lambda: infer_lowered(stages, candidates)}
    spent = medians(calls, WARM_UP, TURNS)
    return {
        "float_ms": round(spent["float"], 2),
        "lowered_ms": round(spent["lowered"], 2),
        "lowered_over_float": round(spent["lowered"] / spent["float"], 3),
        "largest_relative_difference": float(f"{(given - wanted).abs().max() / wanted.abs().max():.2g}"),
    }


def show(records: list[dict[str, Any]]) -> None:
    """Print the records: costs, and times where they were measured."""
    console = Console(highlight=False)
    for columns in (COSTS, TIMES):
        if not set(columns) <= set(records[0]):
            continue
        table = Table(*(column.replace("_", " ") for column in columns))
        for record in records:
            table.add_row(*(f"{record[c]:,}" if isinstance(record[c], int) else str(record[c]) for c in columns))
        console.print(table)


def write(path: Path, records: list[dict[str, Any]], threads: int) -> None:
    """Write the records as YAML with what they were measured on."""
    content = {
        "command": f"adafocus presets --time --threads {threads} --out {path}",
        "torch": str(torch.__version__),
        "threads": threads,
        "turns": TURNS,
        "presets": records,
    }
    write_report(path, content)
