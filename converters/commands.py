"""Workstation verbs of this room."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

FAILED = 1
A_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("model", type=A_PATH)
@click.option("--out", type=A_PATH, required=True, help="Bundle to write: a folder, or a name that ends in .zip.")
@click.option("--precision", type=click.Choice(["int8", "fp16", "fp32"]), default="int8", show_default=True)
@click.option("--prove", "videos", type=A_PATH, multiple=True, required=True, help="Real video, repeatable.")
@click.option("--windows", default=10, show_default=True, type=click.IntRange(1), help="Clips to cut from each video.")
@click.option("--to", help="Runtimes, separated by commas: litert, onnx, executorch, coreml.  [default: litert]")
@click.option("--device", help="Runtimes of a kind of device instead: pi, jetson, android, ios or web.")
@click.option(
    "--calibration", type=A_PATH, multiple=True, help="Clip list or video to quantize a checkpoint with, repeatable."
)
@click.option("--calibration-clips", default=200, show_default=True, type=click.IntRange(1), help="At most so many.")
@click.option("--preset", help="Configuration of a checkpoint that fits several.")
@click.option("--labels", type=A_PATH, help="Class names of a checkpoint, one a line.")
@click.option("--require-full-delegation", "whole", is_flag=True, help="Refuse stages not taken whole.")
@click.option(
    "--incremental/--no-incremental",
    default=True,
    help="Long variant: add the glance for single frames, so that streams encode each frame once.  [default: on]",
)
def export(
    model: Path,
    out: Path,
    precision: str,
    videos: tuple[Path, ...],
    windows: int,
    to: str | None,
    device: str | None,
    calibration: tuple[Path, ...],
    calibration_clips: int,
    preset: str | None,
    labels: Path | None,
    whole: bool,
    incremental: bool,
) -> None:
    """Convert MODEL, a model file or a checkpoint, to a bundle and prove it on real videos.

    What cannot be proved does not go into the bundle; exit code 1 where a conversion failed.
    """
    from adafocus.converters.export import Request
    from adafocus.converters.export import export as run_export
    from adafocus.converters.tables import show_export

    request = Request(
        model, out, precision, videos, windows, _runtimes(to, device), calibration, calibration_clips,  # type: ignore[arg-type]
        preset, labels, whole, incremental,
    )  # fmt: skip
    exported = run_export(request)
    console = Console()
    show_export(exported, console)
    if exported.bundle is None:
        console.print("nothing is written, because nothing could be proved", style="red")
    else:
        console.print(f"wrote {out}\n\nnext: adafocus run {out} VIDEO --picture out.png", highlight=False)
    if exported.failed:
        raise click.exceptions.Exit(FAILED)


def _runtimes(to: str | None, device: str | None) -> tuple[str, ...]:
    from adafocus.converters.backends.registry import DEVICES
    from adafocus.errors import AdafocusError

    if to is not None and device is not None:
        raise AdafocusError("--to and --device both say for which runtimes; give one of them.")
    if device is None:
        return tuple((to or "litert").split(","))
    if device not in DEVICES:
        raise AdafocusError(f"There is no device {device!r}, expected one of {', '.join(DEVICES)}.")
    return DEVICES[device]


@click.command()
@click.argument("bundle", type=A_PATH)
@click.argument("clips", nargs=-1, type=A_PATH)
@click.option("--model", type=A_PATH, help="Model file that the bundle was converted from; clips need it.")
@click.option("--split", help="Rows of a clip list to take.")
@click.option("--most", default=50, show_default=True, type=click.IntRange(1), help="At most so many clips.")
@click.option("--threads", default=2, show_default=True, type=click.IntRange(1), help="CPU threads of the runtimes.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def verify(
    bundle: Path, clips: tuple[Path, ...], model: Path | None, split: str | None, most: int, threads: int, as_json: bool
) -> None:
    """Run every stage of every runtime in BUNDLE that can run here, and compare.

    Without CLIPS (clip lists or videos) on the golden clip; with them also beside the trained program. Exit code 1
    where a bound is broken.
    """
    from adafocus.converters.tables import show_golden, show_verification
    from adafocus.converters.verification.bundle import as_dict, passed, verify_clips, verify_golden
    from adafocus.edge.bundle.bundle import Bundle
    from adafocus.edge.commands.options import print_json

    opened = Bundle.open(bundle)
    golden = verify_golden(opened, threads)
    verdicts = verify_clips(opened, clips, split, most, model, threads) if clips else {}
    good = passed(golden, verdicts)
    if as_json:
        print_json({"bundle": str(bundle), **as_dict(golden, verdicts), "passed": good})
    else:
        console = Console()
        show_golden(golden, console)
        if verdicts:
            show_verification(verdicts, console)
        following = f"run {bundle} VIDEO" if good else f"export MODEL --out {bundle} --prove VIDEO"
        console.print(f"\nnext: adafocus {following}", style="dim", highlight=False)
    if not good:
        raise click.exceptions.Exit(FAILED)


@click.command()
@click.option("--out", type=A_PATH, help="Write the table as YAML.")
def presets(out: Path | None) -> None:
    """List every preset with its cost."""
    from adafocus.converters.presets import show, table_of_presets, write

    records = table_of_presets()
    show(records)
    if out is not None:
        write(out, records)
        click.echo(f"wrote {out}")
    click.echo("\nnext: adafocus inspect PRESET")
