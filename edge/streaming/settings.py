"""What a user can ask of a stream."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from adafocus.edge.budget.costs import Budget
from adafocus.edge.runtime_table import DEFAULT_RUNTIME
from adafocus.edge.sources.decoders.choice import SOFTWARE
from adafocus.edge.streaming.smoothing import Persistence
from adafocus.errors import AdafocusError


@dataclass(frozen=True)
class Settings:
    """How to go through a source, and what to show of it.

    Attributes:
        window_s: seconds of the source in a window.
        hop_s: seconds from one prediction to the next.
        eager: predict before the window is full, from what is there.
        smooth_s: time constant of the mean of predictions; 0: every one counts alone.
        enter: mean score from which a label is shown.
        leave: mean score below which it is dropped.
        persist: predictions in a row that it must lead before it is shown.
        persist_s: seconds that it must lead before it is shown.
        realtime: play a file as fast as it was recorded, as if it were a live source.
        for_s: end after so many seconds of the source; None: at its end.
        patience_s: how long a live source may take until its first frame.
        insistent: wait for a live source that does not come for ever, rather than end.
        max_fps: decode and keep at most so many frames a second.
        duty: share of the time that may be spent on computing, above 0, at most 1.
        budget: mean cost of a window.
        exit_threshold: of every exit; None: never stop early.
        decoder: of files and network streams; a name of :data:`adafocus.edge.sources.decoders.choice.NAMES`.
        runtime: a name of :data:`adafocus.edge.runtime_table.RUNTIMES`.
        threads: CPU threads of the runtime.
        events: where to append events.
        as_json: print events.
        quiet: print no results and no summary, but warnings.
        preview: show a window.
        annotate: where to write a video with the predictions.
    """

    window_s: float = 4.0
    hop_s: float = 1.0
    eager: bool = False
    smooth_s: float = 2.0
    enter: float = 0.3
    leave: float = 0.15
    persist: int = 2
    persist_s: float = 0.0
    realtime: bool = False
    for_s: float | None = None
    patience_s: float = 20.0
    insistent: bool = False
    max_fps: float | None = None
    duty: float = 1.0
    budget: Budget | None = None
    exit_threshold: float | None = None
    decoder: str = SOFTWARE
    runtime: str = DEFAULT_RUNTIME
    threads: int = 2
    events: Path | None = None
    as_json: bool = False
    quiet: bool = False
    preview: bool = False
    annotate: Path | None = None

    def check(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            AdafocusError: it names the options.
        """
        if self.leave > self.enter:
            raise AdafocusError(
                f"--leave is {self.leave:g}, expected at most --enter, which is {self.enter:g}. A label that is shown "
                "at a score must not be dropped at it."
            )

    @property
    def persistence(self) -> Persistence:
        """When a label is shown and dropped."""
        return Persistence(self.enter, self.leave, self.persist, self.persist_s)
