"""Workstation verb ``train``."""

from __future__ import annotations

from pathlib import Path

import click

DEFAULT_CACHE = Path(".cache/clips")


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--clips", "lists", type=click.Path(path_type=Path), multiple=True, required=True, help="CSV of clips.")
@click.option("--split", default="train", show_default=True, help="Rows of the CSV to learn from.")
@click.option("--teacher", type=click.Path(path_type=Path), required=True, help="Float X3D checkpoint.")
@click.option("--labels", type=click.Path(path_type=Path), required=True, help="Class names, one a line.")
@click.option("--work", type=click.Path(path_type=Path), required=True, help="Folder for checkpoints and the log.")
@click.option("--cache", type=click.Path(path_type=Path), default=DEFAULT_CACHE, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Model file to write (.safetensors).")
def train(
    recipe: Path, lists: tuple[Path, ...], split: str, teacher: Path, labels: Path, work: Path, cache: Path, out: Path
) -> None:
    """Fit a quantised network to a float teacher's answers on unlabelled clips. Resumes where it stopped."""
    from calibration.distillation import distil

    distil(recipe, lists, split, teacher, labels, work, cache, out)
