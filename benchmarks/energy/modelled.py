"""Keep what the model says of a clip of some bundles, with what it counts.

python -m benchmarks.energy.modelled bundles/*.zip --out results/energy.yaml
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from adafocus.calibration.report_file import put_result
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.commands import options
from adafocus.edge.energy.modelled import LEAST_PJ_PER_BYTE, MOST_PJ_PER_BYTE, PJ_PER_MAC, SOURCE, Work, exit_work
from benchmarks.harness import PATH, Benchmark, console, rounded


def figures(bundle: Bundle, runtime: str) -> dict[str, Any]:
    """Return what a clip of a bundle takes that stops after the glance, and one that never stops early."""
    works = exit_work(bundle, runtime)
    return {"bundle": bundle.manifest.name, "glance": _of(works[0]), "full": _of(works[-1])}


def _of(work: Work) -> dict[str, float]:
    """Return millijoules, and of them the part of the operations; and megabytes."""
    joules = {name: 1e3 * value for name, value in asdict(work.joules()).items()}
    return {**joules, "operations": 1e-9 * work.arithmetic_pj, "megabytes": work.bytes / 1e6}


@click.command(cls=Benchmark)
@click.argument("bundles", nargs=-1, required=True, type=PATH)
@click.option("--out", type=PATH, required=True, help="Put the figures into this file of results, under modelled.")
@options.runtime
def main(bundles: tuple[Path, ...], out: Path, runtime: str) -> None:
    """Model the energy of a clip of BUNDLES."""
    found = []
    for path in bundles:
        with Bundle.open(path) as bundle:
            found.append(figures(bundle, runtime))
    content = {
        "command": "python -m benchmarks.energy.modelled bundles/*.zip --out results/energy.yaml",
        "note": f"{SOURCE}; in mJ, no measurement",
        "pj_per_multiply_accumulate": dict(PJ_PER_MAC),
        "pj_per_byte": [LEAST_PJ_PER_BYTE, MOST_PJ_PER_BYTE],
        "bundles": found,
    }
    put_result(out, "modelled", rounded(content))
    for one in found:
        console.print(f"{one['bundle']}: {one['glance']['middle']:.2f} mJ to {one['full']['middle']:.2f} mJ, modelled")


if __name__ == "__main__":
    main()
