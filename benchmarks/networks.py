"""Measure what the presets cost, and how long their lowered stages take beside the float network.

python -m benchmarks.networks --out results/networks.yaml
"""

from __future__ import annotations

from pathlib import Path

import click
import torch
from rich.progress import track

from adafocus import networks
from adafocus.converters.presets import cost_record, show
from adafocus.edge.commands import options
from adafocus.networks.lowering import infer_lowered, lower
from benchmarks.harness import Benchmark, medians, out_option, write

WARM_UP = 1
TURNS = 5
TIMES = ("preset", "float_ms", "lowered_ms", "lowered_over_float", "largest_relative_difference")


@torch.no_grad()
def times(name: str) -> dict[str, float]:
    """Return medians in ms of both networks, which take turns in this process, and how far their logits are apart."""
    torch.manual_seed(0)
    net = networks.build(name).eval()
    stages = lower(net)
    config = net.config
    candidates, glance = torch.randn(1, config.candidate_frames, 3, config.frame_size, config.frame_size), None
    if not config.has_policy_network:
        candidates = torch.randn(1, config.focus_frames, 3, config.patch_size, config.patch_size)
        glance = torch.randn(1, config.glance_frames, 3, config.glance_size, config.glance_size)
    wanted = net.infer(candidates, glance).stage_logits[0]
    given = infer_lowered(stages, candidates, glance).stage_logits
    calls = {
        "float": lambda: net.infer(candidates, glance),
        "lowered": lambda: infer_lowered(stages, candidates, glance),
    }
    spent = medians(calls, WARM_UP, TURNS)
    return {
        "float_ms": round(spent["float"], 2),
        "lowered_ms": round(spent["lowered"], 2),
        "lowered_over_float": round(spent["lowered"] / spent["float"], 3),
        "largest_relative_difference": float(f"{(given - wanted).abs().max() / wanted.abs().max():.2g}"),
    }


@click.command(cls=Benchmark)
@options.threads
@out_option
def main(threads: int, out: Path | None) -> None:
    """Time the lowered stages of every preset beside its float network."""
    torch.set_num_threads(threads)
    records = [cost_record(name) | times(name) for name in track(networks.PRESETS, "presets")]
    show(records)
    show(records, TIMES)
    content = {
        "command": f"python -m benchmarks.networks --threads {threads} --out results/networks.yaml",
        "torch": str(torch.__version__),
        "threads": threads,
        "turns": TURNS,
        "presets": records,
    }
    write(out, content)


if __name__ == "__main__":
    main()
