"""Workstation verb ``train``."""

from __future__ import annotations

from pathlib import Path

import click

DEFAULT_CACHE = Path(".cache/clips")


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option(
    "--clips", "sources", type=click.Path(path_type=Path), multiple=True, required=True, help="Clip set; repeatable."
)
@click.option("--split", default="train", show_default=True, help="Clips to learn from; 'all' for every split.")
@click.option("--judge", default="val", show_default=True, help="Clips to validate on; 'none' for none.")
@click.option("--fold", help="K/N: take the clips apart by group into N folds, validate on the K-th.")
@click.option("--start", "starts", multiple=True, help="Checkpoint to start from, or glance=PATH, focus=PATH.")
@click.option("--labels", type=click.Path(path_type=Path), help="Class names, one a line; else those of the clips.")
@click.option("--teacher", type=click.Path(path_type=Path), help="Classifier whose answers teach (soft_weight).")
@click.option("--work", type=click.Path(path_type=Path), required=True, help="Folder for checkpoints and curves.")
@click.option("--cache", type=click.Path(path_type=Path), default=DEFAULT_CACHE, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Checkpoint to write (.safetensors).")
@click.option("--seed", type=int, help="In place of the recipe's.")
@click.option("--epochs", type=click.IntRange(min=1), help="In place of the recipe's.")
@click.option("--processes", type=click.IntRange(min=1), default=1, show_default=True, help="On each machine.")
@click.option("--nodes", type=click.IntRange(min=1), default=1, show_default=True, help="Machines.")
@click.option("--workers", type=click.IntRange(min=0), default=0, show_default=True, help="Processes preparing clips.")
def train(
    recipe: Path,
    sources: tuple[Path, ...],
    split: str,
    judge: str,
    fold: str | None,
    starts: tuple[str, ...],
    labels: Path | None,
    teacher: Path | None,
    work: Path,
    cache: Path,
    out: Path,
    seed: int | None,
    epochs: int | None,
    processes: int,
    nodes: int,
    workers: int,
) -> None:
    """Train the network of RECIPE on labelled clips, from a teacher's answers, or both. Resumes where it stopped."""
    from calibration.material import Fold
    from calibration.run import Request
    from calibration.run import train as run
    from calibration.training import Machine

    overrides = {name: value for name, value in (("seed", seed), ("epochs", epochs)) if value is not None}
    run(
        Request(
            recipe,
            sources,
            None if split == "all" else split,
            None if judge == "none" else judge,
            None if fold is None else Fold.parse(fold),
            starts,
            labels,
            teacher,
            work,
            cache,
            out,
            Machine(processes, nodes, workers),
            overrides,
        )
    )
