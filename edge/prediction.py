"""What a recognizer answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bundle.manifest import Stage
from adafocus.edge.exits import softmax
from adafocus.edge.runtimes.base import Arrays


class StageCall(NamedTuple):
    """One call of a stage: what it was given and what it answered, by tensor name, as the graph has it."""

    stage: Stage
    inputs: Arrays
    outputs: Arrays


@dataclass(frozen=True)
class Prediction:
    """The answer for one clip.

    Attributes:
        label: the best label.
        score: its probability, 0..1.
        exit_stage: ``glance`` or ``focus``, where the answer was given.
        exit_index: 0 after the glance, k after the k-th exit of the focus.
        confidences: how sure every exit that was passed was, by the bundle's criterion; the exit taken is the last.
        frame_indices: frames of the video that the focus saw, counted from 0; empty after an exit at the glance.
        boxes: ``(n, 4)`` y, x, height, width as fractions of the centre square; empty after an exit at the glance.
        candidate_indices: the same frames counted among the clip's candidates.
        patches: ``(n, P, P, 3)`` uint8 RGB, what the focus saw.
        frame_weights: ``(T_G,)`` of the temporal policy; empty after an exit at the glance.
        exit_logits: ``(K,)`` float32 of every exit that was passed; the exit taken is the last.
        exit_ms: milliseconds from the decoded frames to each of those exits, resizing included.
        labels: class names, in the order of the logits.
        timing_ms: ``decode`` (opening the video, decoding, waiting for frames), ``resize``, the calls of the stages
            ``glance``, ``policy`` and ``focus``, and the host's ``pixels``, ``select``, ``crop`` and ``other``;
            ``total`` is their sum.
        macs: multiply-accumulates spent.
        glance_encoded: glance frames that went through the network; fewer than T_G where a stream knew the others.
        warnings: sentences on what is wrong with the video.
        calls: every call of a stage, in order; the ``long`` variant calls its focus several times.
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
        """The ``k`` best labels with their probabilities, best first."""
        probabilities = softmax(self.logits)
        order = np.argsort(-probabilities, kind="stable")[:k]
        return [(self.labels[i], float(probabilities[i])) for i in order]
