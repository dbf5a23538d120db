"""``adafocus vectors``: write what the device's rules give for stated inputs, for programs in other languages."""

from __future__ import annotations

from pathlib import Path

import click

from adafocus.edge.bundle.files import size_of
from adafocus.edge.commands import options
from adafocus.edge.commands.outputs import check_outputs
from adafocus.edge.conformance.writing import write_vectors


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--bundle",
    "bundles",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Add what this bundle gives for one clip in LiteRT; repeatable.",
)
@options.as_json
def vectors(out: Path, bundles: tuple[Path, ...], as_json: bool) -> None:
    """Write conformance vectors into the folder OUT, for the same rules in another language.

    A vector is an input and what the device's own code gives for it: frames, boxes, patches, tables, early stops,
    windows of streams, bundles that are good and malformed.
    """
    check_outputs({"OUT": out}, bundles)
    counts = write_vectors(out, bundles)
    found = {"out": str(out), "bytes": size_of(out), "vectors": counts}
    if as_json:
        options.print_json(found)
        return
    listed = ", ".join(f"{count} of {name}" for name, count in counts.items())
    click.echo(f"wrote {out}: {sum(counts.values())} vectors in {size_of(out):,} bytes: {listed}")
