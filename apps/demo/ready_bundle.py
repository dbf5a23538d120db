"""``make bundle``: the ready bundle of the shipped model, which a device takes as it is."""

from __future__ import annotations

from pathlib import Path

import click

from adafocus.apps.demo.program import adafocus
from adafocus.apps.demo.videos import DEMO, MODEL, READY, TEST


def make_bundle(out: Path) -> None:
    """Export the shipped model for LiteRT, verified on the demo videos; the same versions give the same bytes.

    The thresholds of its exits are taken over from the bundle that is there.
    """
    # the first video becomes the golden clip, which is kept as it was decoded: a small one
    small, *_ = TEST.fetch()
    verify = [word for video in (small, *DEMO.fetch()) for word in ("--verify", str(video))]
    adafocus("export", str(MODEL), "--to", "litert", "--exits", str(READY), "--out", str(out), *verify)


@click.command()
@click.argument("out", type=click.Path(path_type=Path), default=READY)
def main(out: Path) -> None:
    """Write the ready bundle to OUT."""
    out.parent.mkdir(exist_ok=True)
    make_bundle(out)


if __name__ == "__main__":
    main()
