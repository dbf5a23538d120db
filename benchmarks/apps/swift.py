"""Time the cutting of a clip's patches in Swift beside Python, in one run.

    sudo .venv/bin/python -m benchmarks.apps.swift --out results/apps.yaml

Eight patches of 128 pixels are cut out of a square of 224, in Swift on Linux, compiled for speed. What an iPhone needs
is not known from this. It needs root, for the tree of Debian with Swift.
"""

from __future__ import annotations

from pathlib import Path

import click

from adafocus.apps.ios.tools import swift, tree
from benchmarks.apps.patches import beside_python
from benchmarks.harness import PATH, Benchmark, option


@click.command(cls=Benchmark)
@option("--turns", default=300, type=click.IntRange(3), help="Time so many turns of Python.")
@option("--out", type=PATH, help="Put the figures into this YAML file.")
def main(turns: int, out: Path | None) -> None:
    """Time the cutting of patches."""
    tree.make()
    with tree.entered():
        beside_python("swift", turns, swift.compiled_check(), out)


if __name__ == "__main__":
    main()
