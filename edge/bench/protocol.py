"""The latency protocol: warm-up, enough clips and time, configurations in turn, rests, and sustained load.

Every clip is one row of numbers. Statistics of the rows are made afterwards, in `adafocus.edge.bench.report`.
"""

from __future__ import annotations

import os
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bundle.manifest import STAGES, Geometry, Stage
from adafocus.edge.device.host import State, busy_seconds, read_frequencies, read_temperatures
from adafocus.edge.recognizer import Prediction, Recognizer
from adafocus.edge.video.clip import Clip, read_clip
from adafocus.errors import OF_ONE_INPUT, AdafocusError, sentence_of

HOST = ("resize", "pixels", "select", "crop", "other")
PARTS = ("decode", "resize", "pixels", "glance", "policy", "select", "crop", "focus", "other")
SUMS = ("host", "compute", "total")
COLUMNS = ("at_s", "exit", "gmac", *PARTS, *SUMS)
# clips that are held in memory at once where decoding is not measured; each takes some megabytes
MAX_HELD = 64
# those of whole frames take up to 64 MB each, so that these fit into a gigabyte
MAX_HELD_WHOLE = 16
MINUTE_S = 60.0
READ_EVERY_S = 5.0


@dataclass(frozen=True)
class Protocol:
    """How long and how it is measured.

    Attributes:
        warm_up: clips of each configuration that are not counted.
        clips: at least so many of each are counted.
        seconds: and at least so much time of each, with its rests.
        minutes: sustained load for so long instead.
        every_s: a clip starts every so many seconds, and the machine rests between.
        duty: share of the time that is worked; the rest of it the machine rests.
        decoding: whether each clip is read from its file while it is measured.
    """

    warm_up: int = 5
    clips: int = 30
    seconds: float = 10.0
    minutes: float | None = None
    every_s: float | None = None
    duty: float | None = None
    decoding: bool = True

    def __post_init__(self) -> None:
        if self.every_s is not None and self.duty is not None:
            raise AdafocusError("Found both --every and --duty, expected one of them: either says how long it rests.")

    @property
    def rests(self) -> bool:
        """Whether the machine rests between clips."""
        return self.every_s is not None or self.duty is not None

    def rest_s(self, worked_s: float) -> float:
        """Return the seconds of rest after a clip that took ``worked_s``."""
        if self.every_s is not None:
            return max(0.0, self.every_s - worked_s)
        return worked_s * (1 / self.duty - 1) if self.duty is not None else 0.0


@dataclass(frozen=True)
class Configuration:
    """What is timed: a bundle in a runtime, and when its clips stop.

    Attributes:
        name: on the screen and in the report.
        bundle: name of the bundle.
        path: where it stands.
        recognizer: may be shared by configurations that differ only in when they stop.
        thresholds: set before each clip; None: never stop early.
        stop_after: the stage after which every clip ends.
        exits: when it stops, in words.
    """

    name: str
    bundle: str
    path: str
    recognizer: Recognizer
    thresholds: tuple[float, ...] | None = None
    stop_after: Stage = "focus"
    exits: str = "never"

    def predict(self, clip: Clip, started: float | None) -> Prediction:
        """Recognize one clip whose reading began at ``started``, on the clock of ``time.perf_counter``."""
        self.recognizer.thresholds = self.thresholds
        return self.recognizer.recognize_clip(clip, stop_after=self.stop_after, started=started)


@dataclass
class Samples:
    """Rows of :data:`COLUMNS`, one for each clip; 8 bytes a number, so that half an hour does not fill the memory."""

    numbers: array[float] = field(default_factory=lambda: array("d"))

    def add(self, at_s: float, prediction: Prediction) -> None:
        """Keep the times of a clip whose work began at ``at_s``; in one step, so an interrupt leaves whole rows."""
        spent = prediction.timing_ms
        parts = {name: spent.get(name, 0.0) for name in PARTS}
        total = spent["total"]
        host = max(0.0, total - parts["decode"] - sum(parts[stage] for stage in STAGES))
        parts["other"] = max(0.0, host - sum(parts[name] for name in HOST if name != "other"))
        sums = (host, total - parts["decode"], total)
        row = (
            at_s,
            STAGES.index(prediction.exit_stage),
            prediction.macs / 1e9,
            *(parts[name] for name in PARTS),
            *sums,
        )
        self.numbers.extend(row)

    def __len__(self) -> int:
        return len(self.numbers) // len(COLUMNS)

    def table(self) -> NDArray[np.float64]:
        """Return all rows, ``(n, len(COLUMNS))``."""
        return np.array(self.numbers, np.float64).reshape(-1, len(COLUMNS))

    def column(self, name: str) -> NDArray[np.float64]:
        """Return one column, ``(n,)``."""
        return self.table()[:, COLUMNS.index(name)]


@dataclass(frozen=True)
class MachineReading:
    """The machine at one moment of a measurement; None where it does not say."""

    at_s: float
    hottest_c: float | None
    mean_mhz: float | None


@dataclass
class Measurement:
    """Everything that was seen.

    Attributes:
        samples: by configuration's name.
        back_to_back: the same without rests, before; only where the protocol rests.
        readings: heat and clocks on the way.
        elapsed_s: length of the window.
        others_share: share of the machine's processors that other processes used; None where unknown.
        late: clips that took longer than the time between two starts.
        interrupted: what stopped it from outside, to be raised again once the figures are kept.
        warnings: of the clips.
    """

    samples: dict[str, Samples]
    back_to_back: dict[str, Samples] = field(default_factory=dict)
    readings: list[MachineReading] = field(default_factory=list)
    elapsed_s: float = 0.0
    others_share: float | None = None
    late: int = 0
    interrupted: KeyboardInterrupt | None = None
    warnings: tuple[str, ...] = ()


def read_machine(at_s: float) -> MachineReading:
    """Read what changes quickly, without starting a program."""
    state = State(frequency_mhz=read_frequencies(), temperature_c=read_temperatures())
    return MachineReading(at_s, state.hottest_c, state.mean_mhz)


@dataclass(frozen=True)
class ProcessorTime:
    """Processor seconds so far: of the whole machine, None where it does not say, and of this process."""

    machine_s: float | None
    own_s: float

    @classmethod
    def now(cls) -> ProcessorTime:
        """Read them at this moment."""
        return cls(busy_seconds(), time.process_time())

    def others_share(self, elapsed_s: float) -> float | None:
        """Return the share of all processors, 0..1, that other processes have used since; None if unknown."""
        now = ProcessorTime.now()
        if self.machine_s is None or now.machine_s is None or elapsed_s <= 0:
            return None
        others_s = (now.machine_s - self.machine_s) - (now.own_s - self.own_s)
        return min(1.0, max(0.0, others_s / (elapsed_s * (os.cpu_count() or 1))))


class Clips:
    """Videos in turn: read from their files when asked for, or decoded beforehand.

    Args:
        videos: files; beyond :data:`MAX_HELD`, or :data:`MAX_HELD_WHOLE` where a bundle keeps whole frames, the rest is
            left out where they are decoded beforehand.
        decoding: whether reading belongs to what is measured.
        geometries: of all bundles.

    Attributes:
        videos: those that can be read, as far as is known.
        broken: those that cannot, each with a sentence; the others take their turns.

    Raises:
        AdafocusError: none can be read.
    """

    def __init__(self, videos: Sequence[Path], decoding: bool, geometries: Sequence[Geometry]) -> None:
        whole = any(geometry.boxes_in == "frame" for geometry in geometries)
        self.videos = list(videos) if decoding else list(videos)[: MAX_HELD_WHOLE if whole else MAX_HELD]
        self.broken: dict[Path, str] = {}
        self.warnings: dict[str, None] = {}
        self._held: dict[tuple[Geometry, Path], Clip] = {}
        for geometry in () if decoding else geometries:
            for video in tuple(self.videos):
                clip = self._read(video, geometry)
                if clip is not None:
                    self._held[geometry, video] = replace(clip, decode_ms=0.0, resize_ms=0.0)

    def start(self, turn: int, geometry: Geometry) -> tuple[Clip, float | None]:
        """Return the clip of a turn, and when its reading began; None where it was decoded beforehand."""
        while True:
            video = self.videos[turn % len(self.videos)]
            held = self._held.get((geometry, video))
            if held is not None:
                return held, None
            started = time.perf_counter()
            clip = self._read(video, geometry)
            if clip is not None:
                return clip, started

    def _read(self, video: Path, geometry: Geometry) -> Clip | None:
        """Read a clip, and keep its warnings; None where it cannot be read, and then it has no more turns."""
        try:
            clip = read_clip(video, geometry)
        except OF_ONE_INPUT as error:
            self.broken[video] = sentence_of(error, video)
            # a video may be given several times, so that it has more turns
            self.videos = [other for other in self.videos if other != video]
            if not self.videos:
                found = " ".join(self.broken.values())
                raise AdafocusError(found if len(self.broken) == 1 else f"No video can be read. {found}") from error
            return None
        self.warnings |= dict.fromkeys(clip.warnings)
        return clip


@dataclass
class Bench:
    """Configurations that recognize the same clips in turn.

    Attributes:
        configurations: each with a name of its own.
        clips: the videos.
        protocol: how long and how.
        read: reads heat and clocks, given the seconds since the start.
        now: clock in seconds.
        sleep: rests for some seconds.
    """

    configurations: Sequence[Configuration]
    clips: Clips
    protocol: Protocol
    read: Callable[[float], MachineReading] = read_machine
    now: Callable[[], float] = time.perf_counter
    sleep: Callable[[float], None] = time.sleep

    def run(self) -> Measurement:
        """Warm up and measure; an interrupt from the keyboard ends it early, and what was measured is kept."""
        for turn in range(self.protocol.warm_up):
            for configuration in self.configurations:
                self._predict(configuration, turn)
        measured = Measurement({configuration.name: Samples() for configuration in self.configurations})
        started, work = self.now(), ProcessorTime.now()
        try:
            if self.protocol.rests:
                self._back_to_back(measured)
                started, work = self.now(), ProcessorTime.now()
            self._window(measured, started)
        except KeyboardInterrupt as interrupt:
            measured.interrupted = interrupt
        measured.elapsed_s = self.now() - started
        measured.others_share = work.others_share(measured.elapsed_s)
        measured.warnings = tuple(self.clips.warnings)
        return measured

    def _back_to_back(self, measured: Measurement) -> None:
        """Measure the same clips without a rest, to set beside those after one."""
        measured.back_to_back = {name: Samples() for name in measured.samples}
        started = self.now()
        for turn in range(self.protocol.clips):
            for configuration in self.configurations:
                at_s = self.now() - started
                measured.back_to_back[configuration.name].add(at_s, self._predict(configuration, turn))

    def _window(self, measured: Measurement, started: float) -> None:
        """Let the configurations take turns until there are enough clips and enough time."""
        own_s = {configuration.name: 0.0 for configuration in self.configurations}
        turn, next_reading = 0, 0.0
        while not self._enough(turn, own_s, self.now() - started):
            for configuration in self.configurations:
                began = self.now()
                if began - started >= next_reading:
                    measured.readings.append(self.read(began - started))
                    next_reading = began - started + READ_EVERY_S
                    began = self.now()
                prediction = self._predict(configuration, turn)
                ended = self.now()
                measured.samples[configuration.name].add(began - started, prediction)
                self._rest(measured, ended - began)
                own_s[configuration.name] += self.now() - began
            turn += 1
        measured.readings.append(self.read(self.now() - started))

    def _enough(self, turns: int, own_s: Mapping[str, float], elapsed_s: float) -> bool:
        """Return whether the window may end."""
        protocol = self.protocol
        if protocol.minutes is not None:
            return elapsed_s >= MINUTE_S * protocol.minutes
        return turns >= protocol.clips and min(own_s.values()) >= protocol.seconds

    def _rest(self, measured: Measurement, worked_s: float) -> None:
        """Rest as long as the protocol asks after a clip, and count clips that leave no time for it."""
        if not self.protocol.rests:
            return
        rest_s = self.protocol.rest_s(worked_s)
        if rest_s > 0:
            self.sleep(rest_s)
        else:
            measured.late += 1

    def _predict(self, configuration: Configuration, turn: int) -> Prediction:
        """Recognize the clip of a turn."""
        clip, started = self.clips.start(turn, configuration.recognizer.bundle.manifest.geometry)
        return configuration.predict(clip, started)
