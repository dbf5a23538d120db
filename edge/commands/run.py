"""``adafocus run``: recognise video files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from edge.clip import read_clip
from edge.commands import options
from edge.errors import AdafocusError
from edge.recognizer import Prediction, Recognizer

BAR_CHARACTERS = 28


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("videos", nargs=-1, required=True, type=click.Path(path_type=Path))
@options.as_json
@click.option("--picture", type=click.Path(path_type=Path), help="Write a picture of the answer (one video only).")
@click.option("--top", default=5, show_default=True, type=click.IntRange(1), help="How many labels.")
@click.option("--exit-threshold", type=float, help="Stop after the glance where it is this sure.")
@options.runtime
@options.threads
def run(
    bundle: Path,
    videos: tuple[Path, ...],
    as_json: bool,
    picture: Path | None,
    top: int,
    exit_threshold: float | None,
    runtime: str,
    threads: int,
) -> None:
    """Recognise VIDEOS with BUNDLE."""
    if picture is not None and len(videos) > 1:
        raise AdafocusError(f"--picture takes one video, found {len(videos)}. Call it once per video.")
    if picture is not None and picture.suffix.lower() != ".png":
        raise AdafocusError(f"--picture is {picture}, expected a name that ends in .png.")
    recognizer = Recognizer.open(bundle, runtime, threads, exit_threshold)
    answers = [_answer(recognizer, video, picture) for video in videos]
    if as_json:
        content = [_as_dict(video, answer, top) for video, answer in zip(videos, answers, strict=True)]
        options.print_json({"bundle": str(bundle), "runtime": runtime, "threads": threads, "videos": content})
        return
    console = Console()
    for video, answer in zip(videos, answers, strict=True):
        _show(console, video, answer, top)
    if picture is not None:
        console.print(f"picture: {picture}")
    console.print(f"\nnext: adafocus bench {bundle} {videos[0]}", style="dim", highlight=False)


def _answer(recognizer: Recognizer, video: Path, picture: Path | None) -> Prediction:
    if picture is None:
        return recognizer.recognize(video)
    from edge.picture import draw_picture

    started = time.perf_counter()
    clip = read_clip(video, recognizer.bundle.manifest.geometry)
    answer = recognizer.recognize_clip(clip, started=started)
    draw_picture(clip, answer, video.name, picture)
    return answer


def _show(console: Console, video: Path, answer: Prediction, top: int) -> None:
    console.print(f"\n[bold]{escape(video.name)}[/bold]: {escape(answer.label)}", highlight=False)
    for label, score in answer.top(top):
        bar = "█" * max(1, round(score * BAR_CHARACTERS))
        console.print(f"  {bar:<{BAR_CHARACTERS}} {100 * score:5.1f} %  {escape(label)}", highlight=False)
    spent = answer.timing_ms
    parts = [f"{name} {spent[name]:.1f}" for name in ("decode", "glance", "policy", "focus") if name in spent]
    host = spent["total"] - sum(spent.get(name, 0.0) for name in ("decode", "glance", "policy", "focus"))
    chosen = f", frames {', '.join(map(str, answer.frame_indices))}" if answer.frame_indices else ""
    console.print(f"  answered after the {answer.exit_stage}, {answer.macs / 1e9:.2f} GMAC{chosen}", style="dim")
    console.print(f"  ms: {', '.join(parts)}, host {host:.1f}", style="dim", highlight=False)
    for warning in answer.warnings:
        console.print(f"  warning: {escape(warning)}", style="yellow", highlight=False)


def _as_dict(video: Path, answer: Prediction, top: int) -> dict[str, Any]:
    return {
        "video": str(video),
        "label": answer.label,
        "score": answer.score,
        "top": [{"label": label, "score": score} for label, score in answer.top(top)],
        "exit_stage": answer.exit_stage,
        "frame_indices": list(answer.frame_indices),
        "boxes": [[round(float(value), 5) for value in box] for box in answer.boxes],
        "gmac": answer.macs / 1e9,
        "timing_ms": {name: round(value, 3) for name, value in answer.timing_ms.items()},
        "warnings": list(answer.warnings),
    }
