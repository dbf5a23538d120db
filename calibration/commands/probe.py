"""Workstation verb ``probe``."""

from __future__ import annotations

from typing import Any

import click

from adafocus.calibration.commands import options
from adafocus.edge.commands import options as edge_options
from adafocus.edge.commands.outputs import check_outputs


@click.command()
@click.argument("stored", metavar="ANSWERS...", type=options.FILE, nargs=-1, required=True)
@options.clip_sets
@options.splits(
    "Fit to the clips of this split; 'all' takes every clip.", "Validate on the clips of this split; 'none' skips it."
)
@click.option("--fold", help="Divide the clips by group into N folds and validate on the K-th, as adafocus train does.")
@click.option(
    "--folds",
    type=click.IntRange(2),
    default=5,
    show_default=True,
    help="Answer the clips that are fitted to in so many parts, each by a fit to the others.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=1, show_default=True, help="Divide groups with this seed."
)
@click.option("--out", type=options.FILE, required=True, help="Write the answers to this .npz file.")
def probe(**asked: Any) -> None:
    """Fit a linear classifier to the features in ANSWERS of adafocus predict, as a teacher for these classes.

    Features of several teachers are joined. Clips that are fitted to are answered by fits to other groups, so that the
    answers are as good as those on new clips.
    """
    out = asked["out"]
    options.refuse_folders(out=out)
    check_outputs({"--out": out}, (*asked["stored"], *asked["sources"], *options.listed_videos(asked["sources"], out)))
    from adafocus.calibration.teachers import probe as run
    from adafocus.calibration.teachers.answers import check_name

    check_name("--out", out)
    run.probe(run.Request(**asked))
    edge_options.print_next("train", "RECIPE", "--clips", asked["sources"][0], "--teacher", out)
