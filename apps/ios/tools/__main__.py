"""``python -m adafocus.apps.ios.tools``: compile and test the Swift package on Linux."""

from __future__ import annotations

from pathlib import Path

import click

from adafocus.apps.ios.tools import swift, tree
from adafocus.edge.cli import main as run_program

BUNDLES = tree.ROOT / "bundles"


def _bundles(given: tuple[Path, ...] = ()) -> list[Path]:
    return list(given) or sorted(BUNDLES.glob("*.zip"))


@click.group()
def main() -> None:
    """Compile and test what is in apps/ios, in a tree of Debian with Swift that is made once."""


@main.command()
def rules() -> None:
    """Answer every conformance vector, and damage bundles."""
    tree.make()
    with tree.entered():
        swift.rules()


@main.command()
def mistakes() -> None:
    """See that every mistake in Tests/mistakes.json fails a vector."""
    tree.make()
    with tree.entered():
        swift.mistakes()


@main.command()
@click.argument("bundles", nargs=-1, type=click.Path(path_type=Path, exists=True))
def golden(bundles: tuple[Path, ...]) -> None:
    """Run the golden clips of BUNDLES, folders or zips, in Swift; without BUNDLES of those that are shipped."""
    tree.make()
    with tree.entered():
        swift.golden(_bundles(bundles))


if __name__ == "__main__":
    run_program(main, "python -m adafocus.apps.ios.tools")
