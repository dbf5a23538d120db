"""Joules of the configurations of ``adafocus bench``: idle, windows of each in turning order, idle.

Configurations cannot take turns clip by clip here, as a clip is shorter than the time between two readings of a meter.
So each has windows of its own, in which all clips come equally often.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adafocus.edge.bench.protocol import Clips, Configuration
from adafocus.edge.energy.measuring.statistics import Bootstrap
from adafocus.edge.energy.report import Interval
from adafocus.edge.meters import Meter, Reading, Session
from adafocus.edge.meters.meter import SECOND_NS

ROUNDS = 4
WINDOW_S, WINDOW_CLIPS, IDLE_S = 10.0, 30, 10.0
# as many samples as a meter of ten a second gives in a window, but not for longer than this
WINDOW_SAMPLES, MAX_WINDOW_S = 100, 120.0


@dataclass(frozen=True)
class Metered:
    """A window of the meter, and how many clips ran in it."""

    reading: Reading
    clips: int


def joules_of(
    configurations: Sequence[Configuration],
    clips: Clips,
    meter: Meter,
    *,
    rounds: int = ROUNDS,
    sleep: Callable[[float], None] = time.sleep,
    tell: Callable[[str], None] = lambda what: None,
) -> dict[str, Any]:
    """Return joules of a clip of every configuration, all of them measured.

    Args:
        configurations: loaded, each with a name of its own.
        clips: the videos.
        meter: that answers.
        rounds: windows of each.
        sleep: waits for some seconds.
        tell: is told what begins.

    Returns:
        the meter, what idling takes in W before and after (None where the meter did not tell), and by the name of a
        configuration its joules: ``gross`` and ``net`` of idling, each a median and its 95 % interval, the windows, and
        sentences on those that were lost.

    Raises:
        MeterError: the meter cannot be opened.
        AdafocusError: no clip can be read any more.
    """
    window_s = min(max(WINDOW_S, WINDOW_SAMPLES * meter.period_s), MAX_WINDOW_S)
    found: dict[str, list[Metered]] = {configuration.name: [] for configuration in configurations}
    with meter.open() as session:
        idle = [_idle(session, sleep, tell)]
        for number in range(rounds):
            # A B C, then C B A: what drifts meets all of them alike
            for configuration in configurations if number % 2 == 0 else configurations[::-1]:
                tell(f"joules, window {number + 1} of {rounds}: {configuration.name}")
                found[configuration.name].append(_window(session, configuration, clips, window_s))
        idle.append(_idle(session, sleep, tell))
    idle_w = [reading.watts for reading in idle]
    known_w = [watts for watts in idle_w if watts is not None]
    mean_w = float(np.mean(known_w)) if known_w else None
    return {
        "source": "measured",
        "meter": meter.detail,
        "scope": meter.scope,
        "window_s": window_s,
        "idle_w": idle_w,
        "per_clip": {name: _figures(windows, mean_w) for name, windows in found.items()},
    }


def _idle(session: Session, sleep: Callable[[float], None], tell: Callable[[str], None]) -> Reading:
    """Take a window of the loaded process asleep."""
    tell("joules, idle")
    begin = session.mark()
    sleep(IDLE_S)
    return session.window(begin, session.mark())


def _window(session: Session, configuration: Configuration, clips: Clips, window_s: float) -> Metered:
    """Recognize all clips as often as it takes."""
    begin = end = session.mark()
    done, geometry = 0, configuration.recognizer.bundle.manifest.geometry
    while done < WINDOW_CLIPS or end - begin < window_s * SECOND_NS:
        for turn in range(len(clips.videos)):
            configuration.predict(*clips.start(turn, geometry))
            done += 1
        end = session.mark()
    return Metered(session.window(begin, end), done)


def _figures(windows: Sequence[Metered], idle_w: float | None) -> dict[str, Any]:
    """Return the figures of one configuration; None where no window has joules."""
    metered = [
        (one.reading.joules, one.reading.seconds, one.clips) for one in windows if one.reading.joules is not None
    ]
    joules, seconds, clips = np.array(metered, np.float64).reshape(-1, 3).T
    return {
        "gross": _interval(joules / clips),
        "net": None if idle_w is None else _interval((joules - idle_w * seconds) / clips),
        "windows": len(metered),
        "lost": [one.reading.reason for one in windows if one.reading.joules is None],
    }


def _interval(values: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, float | None] | None:
    """Return a median and its interval over windows."""
    if not len(values):
        return None
    interval: Interval = Bootstrap().interval(values)
    return interval.model_dump()
