"""One row of the comparison, and the figures of all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adafocus.calibration.evaluation.metrics import percent, top_k_correct
from adafocus.calibration.predictions.ground_truth import GroundTruth
from benchmarks.harness import median, take_turns

WARM_UP, TURNS, MIN_TURNS, MAX_S = 2, 30, 5, 300.0
# until the idle threads of one library no longer wait busily, which would slow down the next
REST_S = 0.05
# made by this project, not converted at all, made by a stock converter, published as a file
OURS, EAGER, STOCK, PUBLISHED = "ours", "eager", "stock", "published"
CLIP, FRAME, DECODED = "clip, ready input", "frame, ready input", "clip, decoded frames"


@dataclass(frozen=True)
class Row:
    """One file that is measured.

    Attributes:
        kind: one of the four above.
        network: what it computes.
        by: who made the file.
        precision: of it.
        runtime: that runs it.
        of: what a call takes.
        bytes: of the file; None where there is none.
        call: runs it once; None where it cannot run.
        logits: ``(n, K)`` of the clips; None where it knows other labels, or none.
        said: why a figure is missing, in a plain sentence.
        beside: the network whose time it is compared with; empty: its own.
    """

    kind: str
    network: str
    by: str
    precision: str
    runtime: str
    of: str
    bytes: int | None = None
    call: Callable[[], object] | None = None
    logits: NDArray[np.float32] | None = None
    said: str = ""
    beside: str = ""

    @property
    def name(self) -> str:
        """What no other row is called."""
        return f"{self.network}, {self.by}, {self.precision}"


def figures(rows: Sequence[Row], truth: GroundTruth, max_s: float = MAX_S) -> list[dict[str, Any]]:
    """Let all rows that can run take turns, and return what is said of each.

    ``times_ours`` is the time over that of this project's int8 file of the same network; ``same_label`` counts the
    clips that get the label of the float network in eager PyTorch.
    """
    calls = {row.name: row.call for row in rows if row.call is not None}
    spent = turns(calls, max_s)
    labels = {row.network: best(row.logits) for row in rows if row.kind == EAGER and row.logits is not None}
    shared = {row.network for row in rows if row.kind != OURS}
    ours = {row.network: row.name for row in rows if row.kind == OURS and row.name in spent and row.network in shared}
    found = []
    for row in rows:
        ms, own, wanted = spent.get(row.name), ours.get(row.beside or row.network), labels.get(row.network)
        one: dict[str, Any] = {
            "kind": row.kind,
            "network": row.network,
            "by": row.by,
            "precision": row.precision,
            "runtime": row.runtime,
            "of": row.of,
            "ms": None if ms is None else round(median(ms), 3),
            "smallest_ms": None if ms is None else round(min(ms), 3),
            "times_ours": None if ms is None or own is None else round(median(ms) / median(spent[own]), 3),
            "mb": None if row.bytes is None else round(row.bytes / 1e6, 3),
            "top1_percent": None,
            "same_label": None,
            "said": row.said,
        }
        if row.logits is not None:
            one["top1_percent"] = percent(float(top_k_correct(row.logits, truth, 1).mean()))
            one["same_label"] = None if wanted is None else int((best(row.logits) == wanted).sum())
        found.append(one)
    return found


def best(logits: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the label ``(n,)`` of each clip."""
    return np.asarray(logits.argmax(1), np.int64)


def turns(calls: Mapping[str, Callable[[], object]], max_s: float) -> dict[str, list[float]]:
    """Return the milliseconds of every call in every turn; each rests before it begins."""
    timed = {name: partial(_spent_ms, call) for name, call in calls.items()}
    return take_turns(timed, (None,), WARM_UP, TURNS, "turns", min_turns=MIN_TURNS, max_seconds=max_s)


def _spent_ms(call: Callable[[], object], _: None) -> float:
    time.sleep(REST_S)
    started = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - started)
