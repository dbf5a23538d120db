"""``adafocus run``: recognize video files."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import click

from adafocus.edge.budget.costs import Budget
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.commands import options
from adafocus.edge.commands.inputs import Inputs, read_inputs
from adafocus.edge.commands.outputs import check_outputs
from adafocus.edge.recognizer import Prediction, Recognizer
from adafocus.edge.sources.decoders.choice import SOFTWARE, Decoder
from adafocus.edge.sources.pyav_file import pyav_installed
from adafocus.edge.video.clip import Clip, read_clip
from adafocus.errors import OF_ONE_INPUT, AdafocusError, sentence_of

if TYPE_CHECKING:
    # most runs have no budget, and start sooner without what keeps one
    from adafocus.edge.budget.controller import Controller
    from adafocus.edge.budget.joules import EnergyCosts

BAR_CHARACTERS = 28
# what is timed by itself; the rest is the host
PARTS = ("decode", "glance", "policy", "focus")
T = TypeVar("T")


class Meanwhile(Generic[T]):
    """Something that is done in a thread of its own, while the caller does something else."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._error: BaseException | None = None
        # the program may end without waiting for it
        self._thread = threading.Thread(target=self._do, daemon=True)
        self._thread.start()

    def _do(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:
            self._error = error

    def result(self) -> T:
        """Wait for what came of it, and return that or raise it."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._result


@dataclass(frozen=True)
class Request:
    """The options of the verb.

    Attributes:
        as_json: print JSON.
        picture: where to draw the prediction of the only video.
        top: labels to show.
        budget: mean cost of a clip.
        energy_profile: where a budget in joules is told what clips take.
        meter: that corrects it.
        exit_threshold: of every exit.
        decoder: of video files; a name of :data:`adafocus.edge.sources.decoders.choice.NAMES`.
        cheap_frames: look at frames that are cheap to decode.
        runtime: ``litert``, ...
        accelerator: of the runtime.
        threads: CPU threads of the runtime.
    """

    as_json: bool
    picture: Path | None
    top: int
    budget: Budget | None
    energy_profile: Path | None
    meter: str | None
    exit_threshold: float | None
    decoder: str
    cheap_frames: bool
    runtime: str
    accelerator: str | None
    threads: int

    def check(self, videos: int) -> None:
        """Refuse options that contradict each other, or do not fit so many videos.

        Raises:
            AdafocusError: it names the options.
        """
        if self.picture is not None and videos > 1:
            raise AdafocusError(f"--picture takes one video, found {videos}. Call it once per video.")
        if self.picture is not None and self.picture.suffix.lower() != ".png":
            raise AdafocusError(f"--picture is {self.picture}, expected a name that ends in .png.")
        options.only_one_of(self.exit_threshold, self.budget)
        if self.cheap_frames and self.decoder != SOFTWARE:
            raise AdafocusError(
                f"Found --cheap-frames and --decoder {self.decoder}, expected one of the two: a decoder in hardware "
                "reads every frame. Leave one out."
            )


class Playlist:
    """Recognizes videos one after the other, and keeps the budget over all of them.

    Attributes:
        broken: the videos that gave no prediction, each with a sentence.
        decoder: what the latest video was decoded with.
        joules: what the latest clip was charged, and where that comes from; empty without a budget in joules.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        budget: Budget | None,
        picture: Path | None,
        energy: EnergyCosts | None = None,
        decoder: Decoder | None = None,
        cheap: bool = False,
        first: Meanwhile[Clip] | None = None,
    ) -> None:
        """Begin; ``first`` reads the first clip, where that has begun."""
        self._recognizer, self._budget, self._picture, self._energy = recognizer, budget, picture, energy
        self._controller: Controller | None = None
        self.decoder, self._cheap, self._first = decoder or Decoder(), cheap, first
        self.broken: dict[Path, str] = {}
        self.joules: dict[str, Any] = {}

    @property
    def state(self) -> dict[str, Any] | None:
        """State of the budget; None without one, or before the first prediction."""
        if self._controller is None:
            return None
        notes = {} if self._energy is None else {"notes": list(self._energy.notes)}
        return self._controller.state() | notes

    def recognize(self, video: Path) -> Prediction | None:
        """Recognize the next video; None where it cannot be read, which says nothing about the others.

        Raises:
            AdafocusError: the first one shows that the budget cannot be met, or the bundle is damaged.
        """
        recognizer, first = self._recognizer, self._first
        self._first = None
        # a clip that was read meanwhile knows itself how long that took
        started = time.perf_counter() if first is None else None
        try:
            clip = first.result() if first else _read(video, recognizer.bundle, self.decoder, self._cheap)
        except OF_ONE_INPUT as error:
            self.broken[video] = sentence_of(error, video)
            return None
        if self._budget is not None and self._controller is None:
            from adafocus.edge.budget.controller import Controller

            # what trying out a budget takes is no part of reading the clip
            self._controller, started = Controller.start(self._budget, recognizer, clip, self._energy), None
        if self._controller is not None:
            recognizer.thresholds = self._controller.thresholds
        prediction = recognizer.recognize_clip(clip, started=started)
        if self._controller is not None:
            source = self._energy and self._energy.source
            cost = self._controller.observe(prediction)
            self.joules = {"joules": cost, "joules_source": source} if source else {}
        if self._picture is not None:
            from adafocus.edge.picture import draw_picture

            draw_picture(clip, prediction, video.name, self._picture)
        return prediction


@click.command()
@click.argument("arguments", nargs=-1, metavar="[BUNDLE] VIDEOS...")
@options.as_json
@click.option("--picture", type=click.Path(path_type=Path), help="Draw the prediction of one video as a PNG file.")
@click.option("--top", default=5, show_default=True, type=click.IntRange(1), help="Show this many labels.")
@options.budget
@options.energy_profile
@options.meter
@options.exit_threshold
@options.decoder
@click.option(
    "--cheap-frames", is_flag=True, help="Look at frames nearby that are cheap to decode, such as key frames."
)
@options.runtime
@options.accelerator
@options.threads
def run(arguments: tuple[str, ...], **asked: Any) -> None:
    """Recognize VIDEOS with BUNDLE.

    A bundle is a folder with a manifest.json, or a .zip of one. Without it, the bundle of the checkout is used. VIDEOS
    are video files, folders of pictures and .npy files.
    """
    request = Request(**asked)
    inputs = read_inputs(arguments, "adafocus run BUNDLE VIDEO", "VIDEOS...")
    videos = [Path(source) for source in inputs.sources]
    request.check(len(videos))
    # the picture is a .png in small letters, however it was typed
    check_outputs({"--picture": request.picture and request.picture.with_suffix(".png")}, (inputs.bundle, *videos))
    energy = options.energy_of(inputs.bundle, request.budget, request.energy_profile, request.meter)
    decoder = Decoder(request.decoder, None if request.as_json else _warn)
    # the library that decodes is loaded while the bundle is checked, and the first video read while graphs are opened
    Meanwhile(pyav_installed)
    bundle = Bundle.open(inputs.bundle)
    ahead = request.decoder == SOFTWARE
    first = Meanwhile(lambda: _read(videos[0], bundle, decoder, request.cheap_frames)) if ahead else None
    recognizer = Recognizer.open(
        bundle, request.runtime, request.threads, request.exit_threshold, accelerator=request.accelerator
    )
    with nullcontext() if energy is None else energy.open(recognizer, _warn) as costs:
        playlist = Playlist(recognizer, request.budget, request.picture, costs, decoder, request.cheap_frames, first)
        if request.as_json:
            _print_all(inputs, videos, playlist, request, recognizer.ran_on)
        else:
            if recognizer.elsewhere is not None:
                _warn(recognizer.elsewhere)
            for note in () if costs is None else costs.notes:
                _warn(note)
            _run_through(inputs, videos, playlist, request)
    options.raise_broken(playlist.broken, len(videos))


def _read(video: Path, bundle: Bundle, decoder: Decoder, cheap: bool) -> Clip:
    """Read the clip of a video, in one thread where the least work counts."""
    return read_clip(video, bundle.manifest.geometry, decoder=decoder, cheap=cheap, one_thread=cheap)


def _warn(sentence: str) -> None:
    """Say something that ends nothing, beside the predictions."""
    click.echo(f"adafocus: {sentence}", err=True)


def _print_all(
    inputs: Inputs, videos: list[Path], playlist: Playlist, request: Request, ran_on: dict[str, str]
) -> None:
    """Print one object with all predictions."""
    content = []
    for video in videos:
        prediction = playlist.recognize(video)
        content.append(
            {"video": str(video), "error": playlist.broken[video]}
            if prediction is None
            else _as_dict(video, prediction, request.top) | {"decoder": playlist.decoder.used} | playlist.joules
        )
    about = {"bundle": str(inputs.bundle), "runtime": request.runtime, "threads": request.threads, "ran_on": ran_on}
    decoding = {"asked": request.decoder, "notes": playlist.decoder.notes}
    options.print_json({**about, "budget": playlist.state, "decoder": decoding, "videos": content})


def _run_through(inputs: Inputs, videos: list[Path], playlist: Playlist, request: Request) -> None:
    """Show each prediction as soon as it is there."""
    note, answered = inputs.note, []
    for video in videos:
        prediction = playlist.recognize(video)
        if prediction is None:
            continue
        if note:
            click.echo(note)
            note = ""
        _show(video, prediction, request.top, playlist.joules)
        answered.append(video)
    if playlist.state is not None:
        click.echo(f"\n{_budget_line(playlist.state)}")
    if request.picture is not None and answered:
        click.echo(f"picture: {request.picture}")
    if answered:
        options.print_next("bench", inputs.bundle, answered[0])


def _show(video: Path, prediction: Prediction, top: int, joules: dict[str, Any]) -> None:
    click.echo(f"\n{click.style(video.name, bold=True)}: {prediction.label}")
    for label, score in prediction.top(top):
        bar = "█" * max(1, round(score * BAR_CHARACTERS))
        click.echo(f"  {bar:<{BAR_CHARACTERS}} {100 * score:5.1f} %  {label}")
    spent = {name: ms for name in PARTS if (ms := prediction.timing_ms.get(name)) is not None}
    parts = ", ".join(f"{name} {ms:.1f}" for name, ms in spent.items())
    host = prediction.timing_ms["total"] - sum(spent.values())
    chosen = f", frames {', '.join(map(str, prediction.frame_indices))}" if prediction.frame_indices else ""
    spent_on = f"{prediction.macs / 1e9:.2f} GMAC"
    if joules:
        spent_on += f", {joules['joules']:.3g} J ({joules['joules_source']})"
    click.secho(f"  predicted after the {prediction.exit_stage}, {spent_on}{chosen}", dim=True)
    click.secho(f"  ms: {parts}, host {host:.1f}", dim=True)
    for warning in prediction.warnings:
        click.secho(f"  warning: {warning}", bold=True)


def _budget_line(state: dict[str, Any]) -> str:
    from adafocus.edge.budget.controller import WINDOW_CLIPS

    unit, clips = state["unit"], state["clips"]
    recent = f", {state['running_mean']:.4g} over the last {WINDOW_CLIPS}" if clips > WINDOW_CLIPS else ""
    low, high = state["range"]
    line = (
        f"budget {state['asked']:g} {unit} a clip: {state['mean']:.4g} {unit} on average of {clips}{recent}; "
        f"range {low:.4g} to {high:.4g}, thresholds {state['curve']}, at position {state['position']:.2f} of 0 to 1"
    )
    return line + _energy_words(state["energy"]) if "energy" in state else line


def _energy_words(energy: dict[str, Any]) -> str:
    """Return where the joules of a budget come from."""
    profile = energy["profile"]
    if energy["source"] == "modelled":
        return f"\njoules above idle: modelled, not measured, from {profile}"
    if energy["source"] == "profile":
        return f"\njoules above idle: from {profile}, times {energy['correction']:.3g}; no meter corrects it now"
    return (
        f"\njoules above idle: from {profile}, times {energy['correction']:.3g} by {energy['meter']} "
        f"({energy['scope']}), which read {energy['metered_mean']:.4g} J a clip in {energy['windows']} windows"
    )


def _as_dict(video: Path, prediction: Prediction, top: int) -> dict[str, Any]:
    return {
        "video": str(video),
        "label": prediction.label,
        "score": prediction.score,
        "top": [{"label": label, "score": score} for label, score in prediction.top(top)],
        "exit_stage": prediction.exit_stage,
        "exit_index": prediction.exit_index,
        "confidences": [round(value, 6) for value in prediction.confidences],
        "frame_indices": list(prediction.frame_indices),
        "boxes": [[round(float(value), 5) for value in box] for box in prediction.boxes],
        "gmac": prediction.macs / 1e9,
        "timing_ms": {name: round(value, 3) for name, value in prediction.timing_ms.items()},
        "warnings": list(prediction.warnings),
    }
