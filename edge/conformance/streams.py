"""Vectors of streams: the window, the clock of a file, when windows are due, smoothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from adafocus.edge.bundle.manifest import Geometry
from adafocus.edge.conformance.material import Record, case, floats, joined, near, numbers, weights
from adafocus.edge.sources.source import Frame
from adafocus.edge.streaming.feeds import SteadyClock
from adafocus.edge.streaming.loop import Schedule
from adafocus.edge.streaming.smoothing import Persistence, Smoother
from adafocus.edge.streaming.window import Window

CANDIDATES, GLANCE_FRAMES, SECONDS = 8, 4, 2.0
GEOMETRY = Geometry(
    variant="x3d",
    glance_frames=GLANCE_FRAMES,
    candidate_frames=CANDIDATES,
    focus_frames=4,
    frame_size=2,
    short_side=2,
    glance_size=2,
    patch_size=2,
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
)
PIXELS = np.zeros((2, 2, 3), np.uint8)


def _drawn(seed: int, count: int, rate: float, jitter: float) -> list[float]:
    """Return moments of a source whose frames come early or late."""
    return [place / rate + jitter * value for place, value in enumerate(floats(seed, count))]


# when frames come, by what is odd about them, and the options of the window
SOURCES: dict[str, tuple[Sequence[float], dict[str, Any]]] = {
    "25 a second": ([n / 25 for n in range(90)], {}),
    "30 a second, begins late": ([17.3 + n / 30 for n in range(100)], {}),
    "25 a second, at most 2 kept": ([n / 25 for n in range(90)], {"max_fps": 2.0}),
    "25 a second, a finer grid": ([n / 25 for n in range(90)], {"frames_per_candidate": 3}),
    "25 a second, glance frames come again": ([n / 25 for n in range(120)], {"recurring": True}),
    "exactly the grid": ([n / 4 for n in range(14)], {}),
    "they come early and late": (_drawn(71, 90, 12.5, 0.07), {}),
    "every moment twice": ([n // 2 / 10 for n in range(80)], {}),
    "the same moment again and again": ([1.0] * 12, {}),
    "a step back now and then": ([n / 10 - (0.3 if n % 7 == 0 else 0.0) for n in range(50)], {}),
    "back to the start": ([*(n / 10 for n in range(30)), *(n / 10 for n in range(30))], {}),
    "a short pause": ([*(n / 10 for n in range(20)), *(2.9 + n / 10 for n in range(20))], {}),
    "a pause longer than a window": ([*(n / 10 for n in range(30)), *(9 + n / 10 for n in range(25))], {}),
    "a frame every 3 s": ([3.0 * n for n in range(8)], {}),
    "a frame every second, then one after 2.5 s": ([0.0, 1.0, 2.0, 3.0, 4.0, 6.5], {}),
    "a frame every second": ([1.0 * n for n in range(8)], {}),
}


def vectors() -> list[Record]:
    """Return the vectors of this module."""
    return joined((_windows(), _clocks(), _schedules(), _smoothed()))


def _windows() -> Iterator[Record]:
    """What a window keeps of a source, and the clips of its last seconds."""
    for name, (moments, asked) in SOURCES.items():
        window = Window(GEOMETRY, SECONDS, **asked)
        steps: list[Record] = []
        for number, moment in enumerate(moments):
            kept = window.push(Frame(PIXELS, number, moment, "vectors"))
            step: Record = {"kept": kept}
            if kept:
                step |= {"full": _clip(window, eager=False), "eager": _clip(window, eager=True)}
            steps.append(step)
        given = {
            "candidate_frames": CANDIDATES,
            "glance_frames": GLANCE_FRAMES,
            "seconds": SECONDS,
            "max_fps": None,
            "frames_per_candidate": 1,
            "recurring": False,
            **asked,
            "moments_s": list(moments),
        }
        kept_at = [place for place, step in enumerate(steps) if step["kept"]]
        # the last clips of each kind, and one in the middle, tell as much as all of them
        told = sorted({*kept_at[-2:], *kept_at[len(kept_at) // 2 :][:1]})
        found = {
            "kept": kept_at,
            "full_from": next((place for place in kept_at if steps[place]["full"] is not None), None),
            "missed": window.missed,
            "clips": [{"after": place, "full": steps[place]["full"], "eager": steps[place]["eager"]} for place in told],
        }
        yield case(name, "window", given, found)


def _clip(window: Window, eager: bool) -> Record | None:
    """Tell the clip that a window gives now."""
    cut = window.clip(eager=eager)
    if cut is None:
        return None
    clip, span = cut
    return {
        "candidates": numbers(clip.candidate_indices),
        "glance": numbers(clip.glance_indices),
        "glance_names": list(clip.glance_names or ()),
        "start_s": near(span.start_s),
        "end_s": near(span.end_s),
        "filled": near(span.filled),
        "frames": span.frames,
        "oldest": span.oldest,
    }


def _clocks() -> Iterator[Record]:
    """The clock of a file, carried on where it jumps back or stands still."""
    stories: dict[str, tuple[float, list[float]]] = {
        "goes on": (25.0, [n / 25 for n in range(10)]),
        "one frame out of order": (25.0, [0.0, 0.04, 0.12, 0.08, 0.16]),
        "begins anew": (10.0, [*(n / 10 for n in range(12)), *(n / 10 for n in range(14))]),
        "stands still": (10.0, [*(n / 10 for n in range(5)), *[0.4] * 15]),
    }
    for name, (fps, stated) in stories.items():
        clock = SteadyClock(fps)
        found = {"moments_s": [near(clock.moment_s(moment)) for moment in stated]}
        yield case(name, "steady_clock", {"fps": fps, "stated_s": stated}, found)


def _schedules() -> Iterator[Record]:
    """When the next window is due."""
    turns = [(0.0, 0.25), (1.0, 1.125), (2.0, 3.5), (3.5, 3.75), (4.0, 4.25), (9.0, 9.125)]
    for duty in (1.0, 0.25):
        schedule, found = Schedule(1.0, duty), []
        for started, finished in turns:
            late = schedule.finish(started, finished)
            found.append({"late_s": late, "due_s": schedule.due_s, "rest_s": schedule.rest_s(finished - started)})
        given = {"hop_s": 1.0, "duty": duty, "turns": [list(turn) for turn in turns]}
        yield case(f"duty {duty}", "schedule", given, {"turns": found})


def _smoothed() -> Iterator[Record]:
    """The mean of predictions over time, and the label that is shown."""
    drawn = [weights(seed, 4) for seed in range(81, 97)]
    sure = [[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1], [0.25] * 4, [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0]]
    # 0.3 and 0.15 exactly: a label is shown at `enter`, and stays at `leave`
    edge = [[0.3, 0.2, 0.25, 0.25], [0.3, 0.2, 0.25, 0.25], [0.15, 0.28, 0.28, 0.29], [0.125, 0.29, 0.29, 0.295]]
    stories: dict[str, tuple[float, Persistence, list[list[float]], list[float]]] = {
        "as it comes": (0.0, Persistence(0.3, 0.15, 2, 0.0), sure, [0.0, 1.0, 2.0, 3.0, 4.0]),
        "on the edges": (0.0, Persistence(0.3, 0.15, 1, 0.0), edge, [0.0, 1.0, 2.0, 3.0]),
        "a mean of 2 s": (2.0, Persistence(0.3, 0.15, 2, 0.0), drawn, [0.5 * n for n in range(16)]),
        "seconds count": (1.0, Persistence(0.28, 0.2, 1, 1.5), drawn, [0.5 * n for n in range(16)]),
        "moments repeat and go back": (
            2.0,
            Persistence(0.25, 0.2, 2, 0.0),
            drawn,
            [0.0, 1.0, 1.0, 0.5, 2.0, 1.5, 3.0, 3.0, 3.0, 10.0, 9.0, 10.5, 11.0, 11.0, 12.0, 12.5],
        ),
        "twice the first": (1.0, Persistence(0.4, 0.3, 2, 0.0), sure * 2, [0.25 * n for n in range(10)]),
    }
    for name, (constant, rule, given, moments) in stories.items():
        smoother, found = Smoother(constant, rule), []
        for probabilities, moment in zip(given, moments, strict=True):
            state = smoother.update(probabilities, moment)
            found.append(
                {"label": state.label, "best": state.best, "score": near(state.score), "switched": state.switched}
            )
        asked = {
            "time_constant_s": constant,
            "enter": rule.enter,
            "leave": rule.leave,
            "windows": rule.windows,
            "seconds": rule.seconds,
            "probabilities": given,
            "moments_s": moments,
        }
        yield case(name, "smoothing", asked, {"turns": found, "before_reset": smoother.reset()})
