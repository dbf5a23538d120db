"""The prediction for a clip, and the trace of the clip through the stages that it is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bundle.manifest import Exits, Stage
from adafocus.edge.exits import confidence, softmax
from adafocus.edge.runtimes.graph import Arrays
from adafocus.edge.stopwatch import Stopwatch
from adafocus.edge.video.clip import Clip

NO_FRAMES, NO_BOXES, NO_WEIGHTS = np.empty(0, np.int64), np.empty((0, 4), np.float32), np.empty(0, np.float32)


class StageCall(NamedTuple):
    """One call of a stage: its inputs and outputs by tensor name, in the graph's own types."""

    stage: Stage
    inputs: Arrays
    outputs: Arrays


@dataclass(frozen=True)
class Prediction:
    """The prediction for one clip.

    Attributes:
        label: the best label.
        score: its probability, 0..1.
        exit_stage: ``glance`` or ``focus``, where the clip stopped.
        exit_index: 0 after the glance, k after the k-th exit of the focus.
        confidences: confidence of every exit passed, by the bundle's criterion; the exit taken is the last.
        frame_indices: frames of the video that the focus saw, counted from 0; empty after an exit at the glance.
        boxes: ``(n, 4)`` y, x, height, width as fractions of the centre square, or of the whole frame where boxes lie
            in it; empty after an exit at the glance.
        candidate_indices: the same frames counted among the clip's candidates.
        patches: ``(n, P, P, 3)`` uint8 RGB, what the focus saw.
        frame_weights: ``(T_G,)`` of the temporal policy; empty after an exit at the glance, and where the policy is no
            network.
        exit_logits: ``(K,)`` float32 of every exit that was passed; the exit taken is the last.
        exit_ms: milliseconds from the decoded frames to each of those exits, resizing included.
        labels: class names, in the order of the logits.
        timing_ms: ``decode`` (opening the video, decoding, waiting for frames), ``resize``, the calls of the stages
            ``glance``, ``policy`` and ``focus``, and the host's ``pixels``, ``select``, ``crop`` and ``other``;
            ``total`` is their sum. Comparing frames for motion counts as ``policy``.
        macs: multiply-accumulates spent.
        glance_encoded: glance frames that went through the network; fewer than T_G where a stream knew the others.
        warnings: sentences on what is wrong with the video.
        calls: every call of a stage, in order; the ``long`` variant calls its focus several times, and a policy that is
            no network is no call.
    """

    label: str
    score: float
    exit_stage: Stage
    exit_index: int
    confidences: tuple[float, ...]
    frame_indices: tuple[int, ...]
    boxes: NDArray[np.float32]
    candidate_indices: tuple[int, ...]
    patches: NDArray[np.uint8]
    frame_weights: NDArray[np.float32]
    exit_logits: tuple[NDArray[np.float32], ...]
    exit_ms: tuple[float, ...]
    labels: tuple[str, ...]
    timing_ms: dict[str, float]
    macs: int
    glance_encoded: int
    warnings: tuple[str, ...]
    calls: tuple[StageCall, ...]

    @property
    def logits(self) -> NDArray[np.float32]:
        """``(K,)`` float32 of the exit taken."""
        return self.exit_logits[-1]

    @property
    def glance_logits(self) -> NDArray[np.float32]:
        """``(K,)`` float32 of the first exit."""
        return self.exit_logits[0]

    @property
    def outputs(self) -> Arrays:
        """Raw outputs by ``<stage>.<tensor>``, or ``<stage>.<n>.<tensor>`` from the second call of a stage on."""
        found: Arrays = {}
        counts: dict[str, int] = {}
        for call in self.calls:
            number = counts[call.stage] = counts.get(call.stage, 0) + 1
            place = call.stage if number == 1 else f"{call.stage}.{number}"
            found |= {f"{place}.{name}": value for name, value in call.outputs.items()}
        return found

    def top(self, k: int) -> list[tuple[str, float]]:
        """Return the ``k`` best labels with their probabilities, best first."""
        probabilities = softmax(self.logits)
        order = np.argsort(-probabilities, kind="stable")[:k]
        return [(self.labels[i], float(probabilities[i])) for i in order]


@dataclass
class Trace:
    """The calls of stages, the exits passed and what the focus looked at.

    Attributes:
        clip: the decoded frames.
        exits: how the bundle measures confidence.
        thresholds: confidence at which each exit but the last is taken; None: never.
        patches: ``(n, P, P, 3)`` uint8 RGB; the first ``seen`` of them are cut.
        watch: started with the trace.
        calls: in order.
        logits: ``(K,)`` of every exit passed.
        confidences: likewise.
        passed_ms: milliseconds since the start of this clip, likewise.
        chosen: ``(n,)`` candidates that were chosen.
        boxes: ``(n, 4)``.
        frame_weights: ``(T_G,)``.
        seen: patches that the focus was given.
        encoded: glance frames that went through the network.
    """

    clip: Clip
    exits: Exits
    thresholds: tuple[float, ...] | None
    patches: NDArray[np.uint8]
    watch: Stopwatch = field(default_factory=Stopwatch)
    calls: list[StageCall] = field(default_factory=list)
    logits: list[NDArray[np.float32]] = field(default_factory=list)
    confidences: list[float] = field(default_factory=list)
    passed_ms: list[float] = field(default_factory=list)
    chosen: NDArray[np.int64] = field(default_factory=lambda: NO_FRAMES)
    boxes: NDArray[np.float32] = field(default_factory=lambda: NO_BOXES)
    frame_weights: NDArray[np.float32] = field(default_factory=lambda: NO_WEIGHTS)
    seen: int = 0
    encoded: int = 0

    def stops(self, logits: NDArray[np.float32]) -> bool:
        """Note the logits of the next exit; return whether its confidence is enough to stop there."""
        index = len(self.confidences)
        self.logits.append(logits)
        self.confidences.append(confidence(logits, self.exits.criterion, self.exits.temperature))
        self.passed_ms.append(self.watch.elapsed_ms())
        if self.thresholds is None or index == len(self.thresholds):
            return False
        return self.confidences[index] >= self.thresholds[index]

    def prediction(
        self, labels: tuple[str, ...], exit_macs: tuple[int, ...], spared: int, started: float | None
    ) -> Prediction:
        """Return what was found out.

        Args:
            labels: of the bundle.
            exit_macs: multiply-accumulates of a clip that stops at each exit.
            spared: multiply-accumulates of glance frames that were known already.
            started: ``time.perf_counter()`` when reading the clip began; None: the times that the clip states.
        """
        logits, exit_index = self.logits[-1], len(self.confidences) - 1
        best = int(logits.argmax())
        is_probability = self.exits.criterion == "softmax" and self.exits.temperature == 1.0
        score = self.confidences[-1] if is_probability else float(softmax(logits)[best])
        candidates = tuple(self.chosen[: self.seen].tolist())
        frame_indices = tuple(int(self.clip.candidate_indices[candidate]) for candidate in candidates)
        self.watch.lap("other")
        return Prediction(
            label=labels[best],
            score=score,
            exit_stage=self.calls[-1].stage,
            exit_index=exit_index,
            confidences=tuple(self.confidences),
            frame_indices=frame_indices,
            boxes=self.boxes[: self.seen],
            candidate_indices=candidates,
            patches=self.patches[: self.seen],
            frame_weights=self.frame_weights,
            exit_logits=tuple(self.logits),
            exit_ms=tuple(self.clip.resize_ms + passed for passed in self.passed_ms),
            labels=labels,
            timing_ms=self._timing_ms(started),
            macs=exit_macs[exit_index] - spared,
            glance_encoded=self.encoded,
            warnings=self.clip.warnings,
            calls=tuple(self.calls),
        )

    def _timing_ms(self, started: float | None) -> dict[str, float]:
        """Return milliseconds by part; what passed before this trace and was not resizing counts as decoding."""
        clip, laps = self.clip, self.watch.spent_ms
        before = 0.0 if started is None else self.watch.before(started)
        decode = max(clip.decode_ms, before - clip.resize_ms)
        spent = {"decode": decode, **laps, "resize": clip.resize_ms + laps.get("resize", 0.0)}
        return {**spent, "total": sum(spent.values())}
