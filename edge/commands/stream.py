"""``adafocus stream``: recognize a running source: a camera, a network stream, or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from adafocus.edge.commands import options
from adafocus.edge.commands.options import Duration
from adafocus.edge.streaming.settings import Settings

DURATION = Duration(least_s=0.01)
SHARE = click.FloatRange(0, 1)
ABOVE_ZERO = click.FloatRange(0, min_open=True)
SOME_SHARE = click.FloatRange(0, 1, min_open=True)


def _duration(name: str, to: str, default: str | None, least: Duration, text: str) -> Any:
    return click.option(name, to, default=default, show_default=default is not None, type=least, help=text)


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("source")
@_duration("--window", "window_s", "4s", DURATION, "Look at the last so many seconds.")
@_duration("--hop", "hop_s", "1s", DURATION, "Answer so often.")
@click.option("--eager", is_flag=True, help="Answer before the window is full, from what is there.")
@_duration("--smooth", "smooth_s", "2s", Duration(), "Time constant of the mean of answers, 0: none.")
@click.option("--enter", default=0.3, show_default=True, type=SHARE, help="A label comes at this mean score,")
@click.option("--leave", default=0.15, show_default=True, type=SHARE, help="and goes below this one.")
@click.option("--persist", default=2, show_default=True, type=click.IntRange(1), help="Answers before a label comes,")
@_duration("--persist-for", "persist_s", "0s", Duration(), "and seconds.")
@click.option("--realtime", is_flag=True, help="Play a file at its own pace, as if it were a camera.")
@_duration("--for", "for_s", None, DURATION, "End after so long.")
@_duration("--patience", "patience_s", "20s", DURATION, "Wait so long for the first frame of a live source.")
@click.option("--max-fps", type=ABOVE_ZERO, help="Decode and keep at most so many frames a second.")
@click.option("--duty", default=1.0, show_default=True, type=SOME_SHARE, help="Compute at most this share of the time.")
@options.budget
@options.exit_threshold
@click.option("--events", type=click.Path(path_type=Path), help="Append events to this file, one JSON object a line.")
@click.option("--json", "as_json", is_flag=True, help="Print events, one JSON object a line, and nothing else.")
@click.option("--preview", is_flag=True, help="Show a window; q ends the stream.")
@click.option("--annotate", type=click.Path(path_type=Path), help="Write a video with the answers: .mp4, .avi or .mkv.")
@options.runtime
@options.threads
def stream(bundle: Path, source: str, **asked: Any) -> None:
    """Recognize SOURCE with BUNDLE: a sliding window, an answer every hop, until the source ends or Ctrl-C.

    SOURCE is a video file, a camera, or the address of a network stream. Ctrl-C and SIGTERM are normal ends: the
    summary is given, and the exit code is 0.
    """
    from adafocus.edge.streaming.session import run_stream

    options.only_one_of(asked["exit_threshold"], asked["budget"])
    run_stream(bundle, source, Settings(**asked))
