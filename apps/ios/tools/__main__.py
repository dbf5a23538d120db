"""``python -m adafocus.apps.ios.tools``: compile and test the Swift package on Linux."""

from __future__ import annotations

import time
from pathlib import Path

import click

from adafocus.apps.ios.tools import swift, tree
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.cli import main as run_program

BUNDLES = tree.ROOT / "bundles"


A_BUNDLE = click.Path(path_type=Path, exists=True)


def _shipped() -> list[Path]:
    return sorted(BUNDLES.glob("*.zip"))


@click.group()
def main() -> None:
    """Compile and test what is in apps/ios, in a tree of Debian with Swift that is made once."""


@main.command()
@click.argument("bundles", nargs=-1, type=A_BUNDLE)
def test(bundles: tuple[Path, ...]) -> None:
    """Do all that can be tested here; BUNDLES are run besides those that are shipped."""
    started = time.monotonic()
    tree.make()
    with tree.entered():
        swift.rules()
        swift.golden([path for path in (*_shipped(), *bundles) if "litert" in Bundle.open(path).runtimes()])
        swift.colors()
        swift.stubs([*_shipped(), *bundles])
        swift.mistakes()
    print(f"all of it took {time.monotonic() - started:.0f} s")


@main.command()
def rules() -> None:
    """Answer every conformance vector, damage bundles, and compare colors."""
    tree.make()
    with tree.entered():
        swift.rules()
        swift.colors()


@main.command()
def mistakes() -> None:
    """See that every mistake in Tests/mistakes.json fails a vector."""
    tree.make()
    with tree.entered():
        swift.mistakes()


@main.command()
@click.argument("bundles", nargs=-1, type=A_BUNDLE)
def golden(bundles: tuple[Path, ...]) -> None:
    """Run the golden clips of BUNDLES, folders or zips, in Swift; without BUNDLES of those that are shipped."""
    tree.make()
    with tree.entered():
        swift.golden(bundles or _shipped())


@main.command()
@click.argument("bundles", nargs=-1, type=A_BUNDLE)
def stubs(bundles: tuple[Path, ...]) -> None:
    """Compile what needs Apple's modules against stubs, and run it; BUNDLES with graphs for LiteRT and Core ML."""
    tree.make()
    with tree.entered():
        swift.stubs(bundles or _shipped())


if __name__ == "__main__":
    run_program(main, "python -m adafocus.apps.ios.tools")
