"""Workstation verb ``evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("clips", type=click.Path(path_type=Path))
@click.option("--split", default="val", show_default=True, help="Rows of the CSV to measure on.")
@click.option("--label-map", type=click.Path(path_type=Path, exists=True), help="YAML: clip label -> bundle label.")
@click.option("--runtime", default="litert", show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--teacher", type=click.Path(path_type=Path), help="Also measure this float X3D checkpoint.")
@click.option("--recipe", type=click.Path(path_type=Path), help="Recipe that says how the teacher looks at a clip.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures as YAML.")
def evaluate(
    bundle: Path,
    clips: Path,
    split: str,
    label_map: Path | None,
    runtime: str,
    threads: int,
    teacher: Path | None,
    recipe: Path | None,
    out: Path | None,
) -> None:
    """Measure BUNDLE on the labelled videos of CLIPS, with and without its learned policy."""
    from calibration.evaluation import evaluate_bundle, evaluate_teacher, show, write_report
    from calibration.recipe import Recipe
    from edge.errors import AdafocusError
    from edge.recognizer import Recognizer

    if (teacher is None) != (recipe is None):
        raise AdafocusError("--teacher and --recipe go together: the recipe says how the teacher looks at a clip.")
    recognizer = Recognizer.open(bundle, runtime, threads)
    manifest = recognizer.bundle.manifest
    figures: dict[str, Any] = {"model": manifest.name, "clip_list": clips.name, "split": split, "runtime": runtime}
    figures |= evaluate_bundle(recognizer, clips, split, label_map)
    if teacher is not None and recipe is not None:
        read = Recipe.read(recipe)
        figures["teacher"] = evaluate_teacher(teacher, read, clips, split, label_map, manifest.labels)
    show(figures)
    if out is not None:
        write_report(out, figures)
        click.echo(f"wrote {out}")
