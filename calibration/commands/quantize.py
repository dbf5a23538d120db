"""Workstation verb ``quantize``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from adafocus.calibration.commands import options
from adafocus.edge.commands.outputs import check_outputs


@click.command()
@click.argument("checkpoint", type=options.FILE)
@options.clip_sets
@options.splits(
    "Choose scales and train on the clips of this split; 'all' takes every clip.",
    "Compare both networks on the clips of this split; 'none' takes the clips that decided the scales.",
)
@click.option(
    "--calibration-clips",
    type=options.AtLeastOne,
    default=100,
    show_default=True,
    help="Choose scales on at most so many clips.",
)
@click.option(
    "--steps",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Train for so many steps with fake quantization; 0 calibrates only.",
)
@click.option(
    "--batch", type=options.AtLeastOne, default=8, show_default=True, help="Train on so many clips in each step."
)
@click.option("--learning-rate", default=2e-5, show_default=True, help="Train with this peak learning rate.")
@click.option(
    "--hard-weight",
    type=click.FloatRange(min=0.0),
    default=0.0,
    show_default=True,
    help="Train on the labels as well, with this weight beside the float network's predictions.",
)
@click.option(
    "--bound",
    "bound_points",
    default=0.5,
    show_default=True,
    help="Keep layers in float until at most so many percentage points of accuracy are lost.",
)
@click.option(
    "--layers/--no-layers",
    "layer_report",
    default=False,
    show_default=True,
    help="Measure how much noise quantization adds to each layer.",
)
@click.option(
    "--grids",
    type=click.Choice(["asymmetric", "symmetric"]),
    default="asymmetric",
    show_default=True,
    help="Give activations zero points that fit them, or 0 everywhere, which TensorRT on a Jetson asks for.",
)
@click.option("--seed", default=1, show_default=True, help="Draw clips and augmentations from this seed.")
@options.work_folder("checkpoints")
@options.cache_folder
@options.out_file("the model")
@click.option("--report", type=options.FILE, help="Write the comparison and the layers to this YAML file.")
def quantize(out: Path, **asked: Any) -> None:
    """Turn a float CHECKPOINT of adafocus train into an int8 model file, and report what that costs."""
    outputs = {"--out": out, "--report": asked["report"], "--work": asked["work"], "--cache": asked["cache"]}
    clips = options.listed_videos(asked["sources"], out, asked["report"])
    check_outputs(outputs, (asked["checkpoint"], *asked["sources"], *clips))
    from adafocus.calibration.quantization.pipeline import Request, Settings, quantize
    from adafocus.calibration.quantization.table import show
    from adafocus.edge.commands.options import build, print_next

    show(quantize(build(Request, {**asked, "out": out, "settings": build(Settings, asked)})))
    click.echo(f"wrote {out}, {out.stat().st_size / 1e6:.1f} MB")
    print_next("export", out, "--out", "bundle.zip", "--verify", "VIDEO")
