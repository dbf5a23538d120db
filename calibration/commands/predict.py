"""Workstation verb ``predict``."""

from __future__ import annotations

from typing import Any

import click

from adafocus.calibration.commands import options
from adafocus.edge.commands import options as edge_options
from adafocus.edge.commands.outputs import check_outputs

VIEWS = ("square", "whole", "padded", "motion")


@click.command()
@click.argument("checkpoint", type=options.FILE)
@options.clip_sets
@click.option("--split", default="all", show_default=True, help="Take the clips of this split alone.")
@click.option("--out", type=options.FILE, required=True, help="Write logits and features to this .npz file.")
@click.option("--labels", type=options.FILE, help="Read the names of the checkpoint's classes from this file.")
@click.option(
    "--views",
    type=options.AtLeastOne,
    default=1,
    show_default=True,
    help="Look at each video so many times, spread over its length, and take the mean.",
)
@click.option("--mirror", is_flag=True, help="Look at the mirror image of each view as well.")
@click.option("--frames", type=options.AtLeastOne, help="Show so many frames of a view.  [default: the checkpoint's]")
@click.option("--size", type=click.IntRange(32), help="Show frames of this side in pixels, likewise.")
@click.option(
    "--see",
    type=click.Choice(VIEWS),
    multiple=True,
    help="Show this part of the frames; given again, several side by side.  [default: the checkpoint's]",
)
def predict(**asked: Any) -> None:
    """Store what the classifier CHECKPOINT says of clips, for a teacher: adafocus train --teacher, adafocus probe.

    CHECKPOINT is a classifier of adafocus train, a published X3D, or an I3D, which sees 32 consecutive frames at 25 a
    second. A run that was stopped goes on where it was.
    """
    options.refuse_folders(out=asked["out"])
    videos = options.listed_videos(asked["sources"], asked["out"])
    check_outputs({"--out": asked["out"]}, (asked["checkpoint"], asked["labels"], *asked["sources"], *videos))
    from adafocus.calibration.teachers import predict as run
    from adafocus.calibration.teachers.answers import check_name

    check_name("--out", asked["out"])
    asked["split"] = None if asked["split"] == "all" else asked["split"]
    run.predict(run.Request(**asked))
    edge_options.print_next("probe", asked["out"], "--clips", asked["sources"][0], "--out", "probe.npz")
