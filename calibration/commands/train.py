"""Workstation verb ``train``."""

from __future__ import annotations

from pathlib import Path

import click

from adafocus.calibration.commands import options


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@options.clip_sets
@options.splits("Clips to learn from; 'all' for every split.", "Clips to validate on; 'none' for none.")
@click.option("--fold", help="K/N: take the clips apart by group into N folds, validate on the K-th.")
@click.option("--start", "starts", multiple=True, help="Checkpoint to start from, or glance=PATH, focus=PATH.")
@click.option("--labels", type=click.Path(path_type=Path), help="Class names, one a line; else those of the clips.")
@click.option("--teacher", type=click.Path(path_type=Path), help="Classifier whose answers teach (soft_weight).")
@options.work_folder("checkpoints and curves")
@options.cache_folder
@options.out_file("Checkpoint")
@click.option("--seed", type=int, help="In place of the recipe's.")
@click.option("--epochs", type=options.AtLeastOne, help="In place of the recipe's.")
@click.option("--processes", type=options.AtLeastOne, default=1, show_default=True, help="On each machine.")
@click.option("--nodes", type=options.AtLeastOne, default=1, show_default=True, help="Machines.")
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
    from adafocus.calibration.training.data import Fold
    from adafocus.calibration.training.run import Request
    from adafocus.calibration.training.run import train as run
    from adafocus.calibration.training.trainer import Machine

    overrides = {name: value for name, value in (("seed", seed), ("epochs", epochs)) if value is not None}
    run(
        Request(
            recipe,
            sources,
            options.chosen_split(split),
            options.chosen_split(judge),
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
