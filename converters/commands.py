"""Workstation verbs of this room: ``export``."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Bundle to write (a folder).")
@click.option("--precision", type=click.Choice(["int8", "fp32"]), default="int8", show_default=True)
@click.option(
    "--prove", "videos", type=click.Path(path_type=Path), multiple=True, required=True, help="Real video, repeatable."
)
@click.option("--windows", default=10, show_default=True, type=click.IntRange(1), help="Clips to cut from each video.")
@click.option("--to", default="litert", show_default=True, help="Runtimes, separated by commas: litert, onnx.")
def export(model: Path, out: Path, precision: str, videos: tuple[Path, ...], windows: int, to: str) -> None:
    """Convert MODEL to a bundle and prove it on real videos; nothing is written where the proof fails."""
    from converters.export import export as run_export
    from converters.export import show

    exported = run_export(model, out, precision, videos, windows, to.split(","))  # type: ignore[arg-type]
    console = Console()
    show(exported, console)
    console.print(f"wrote {out}\n\nnext: adafocus run {out} VIDEO --picture out.png", highlight=False)


@click.command()
@click.option("--time", "timed", is_flag=True, help="Also time the lowered stages beside the float network.")
@click.option("--threads", default=2, show_default=True, type=click.IntRange(1), help="CPU threads for --time.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the table as YAML.")
def presets(timed: bool, threads: int, out: Path | None) -> None:
    """List every preset with its cost."""
    from converters.preset_table import show, table_of_presets, write

    records = table_of_presets(timed, threads)
    show(records)
    if out is not None:
        write(out, records, threads)
        click.echo(f"wrote {out}")
    click.echo("\nnext: adafocus inspect PRESET")
