"""Workstation verb ``quantize``."""

from __future__ import annotations

from pathlib import Path

import click

from adafocus.calibration.commands import options


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@options.clip_sets
@options.splits(
    "Clips for scales and training; 'all' for every one.", "Clips to compare on; 'none' for those of the scales."
)
@click.option(
    "--calibration-clips",
    type=options.AtLeastOne,
    default=100,
    show_default=True,
    help="Clips that decide the scales, at most.",
)
@click.option(
    "--steps",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Steps of quantization-aware training; 0 for none.",
)
@click.option("--batch", type=options.AtLeastOne, default=8, show_default=True, help="Clips per step.")
@click.option("--learning-rate", default=2e-5, show_default=True)
@click.option("--bound", default=0.5, show_default=True, help="Points that may be lost; else layers stay float.")
@click.option("--layers/--no-layers", default=False, show_default=True, help="Measure every layer's noise.")
@click.option("--seed", default=1, show_default=True)
@options.work_folder("checkpoints")
@options.cache_folder
@options.out_file("Model file")
@click.option("--report", type=click.Path(path_type=Path), help="Write the comparison and the layers as YAML.")
def quantize(
    checkpoint: Path,
    sources: tuple[Path, ...],
    split: str,
    judge: str,
    calibration_clips: int,
    steps: int,
    batch: int,
    learning_rate: float,
    bound: float,
    layers: bool,
    seed: int,
    work: Path,
    cache: Path,
    out: Path,
    report: Path | None,
) -> None:
    """Turn a float CHECKPOINT of adafocus train into an int8 model file, and say what that cost."""
    from adafocus.calibration.quantization.pipeline import Request, Settings, quantize
    from adafocus.calibration.quantization.table import show

    settings = Settings(calibration_clips, steps, batch, learning_rate, bound, seed)
    chosen, judged = options.chosen_split(split), options.chosen_split(judge)
    show(quantize(Request(checkpoint, sources, chosen, judged, settings, layers, work, cache, out, report)))
    click.echo(f"wrote {out}, {out.stat().st_size / 1e6:.1f} MB")
    click.echo(f"next: adafocus export {out} --out bundle.zip --prove VIDEO")
