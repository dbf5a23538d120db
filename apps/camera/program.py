"""The program: what can be asked of it, and how a stream, a page and actions are put together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from adafocus.apps.camera.access import DEFAULT_PORT, Place, read_token
from adafocus.apps.camera.actions import Action
from adafocus.apps.camera.actions.hook import HOOK_LIMIT_S, Hook
from adafocus.apps.camera.actions.led import Led
from adafocus.apps.camera.actions.mqtt import Mqtt
from adafocus.apps.camera.board import Board
from adafocus.apps.camera.pictures import Pictures
from adafocus.apps.camera.server import PageServer
from adafocus.apps.camera.service import Service
from adafocus.apps.camera.show import Show
from adafocus.apps.camera.story import Story
from adafocus.apps.camera.vitals import Vitals
from adafocus.edge import cli
from adafocus.edge.commands import options
from adafocus.edge.commands.inputs import BUNDLE_IN_CHECKOUT, DEFAULT_BUNDLE
from adafocus.edge.commands.options import Duration
from adafocus.edge.device.host import read_facts
from adafocus.edge.meters import AUTO
from adafocus.edge.sources import kind_of
from adafocus.edge.streaming.session import run_stream
from adafocus.edge.streaming.settings import Settings
from adafocus.errors import AdafocusError

PATH = click.Path(path_type=Path)
SHARE = click.FloatRange(0, 1)
DURATION = Duration(least_s=0.01)
PICTURES = click.FloatRange(0.1, 60)


@dataclass(frozen=True)
class Wanted:
    """What is asked of the program besides the stream.

    Attributes:
        web: where the page is served.
        token_file: holds the token.
        picture_fps: at most so many pictures a second for those who look.
        leds: addresses of pins.
        hook: program to call.
        hook_limit_s: how long it may take.
        mqtt: address of a broker.
        meter: of energy; None for whichever answers.
    """

    web: str
    token_file: Path | None
    picture_fps: float
    leds: tuple[str, ...]
    hook: str | None
    hook_limit_s: float
    mqtt: str | None
    meter: str | None

    def actions(self) -> list[Action]:
        """Return the actions that are asked for.

        Raises:
            AdafocusError: one cannot be done here.
        """
        found: list[Action] = [Led(address) for address in self.leds]
        if self.hook is not None:
            found.append(Hook(self.hook, self.hook_limit_s))
        if self.mqtt is not None:
            found.append(Mqtt(self.mqtt))
        return found


def command_of(board: Board) -> click.Command:
    """Return the command of a board."""

    @click.command()
    @click.argument("source", default=board.camera)
    @click.option("--bundle", type=PATH, help="Recognize with this bundle; default: that of the checkout.")
    @click.option(
        "--web",
        default=f"127.0.0.1:{DEFAULT_PORT}",
        show_default=True,
        help="Serve the page at this address; others than this machine need --token-file.",
    )
    @click.option("--token-file", type=PATH, help="Ask for the token in this file, which is made if it is not there.")
    @click.option(
        "--picture-fps",
        default=12.0,
        show_default=True,
        type=PICTURES,
        help="Show at most this many pictures a second.",
    )
    @click.option("--led", "leds", multiple=True, help="Switch this pin: 17, gpiochip0:17, or only for LABEL=17.")
    @click.option("--hook", help="Call this program when the label changes; no shell is between.")
    @click.option(
        "--hook-limit",
        "hook_limit_s",
        default=f"{HOOK_LIMIT_S:g}s",
        show_default=True,
        type=DURATION,
        help="End the hook after this long.",
    )
    @click.option("--mqtt", help="Publish to this broker, such as mqtt://192.168.1.5/hall.")
    @click.option(
        "--window", "window_s", default="4s", show_default=True, type=DURATION, help="Look at the last seconds."
    )
    @click.option(
        "--hop", "hop_s", default="1s", show_default=True, type=DURATION, help="Make a prediction this often."
    )
    @click.option(
        "--enter", default=0.3, show_default=True, type=SHARE, help="Show a label once its mean reaches this."
    )
    @click.option("--leave", default=0.15, show_default=True, type=SHARE, help="Drop a label below this mean.")
    @click.option("--duty", default=1.0, show_default=True, type=SHARE, help="Compute at most this share of the time.")
    @click.option("--events", type=PATH, help="Append events to this file, one JSON object a line.")
    @options.budget
    @options.energy_profile
    @options.meter
    @options.exit_threshold
    @options.decoder
    @options.runtime
    @options.threads
    def camera(source: str, bundle: Path | None, energy_profile: Path | None, **asked: Any) -> None:
        """Recognize what SOURCE shows, and serve a page with it.

        SOURCE is a camera (csi://0, /dev/video0), a network stream (rtsp://..., http://...) or a video file, which is
        played at its own pace. The page is at http://127.0.0.1:8080 unless --web says otherwise.

        Ctrl-C and SIGTERM end it, and the exit code is 0.
        """
        names = Wanted.__dataclass_fields__
        wanted = Wanted(**{name: asked[name] for name in names})
        rest = {name: value for name, value in asked.items() if name not in names}
        settings = Settings(**rest, realtime=True, insistent=True, quiet=True)
        serve(board, source, bundle or _bundle_of_checkout(), settings, wanted, energy_profile)

    camera.help = (camera.help or "").replace("SOURCE is", f"Without SOURCE it is {board.camera}. SOURCE is", 1)
    return camera


def run(board: Board) -> None:
    """Run the program of a board as a process."""
    cli.main(command_of(board), f"python -m {board.module}")


def serve(
    board: Board,
    source: str,
    bundle: Path,
    settings: Settings,
    wanted: Wanted,
    energy_profile: Path | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Recognize a source and serve the page until it ends or is told to.

    Args:
        board: for its name.
        source: its address.
        bundle: path of a bundle.
        settings: of the stream.
        wanted: of the page and the actions.
        energy_profile: of a budget in joules.
        ready: called with the address of the page once it is served.

    Raises:
        AdafocusError: something cannot be opened, or done here.
    """
    options.only_one_of(settings.exit_threshold, settings.budget)
    kind_of(source)
    place = Place.parse(wanted.web)
    token = read_token(wanted.token_file, place)
    in_joules = settings.budget is not None and settings.budget.unit == "J"
    energy = options.energy_of(bundle, settings.budget, energy_profile, wanted.meter if in_joules else None)
    facts, service = read_facts(), Service()
    story = Story(
        {
            "board": facts.board or facts.processor or board.name,
            "system": facts.distribution or facts.system,
            "version": version("adafocus-edge"),
            "source": source if "://" not in source else "",
            "runtime": settings.runtime,
            "threads": settings.threads,
            "hop_s": settings.hop_s,
            "enter": settings.enter,
            "budget": None if settings.budget is None else str(settings.budget),
        }
    )
    with ExitStack() as opened:
        actions = wanted.actions()
        pictures = opened.enter_context(closing(Pictures(wanted.picture_fps)))
        server = opened.enter_context(closing(PageServer(place, token, story, pictures)))
        show = opened.enter_context(closing(Show(story, pictures, service, actions)))
        opened.callback(service.stopping)
        meter = None if in_joules else wanted.meter or AUTO
        opened.enter_context(closing(Vitals(lambda read: story.tell("vitals", read), lambda: story.answers, meter)))
        _say_where(server.url, wanted.token_file)
        if ready is not None:
            ready(server.url)
        run_stream(bundle, source, settings, None if energy is None else energy.open, show)


def _say_where(url: str, token_file: Path | None) -> None:
    """Print where the page is; the token itself is in its file."""
    click.echo(f"The page is at {url}")
    if token_file is not None:
        click.echo(f"It asks for the token in {token_file}")


def _bundle_of_checkout() -> Path:
    if DEFAULT_BUNDLE.is_file():
        return DEFAULT_BUNDLE
    raise AdafocusError(
        f"There is no bundle here. Take {BUNDLE_IN_CHECKOUT} from the adafocus-edge repository, and name it: "
        "--bundle bundle.zip"
    )
