"""Whoever is shown a running stream besides the terminal and the files: a page, a light, another program."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adafocus.edge.prediction import Prediction
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.sources.source import Frame
from adafocus.edge.streaming.result import Result
from adafocus.edge.video.clip import Clip


class Audience:
    """Is shown a stream. It does nothing by itself; whoever wants to see something derives from it.

    No call may wait: the threads of the stream make them. What takes time belongs into a thread of the audience.
    """

    def begin(self, stream: Running) -> None:
        """Know the stream; called once, before the first frame."""

    def hear(self, event: Mapping[str, Any]) -> None:
        """Take an event, as it is written; several threads call this."""

    def picture_due_in_s(self, now_s: float) -> float:
        """Return the seconds until a frame is wanted for showing; infinite where nobody looks."""
        return math.inf

    def see(self, frame: Frame) -> None:
        """Take a frame as the source gave it, which nobody else will change."""

    def study(self, clip: Clip, prediction: Prediction, result: Result) -> None:
        """Take a prediction with its clip, whose arrays hold only until this returns."""

    def tick(self, counts: Mapping[str, int]) -> None:
        """Know that the loop is alive, with its frames by what became of them; called many times a second."""


@dataclass(frozen=True)
class Running:
    """A stream that begins.

    Attributes:
        recognizer: the opened bundle.
        source: its name, safe to print.
        live: whether frames come when they come.
        window_s: seconds in a window.
        kept_fps: frames a second that the window keeps.
    """

    recognizer: Recognizer
    source: str
    live: bool
    window_s: float
    kept_fps: float
