"""``adafocus run``: recognize video files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from adafocus.edge.budget.controller import WINDOW_CLIPS, Controller
from adafocus.edge.budget.costs import Budget
from adafocus.edge.commands import options
from adafocus.edge.recognizer import Prediction, Recognizer
from adafocus.edge.video.clip import read_clip
from adafocus.errors import AdafocusError

BAR_CHARACTERS = 28


class Playlist:
    """Answers videos one after the other, and keeps the budget over all of them.

    Attributes:
        state: of the budget; None without one, or before the first answer.
    """

    def __init__(self, recognizer: Recognizer, budget: Budget | None, picture: Path | None) -> None:
        self._recognizer, self._budget, self._picture = recognizer, budget, picture
        self._controller: Controller | None = None

    @property
    def state(self) -> dict[str, Any] | None:
        """What the budget has come to."""
        return self._controller.state() if self._controller else None

    def answers(self, videos: tuple[Path, ...]) -> Iterator[tuple[Path, Prediction]]:
        """Each video with its answer, as soon as it is known."""
        for video in videos:
            yield video, self._answer(video)

    def _answer(self, video: Path) -> Prediction:
        recognizer = self._recognizer
        started: float | None = time.perf_counter()
        clip = read_clip(video, recognizer.bundle.manifest.geometry)
        if self._budget is not None and self._controller is None:
            # what trying out a budget takes is no part of reading the clip
            self._controller, started = Controller.start(self._budget, recognizer, clip), None
        if self._controller is not None:
            recognizer.thresholds = self._controller.thresholds
        answer = recognizer.recognize_clip(clip, started=started)
        if self._controller is not None:
            self._controller.observe(answer)
        if self._picture is not None:
            from adafocus.edge.picture import draw_picture

            draw_picture(clip, answer, video.name, self._picture)
        return answer


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("videos", nargs=-1, required=True, type=click.Path(path_type=Path))
@options.as_json
@click.option("--picture", type=click.Path(path_type=Path), help="Write a picture of the answer (one video only).")
@click.option("--top", default=5, show_default=True, type=click.IntRange(1), help="How many labels.")
@options.budget
@options.exit_threshold
@options.runtime
@options.threads
def run(
    bundle: Path,
    videos: tuple[Path, ...],
    as_json: bool,
    picture: Path | None,
    top: int,
    budget: Budget | None,
    exit_threshold: float | None,
    runtime: str,
    threads: int,
) -> None:
    """Recognize VIDEOS with BUNDLE."""
    if picture is not None and len(videos) > 1:
        raise AdafocusError(f"--picture takes one video, found {len(videos)}. Call it once per video.")
    if picture is not None and picture.suffix.lower() != ".png":
        raise AdafocusError(f"--picture is {picture}, expected a name that ends in .png.")
    options.only_one_of(exit_threshold, budget)
    playlist = Playlist(Recognizer.open(bundle, runtime, threads, exit_threshold), budget, picture)
    answers = playlist.answers(videos)
    if as_json:
        content = [_as_dict(video, answer, top) for video, answer in answers]
        about = {"bundle": str(bundle), "runtime": runtime, "threads": threads, "budget": playlist.state}
        options.print_json({**about, "videos": content})
        return
    console = Console()
    for video, answer in answers:
        _show(console, video, answer, top)
    if playlist.state is not None:
        console.print(f"\n{_budget_line(playlist.state)}", highlight=False)
    if picture is not None:
        console.print(f"picture: {picture}")
    console.print(f"\nnext: adafocus bench {bundle} {videos[0]}", style="dim", highlight=False)


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


def _budget_line(state: dict[str, Any]) -> str:
    unit, clips = state["unit"], state["clips"]
    recent = f", {state['running_mean']:.4g} over the last {WINDOW_CLIPS}" if clips > WINDOW_CLIPS else ""
    low, high = state["range"]
    return (
        f"budget {state['asked']:g} {unit} a clip: {state['mean']:.4g} {unit} on average of {clips}{recent}; "
        f"range {low:.4g} to {high:.4g}, thresholds {state['curve']}, at position {state['position']:.2f} of 0 to 1"
    )


def _as_dict(video: Path, answer: Prediction, top: int) -> dict[str, Any]:
    return {
        "video": str(video),
        "label": answer.label,
        "score": answer.score,
        "top": [{"label": label, "score": score} for label, score in answer.top(top)],
        "exit_stage": answer.exit_stage,
        "exit_index": answer.exit_index,
        "confidences": [round(value, 6) for value in answer.confidences],
        "frame_indices": list(answer.frame_indices),
        "boxes": [[round(float(value), 5) for value in box] for box in answer.boxes],
        "gmac": answer.macs / 1e9,
        "timing_ms": {name: round(value, 3) for name, value in answer.timing_ms.items()},
        "warnings": list(answer.warnings),
    }
