"""One result of a stream, made up."""

from __future__ import annotations

import numpy as np

from adafocus.edge.streaming.result import Result
from adafocus.edge.streaming.window import Span


def result(label: str | None = "archery", score: float = 0.75, boxes: list[list[float]] | None = None) -> Result:
    return Result(
        number=0,
        span=Span(0.0, 4.0, 1.0, 0.0, 24),
        raw_label="archery",
        raw_score=0.8,
        label=label,
        score=score,
        best="archery",
        exit_stage="focus",
        gmac=1.21,
        frames=(1, 2),
        boxes=np.array(boxes or [[0.25, 0.25, 0.5, 0.5]], np.float32),
        latency_ms=40.0,
        timing_ms={"total": 36.0},
        budget=None,
    )
