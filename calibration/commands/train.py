"""Workstation verb ``train``."""

from __future__ import annotations

from typing import Any

import click

from adafocus.calibration.commands import options
from adafocus.edge.commands.outputs import check_outputs


@click.command()
@click.argument("recipe", type=options.FILE)
@options.clip_sets
@options.splits(
    "Train on the clips of this split; 'all' takes every clip.", "Validate on the clips of this split; 'none' skips it."
)
@click.option("--fold", help="Divide the clips by group into N folds and validate on the K-th: K/N, such as 2/5.")
@click.option(
    "--start", "starts", multiple=True, help="Start from this checkpoint; glance=PATH or focus=PATH starts one part."
)
@click.option(
    "--labels", type=options.FILE, help="Read the class names from this file, one a line, not from the clips."
)
@click.option(
    "--teacher",
    "teachers",
    type=options.FILE,
    multiple=True,
    help="Learn from this classifier, or from the .npz file of its stored answers; of several teachers the mean "
    "counts. The recipe's soft_weight must be above 0.",
)
@click.option(
    "--features",
    type=options.FILE,
    multiple=True,
    help="Before anything is trained, fit the last layer of a classifier to the features in this .npz file, which "
    "adafocus predict made with the checkpoint of --start; with --epochs 0 that is all. Given again, the views of "
    "several files count side by side, such as those of 4 and of 8 frames.",
)
@options.work_folder("checkpoints and curves")
@options.cache_folder
@options.out_file("the trained network")
@click.option("--seed", type=int, help="Use this seed in place of the recipe's.")
@click.option(
    "--epochs",
    type=click.IntRange(min=0),
    help="Train for so many epochs in place of the recipe's; 0 writes the start as it is.",
)
@click.option(
    "--processes",
    type=options.AtLeastOne,
    default=1,
    show_default=True,
    help="Start so many processes on each machine.",
)
@click.option("--nodes", type=options.AtLeastOne, default=1, show_default=True, help="Train on so many machines.")
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Prepare clips in so many further processes.",
)
def train(**asked: Any) -> None:
    """Train the network of RECIPE on labeled clips, on a teacher's predictions, or both.

    A run that was stopped goes on where it was.
    """
    outputs = {"--out": asked["out"], "--work": asked["work"], "--cache": asked["cache"]}
    starts = (path for start in asked["starts"] for path in (start, start.partition("=")[2]))
    files = (asked[name] for name in ("recipe", "labels"))
    videos = options.listed_videos(asked["sources"], asked["out"])
    check_outputs(outputs, (*files, *asked["features"], *asked["teachers"], *starts, *asked["sources"], *videos))
    from adafocus.calibration.training import train as run

    run.train(run.Request(**asked))
