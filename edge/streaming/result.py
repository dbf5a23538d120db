"""One result of a stream: what was predicted for which seconds, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.streaming.window import Span


@dataclass(frozen=True)
class Result:
    """What the analyzer makes of a window. It holds no frames.

    Attributes:
        number: counted from 0.
        span: what the window covered, on the clock of the source.
        raw_label: the window's own label.
        raw_score: its probability, 0..1.
        label: the smoothed label, None: no label.
        score: its smoothed score; without a label the best smoothed score.
        best: the label with the best smoothed score, shown or not.
        exit_stage: ``glance`` or ``focus``.
        gmac: multiply-accumulates spent, in 1e9.
        frames: numbers of the source's frames that the focus saw.
        boxes: ``(n, 4)`` y, x, height, width as fractions of the square, or of the whole frame where boxes lie in it;
            empty after an exit at the glance.
        latency_ms: from the capture of the newest frame to the result; of a file from when that frame was read.
        timing_ms: by part, as in a prediction.
        budget: state of the controller, None without a budget.
        joules: above idle that it was charged; None without a budget in joules.
        glance_encoded: glance frames that went through the network.
        glance_reused: glance frames that were known from earlier windows.
    """

    number: int
    span: Span
    raw_label: str
    raw_score: float
    label: str | None
    score: float
    best: str
    exit_stage: str
    gmac: float
    frames: tuple[int, ...]
    boxes: NDArray[np.float32]
    latency_ms: float
    timing_ms: dict[str, float]
    budget: dict[str, Any] | None
    joules: float | None = None
    glance_encoded: int = 0
    glance_reused: int = 0

    @property
    def compute_ms(self) -> float:
        """Milliseconds from the beginning of the work on this window to its result."""
        return self.timing_ms["total"]

    def as_event(self, zero_s: float) -> dict[str, Any]:
        """Return the content of the ``answer`` event.

        Args:
            zero_s: moment on the source's clock from which the window's times are counted.
        """
        return {
            "number": self.number,
            "window": {
                "start_s": self.span.start_s - zero_s,
                "end_s": self.span.end_s - zero_s,
                "filled": self.span.filled,
                "frames": self.span.frames,
            },
            "raw": {"label": self.raw_label, "score": self.raw_score},
            "label": self.label,
            "score": self.score,
            "best": self.best,
            "exit_stage": self.exit_stage,
            "gmac": self.gmac,
            "glance": {"encoded": self.glance_encoded, "reused": self.glance_reused},
            "frames": list(self.frames),
            "boxes": [[float(value) for value in box] for box in self.boxes],
            "latency_ms": self.latency_ms,
            "compute_ms": dict(self.timing_ms),
            "joules": self.joules,
            "budget": self.budget,
        }
