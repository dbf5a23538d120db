"""Time the cutting of a clip's patches in Kotlin beside Python, in one run.

    python -m benchmarks.apps.kotlin --out results/apps.yaml

Eight patches of 128 pixels are cut out of a square of 224, after the runtime has compiled what it runs often, on this
machine's Java. What Android's own runtime needs is not known from this. It needs a Java development kit; compilers come
from registries.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from adafocus.apps.android.tools import jvm
from benchmarks.apps.patches import beside_python
from benchmarks.harness import PATH, Benchmark, option


@click.command(cls=Benchmark)
@option("--turns", default=300, type=click.IntRange(3), help="Time so many turns of Python.")
@option("--out", type=PATH, help="Put the figures into this YAML file.")
def main(turns: int, out: Path | None) -> None:
    """Time the cutting of patches."""
    beside_python("kotlin", turns, partial(jvm.call, quiet=True), out)


if __name__ == "__main__":
    main()
