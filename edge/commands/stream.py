"""``adafocus stream``: recognize a running source, which is a camera, a network stream or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from adafocus.edge.commands import options
from adafocus.edge.commands.inputs import read_inputs
from adafocus.edge.commands.options import Duration
from adafocus.edge.commands.outputs import check_outputs
from adafocus.edge.sources.source import safe_name
from adafocus.edge.streaming.settings import Settings
from adafocus.errors import AdafocusError

DURATION = Duration(least_s=0.01)
SHARE = click.FloatRange(0, 1)
ABOVE_ZERO = click.FloatRange(0, min_open=True)
SOME_SHARE = click.FloatRange(0, 1, min_open=True)


def _duration(name: str, to: str, default: str | None, least: Duration, text: str) -> Any:
    return click.option(name, to, default=default, show_default=default is not None, type=least, help=text)


@click.command()
@click.argument("arguments", nargs=-1, metavar="[BUNDLE] SOURCE")
@_duration("--window", "window_s", "4s", DURATION, "Look at the last seconds, this many.")
@_duration("--hop", "hop_s", "1s", DURATION, "Make a prediction this often.")
@click.option("--eager", is_flag=True, help="Predict before the window is full, from what is there.")
@_duration("--smooth", "smooth_s", "2s", Duration(), "Average predictions with this time constant; 0 for no average.")
@click.option("--enter", default=0.3, show_default=True, type=SHARE, help="Show a label once its mean reaches this.")
@click.option("--leave", default=0.15, show_default=True, type=SHARE, help="Drop a label once its mean is below this.")
@click.option(
    "--persist",
    default=2,
    show_default=True,
    type=click.IntRange(1),
    help="Show a label once it leads this many predictions in a row.",
)
@_duration("--persist-for", "persist_s", "0s", Duration(), "Show a label once it leads for this long.")
@click.option("--realtime", is_flag=True, help="Play a file at its own pace, as if it were a camera.")
@_duration("--for", "for_s", None, DURATION, "End after this long.")
@_duration("--patience", "patience_s", "20s", DURATION, "Wait this long for the first frame of a live source.")
@click.option("--max-fps", type=ABOVE_ZERO, help="Decode and keep at most this many frames a second.")
@click.option("--duty", default=1.0, show_default=True, type=SOME_SHARE, help="Compute at most this share of the time.")
@options.budget
@options.energy_profile
@options.meter
@options.exit_threshold
@click.option("--events", type=click.Path(path_type=Path), help="Append events to this file, one JSON object a line.")
@click.option("--json", "as_json", is_flag=True, help="Print events, one JSON object a line, and nothing else.")
@click.option("--preview", is_flag=True, help="Show a window; q ends the stream.")
@click.option(
    "--annotate", type=click.Path(path_type=Path), help="Write a video with the predictions: .mp4, .avi or .mkv."
)
@options.decoder
@options.runtime
@options.threads
def stream(arguments: tuple[str, ...], energy_profile: Path | None, meter: str | None, **asked: Any) -> None:
    """Recognize a running SOURCE with BUNDLE.

    A window slides over the source, and a prediction comes every hop, until the source ends. SOURCE is a video file, a
    camera such as camera:0, or the address of a network stream. A bundle is a folder with a manifest.json, or a .zip of
    one. Without it, the bundle of the checkout is used.

    Ctrl-C and SIGTERM are normal ends: the summary is given, and the exit code is 0.
    """
    from adafocus.edge.streaming.session import run_stream

    settings = Settings(**asked)
    options.only_one_of(settings.exit_threshold, settings.budget)
    inputs = read_inputs(arguments, "adafocus stream BUNDLE SOURCE", "SOURCE")
    if len(inputs.sources) > 1:
        shown = ", ".join(map(safe_name, arguments))
        raise AdafocusError(f"Found {shown}, expected one source: adafocus stream [BUNDLE] SOURCE.")
    outputs = {"--annotate": settings.annotate, "--events": settings.events}
    check_outputs(outputs, (inputs.bundle, *inputs.sources))
    if inputs.note and not settings.as_json:
        click.echo(inputs.note)
    energy = options.energy_of(inputs.bundle, settings.budget, energy_profile, meter)
    run_stream(inputs.bundle, inputs.sources[0], settings, None if energy is None else energy.open)
