"""``python -m adafocus.apps.ios.tools``: compile and test the Swift package on Linux."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from adafocus.apps.ios.tools import swift, tree
from adafocus.errors import AdafocusError

BUNDLES = tree.ROOT / "bundles"


def _bundles(given: tuple[Path, ...] = ()) -> list[Path]:
    return list(given) or sorted(BUNDLES.glob("*.zip"))


@click.group()
def main() -> None:
    """Compile and test what is in apps/ios, in a tree of Debian with Swift that is made once."""


@main.command()
@click.option("--if-there", is_flag=True, help="Do nothing where the tree was not made, and say so.")
def test(if_there: bool) -> None:
    """Do all that can be tested here: vectors, mistakes, damaged bundles, the shipped bundles in LiteRT, a stream."""
    if if_there and (not tree.is_there() or tree.missing() is not None):
        print("Swift is not tested: make test-ios makes its tree once, in five minutes")
        return
    tree.make()
    with tree.entered():
        swift.rules()
        swift.golden(_bundles())
        swift.unit_tests(_bundles()[0])


@main.command()
def rules() -> None:
    """Answer every conformance vector, damage bundles, and see that every mistake fails a vector."""
    tree.make()
    with tree.entered():
        swift.rules()


@main.command()
@click.argument("bundles", nargs=-1, type=click.Path(path_type=Path, exists=True))
def golden(bundles: tuple[Path, ...]) -> None:
    """Run the golden clips of BUNDLES, folders or zips, in Swift; without BUNDLES of those that are shipped."""
    tree.make()
    with tree.entered():
        swift.golden(_bundles(bundles))


if __name__ == "__main__":
    try:
        main(standalone_mode=False)
    except AdafocusError as error:
        sys.exit(str(error))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
