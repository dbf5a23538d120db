"""Workstation verbs of this room."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click
from rich.console import Console
from rich.markup import escape

from adafocus.calibration.commands.options import listed_videos
from adafocus.converters.backends.registry import BACK_ENDS, BESIDE, DEVICES
from adafocus.edge.bundle.manifest import Precision
from adafocus.edge.commands import options
from adafocus.edge.commands.outputs import check_outputs
from adafocus.errors import AdafocusError

FAILED = 1
A_PATH = click.Path(path_type=Path)
DEFAULT_CACHE = Path(".cache/graphs")
DEFAULT_RUNTIMES = (next(iter(BACK_ENDS)),)


@click.command()
@click.argument("model", type=A_PATH)
@click.option("--out", type=A_PATH, required=True, help="Write the bundle to this folder, or to a name ending in .zip.")
@click.option(
    "--precision",
    type=click.Choice(get_args(Precision)),
    default="int8",
    show_default=True,
    help="Convert the glance and the focus to this precision.",
)
@click.option(
    "--verify",
    "--prove",
    "videos",
    type=A_PATH,
    multiple=True,
    required=True,
    help="Verify the bundle on this real video, repeatable.",
)
@click.option(
    "--windows", default=10, show_default=True, type=click.IntRange(1), help="Cut this many clips from each video."
)
@click.option(
    "--to",
    help=f"Convert for these runtimes, separated by commas: {', '.join(BACK_ENDS)}.  [default: {DEFAULT_RUNTIMES[0]}]",
)
@click.option(
    "--device", type=click.Choice(tuple(DEVICES)), help="Convert for the runtimes of this kind of device instead."
)
@click.option(
    "--calibration", type=A_PATH, multiple=True, help="Quantize a checkpoint with this clip list or video, repeatable."
)
@click.option(
    "--calibration-clips",
    default=200,
    show_default=True,
    type=click.IntRange(1),
    help="Take at most this many clips to quantize with.",
)
@click.option("--preset", help="Take this configuration for a checkpoint that fits several.")
@click.option("--labels", type=A_PATH, help="Take a checkpoint's class names from this file, one a line.")
@click.option(
    "--exits",
    type=A_PATH,
    help="Take calibrated exits and measured figures over from this bundle, which was made from the same model.",
)
@click.option(
    "--cache",
    type=A_PATH,
    default=DEFAULT_CACHE,
    show_default=True,
    help="Keep converted graphs in this folder, and take those of stages that did not change from it.",
)
@click.option("--require-full-delegation", is_flag=True, help="Refuse stages that are not fully delegated.")
@click.option(
    "--incremental/--no-incremental", default=True,
    help="Add the glance for single frames, where the variant has one, so that streams encode each frame once.  "
    "[default: on]",
)  # fmt: skip
def export(to: str | None, device: str | None, **asked: Any) -> None:
    """Convert MODEL, a model file or a checkpoint, to a bundle and verify it on real videos.

    What is not verified does not go into the bundle; exit code 1 where a conversion failed. For ``--device ios``
    and ``jetson`` a second bundle, in fp16 for Core ML or TensorRT, is written beside one in int8; its name ends in
    -fp16.
    """
    wanted = [{**asked, "runtimes": _runtimes(to, device), "device": device}]
    if device in BESIDE and asked["precision"] == "int8":
        precision, runtimes = BESIDE[device]
        out = beside(asked["out"], precision)
        wanted.append({**wanted[0], "precision": precision, "runtimes": runtimes, "out": out})
    read = (asked["model"], asked["labels"], *asked["videos"], *asked["calibration"])
    for one in wanted:
        inputs = (*read, *listed_videos(asked["calibration"], one["out"]))
        check_outputs({"--out": one["out"], "--cache": asked["cache"]}, inputs, bundle="--out")
    from adafocus.converters import head_start

    head_start.give([name for one in wanted for name in one["runtimes"]])
    from adafocus.converters.export import Request
    from adafocus.converters.export import export as run_export
    from adafocus.converters.tables import show_export

    console = Console()
    failed = False
    for one in wanted:
        exported = run_export(Request(**one))
        show_export(exported, console)
        failed |= exported.failed
        if exported.bundle is None:
            console.print("Nothing is written, because nothing could be verified.", style="red")
        else:
            console.print(f"wrote {escape(str(one['out']))}", highlight=False, soft_wrap=True)
            options.print_next("run", one["out"], "VIDEO", "--picture", "out.png")
    if failed:
        raise click.exceptions.Exit(FAILED)


def beside(out: Path, precision: str) -> Path:
    """Return the name of a second bundle in another precision.

    Raises:
        AdafocusError: the first one has no name, as ``.`` or ``/`` have none.
    """
    if out.name in ("", ".."):
        raise AdafocusError(
            f"--out is {out}, expected the name of a folder or of a .zip. Choose a name, as bundle.zip."
        )
    return out.with_stem(f"{out.stem}-{precision}")


def _runtimes(to: str | None, device: str | None) -> tuple[str, ...]:
    """Return the runtimes that are asked for."""
    if to is not None and device is not None:
        raise AdafocusError("Found --to and --device, which both name the runtimes, expected one of them. Drop one.")
    if device is not None:
        return DEVICES[device]
    return DEFAULT_RUNTIMES if to is None else tuple(to.split(","))


@click.command()
@click.argument("bundle", type=A_PATH)
@click.argument("clips", nargs=-1, type=A_PATH)
@click.option("--model", type=A_PATH, help="Compare with this model file, from which the bundle was converted.")
@click.option("--split", help="Take the clips of this split of a clip list.")
@click.option(
    "--max-clips", "--most", default=50, show_default=True, type=click.IntRange(1), help="Take at most this many clips."
)
@options.accelerator
@options.threads
@options.as_json
def verify(
    bundle: Path, clips: tuple[Path, ...], accelerator: str | None, threads: int, as_json: bool, **asked: Any
) -> None:
    """Run every stage of every runtime in BUNDLE that can run here, and compare.

    Without CLIPS (clip lists or videos) on the golden clip; with them also beside the trained program. Exit code 1
    where a bound is broken.
    """
    from adafocus.converters.tables import show_golden, show_verification
    from adafocus.converters.verification.verify import as_dict, passed, verify_clips, verify_golden
    from adafocus.edge.bundle.bundle import Bundle
    from adafocus.edge.runtimes.graph import places_in_words

    opened = Bundle.open(bundle)
    golden = verify_golden(opened, threads, accelerator)
    broken: dict[Path, str] = {}
    verdicts = {}
    if clips:
        verdicts = verify_clips(opened, clips, threads=threads, broken=broken, accelerator=accelerator, **asked)
    good = passed(golden, verdicts)
    if as_json:
        errors = [{"video": str(video), "error": sentence} for video, sentence in broken.items()]
        options.print_json({"bundle": str(bundle), **as_dict(golden, verdicts), "errors": errors, "passed": good})
    else:
        console = Console()
        show_golden(golden, console)
        for name, check in golden.items():
            if accelerator is not None and not isinstance(check, str):
                places = places_in_words(check.ran_on)
                console.print(f"{name} ran on: {escape(places)}. Its proof: {check.proof}.", highlight=False)
        if verdicts:
            show_verification(verdicts, console)
        following = ("run", bundle, "VIDEO") if good else ("export", "MODEL", "--out", bundle, "--verify", "VIDEO")
        options.print_next(*following)
    if not good:
        raise click.exceptions.Exit(FAILED)
    options.raise_broken(broken, 0)


@click.command()
@click.option("--out", type=A_PATH, help="Write the table to this YAML file.")
def presets(out: Path | None) -> None:
    """List every preset with its cost."""
    from rich.progress import track

    check_outputs({"--out": out}, ())
    from adafocus import networks
    from adafocus.calibration.report_file import write_report
    from adafocus.converters.presets import cost_record, show

    records = [cost_record(name) for name in track(networks.PRESETS, "presets")]
    show(records)
    if out is not None:
        write_report(out, {"command": options.command("presets", "--out", out), "presets": records})
        click.echo(f"wrote {out}")
    click.echo("\nnext: adafocus inspect PRESET")
