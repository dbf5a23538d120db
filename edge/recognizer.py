"""The recogniser: glance, maybe stop, decide, crop, focus, answer."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.boxes import centred_box
from edge.bundle import Bundle
from edge.clip import Clip, read_clip
from edge.crop import crop_patch
from edge.errors import AdafocusError
from edge.exits import confidence, softmax
from edge.manifest import STAGES, GraphFile, Stage, TensorSpec
from edge.preprocess import PixelTable
from edge.quantization import convert, dequantise
from edge.runtimes import Opener, open_graph
from edge.runtimes.base import Arrays
from edge.sampling import select_frames, uniform_indices

Boxes = Literal["policy", "centre"]
Frames = Literal["policy", "uniform"]
WHITE = 255
FEWEST_MOST_THREADS = 8
# of a frame's side: a twentieth of a pixel in a frame of 224
BOX_STEP = 2.0**-12


@dataclass
class Stopwatch:
    """Milliseconds by name."""

    spent_ms: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Add the time of a block to ``name``."""
        started = time.perf_counter()
        yield
        self.spent_ms[name] = self.spent_ms.get(name, 0.0) + 1e3 * (time.perf_counter() - started)


@dataclass(frozen=True)
class StageCall:
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
        frame_indices: frames of the video that the focus saw, counted from 0; empty after an exit at the glance.
        boxes: ``(n, 4)`` y, x, height, width as fractions of the centre square; empty after an exit at the glance.
        candidate_indices: the same frames counted among the clip's candidates.
        patches: ``(n, P, P, 3)`` uint8 RGB, what the focus saw.
        frame_weights: ``(T_G,)`` of the temporal policy; empty after an exit at the glance.
        logits: ``(K,)`` float32 of the exit taken.
        glance_logits: ``(K,)`` float32 of the first exit.
        labels: class names, in the order of the logits.
        timing_ms: by ``decode``, ``resize``, ``glance``, ``policy``, ``focus``, ``pixels``, ``select``, ``crop``, and
            ``total``; the host's share that is none of these is ``other``.
        macs: multiply-accumulates spent.
        warnings: sentences on what is wrong with the video.
        calls: every call of a stage, in order; the ``long`` variant calls its focus several times.
    """

    label: str
    score: float
    exit_stage: Stage
    frame_indices: tuple[int, ...]
    boxes: NDArray[np.float32]
    candidate_indices: tuple[int, ...]
    patches: NDArray[np.uint8]
    frame_weights: NDArray[np.float32]
    logits: NDArray[np.float32]
    glance_logits: NDArray[np.float32]
    labels: tuple[str, ...]
    timing_ms: dict[str, float]
    macs: int
    warnings: tuple[str, ...]
    calls: tuple[StageCall, ...]

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


@dataclass(frozen=True)
class Seen:
    """What the focus looked at: candidates ``(n,)``, boxes ``(n, 4)``, patches, and the weights that chose them."""

    chosen: NDArray[np.int64]
    boxes: NDArray[np.float32]
    patches: NDArray[np.uint8]
    frame_weights: NDArray[np.float32]

    @classmethod
    def nothing(cls, patch_size: int) -> Seen:
        """After an exit at the glance."""
        patches = np.empty((0, patch_size, patch_size, 3), np.uint8)
        return cls(np.empty(0, np.int64), np.empty((0, 4), np.float32), patches, np.empty(0, np.float32))


class Recognizer:
    """A bundle opened in one runtime."""

    def __init__(
        self,
        bundle: Bundle,
        runtime: str,
        threads: int,
        exit_threshold: float | None,
        opener: Opener = open_graph,
    ) -> None:
        self.bundle, self.runtime, self.threads = bundle, runtime, threads
        self.exit_threshold = exit_threshold
        geometry = bundle.manifest.geometry
        self._geometry = geometry
        self._records: dict[Stage, GraphFile] = {}
        self._graphs = {}
        for stage in STAGES:
            path, record = bundle.graph(stage, runtime)  # type: ignore[arg-type]
            self._records[stage] = record
            self._graphs[stage] = opener(runtime, path, record, threads)
        self._tables = {
            name: _pixel_table(spec, geometry.mean, geometry.std)
            for name, spec in (("glance", self._input("glance", "frames")), ("focus", self._input("focus", "patches")))
        }
        red, green, blue = (round(WHITE * value) for value in geometry.mean)
        self._fill = (red, green, blue)

    @classmethod
    def open(
        cls,
        bundle: str | Path | Bundle,
        runtime: str = "litert",
        threads: int = 2,
        exit_threshold: float | None = None,
    ) -> Recognizer:
        """Open a bundle.

        Args:
            bundle: its path, or an opened bundle.
            runtime: ``litert``, ``tflite``, ...
            threads: CPU threads of the runtime.
            exit_threshold: stop after the glance where its confidence, by the bundle's criterion, reaches this; None:
                never.

        Raises:
            AdafocusError: no bundle, a damaged one, or a runtime that is not installed.
        """
        most = max(FEWEST_MOST_THREADS, 2 * (os.cpu_count() or 1))
        if not 1 <= threads <= most:
            raise AdafocusError(f"threads is {threads}, expected 1 to {most} here. Use --threads 2.")
        opened = bundle if isinstance(bundle, Bundle) else Bundle.open(bundle)
        return cls(opened, runtime, threads, exit_threshold)

    def recognize(self, video: str | Path) -> Prediction:
        """Answer a video file.

        Raises:
            VideoError: not a video, or no frame of it can be decoded.
        """
        started = time.perf_counter()
        clip = read_clip(video, self._geometry)
        return self.recognize_clip(clip, started=started)

    def recognize_clip(
        self,
        clip: Clip,
        *,
        boxes: Boxes = "policy",
        frames: Frames = "policy",
        stop_after: Stage = "focus",
        started: float | None = None,
    ) -> Prediction:
        """Answer decoded frames.

        Args:
            clip: from :func:`edge.clip.read_clip`.
            boxes: ``centre`` keeps the size of the policy's box but looks at the middle of the frame.
            frames: ``uniform`` spreads the focus frames evenly.
            stop_after: ``glance`` answers from the glance alone.
            started: ``time.perf_counter()`` at the beginning of the work that ``total`` is to count.
        """
        started = time.perf_counter() if started is None else started
        watch = Stopwatch({"decode": clip.decode_ms, "resize": clip.resize_ms})
        with watch.measure("pixels"):
            glance_frames = self._tables["glance"].apply(clip.glance)
        glance = self._run("glance", {"frames": glance_frames}, watch)
        glance_logits = self._real(glance, "glance_logits").reshape(-1)
        if stop_after == "glance" or self._sure(glance_logits):
            return self._prediction(clip, [glance], glance_logits, glance_logits, watch, started)
        policy = self._run("policy", {"features": self._handed(glance, "features", "policy")}, watch)
        with watch.measure("select"):
            chosen = self._choose(policy, frames)
            looked_at = self._boxes(policy, chosen, boxes)
        with watch.measure("crop"):
            size = self._geometry.patch_size
            views = zip(chosen, looked_at, strict=True)
            patches = np.stack([crop_patch(clip.candidates[i], box, size, self._fill) for i, box in views])
        calls, logits = self._focus(glance, patches, watch)
        seen = Seen(chosen, looked_at.astype(np.float32), patches, self._real(policy, "frame_weights"))
        return self._prediction(clip, [glance, policy, *calls], logits, glance_logits, watch, started, seen)

    def _focus(
        self, glance: StageCall, patches: NDArray[np.uint8], watch: Stopwatch
    ) -> tuple[list[StageCall], NDArray[np.float32]]:
        """Look at the patches, as many at a time as the graph takes, until it is sure; the calls and the answer."""
        at_once = self._input("focus", "patches").shape[0]
        calls: list[StageCall] = []
        source = glance
        for start in range(0, len(patches), at_once):
            with watch.measure("pixels"):
                pixels = self._tables["focus"].apply(patches[start : start + at_once])
            context = self._handed(source, "context", "focus")
            source = self._run("focus", {"patches": pixels, "context": context}, watch)
            calls.append(source)
            rows = self._real(source, "logits").reshape(-1, len(self.bundle.manifest.labels))
            sure = next((row for row in rows if self._sure(row)), None)
            if sure is not None:
                return calls, sure
        return calls, rows[-1]

    def _choose(self, policy: StageCall, frames: Frames) -> NDArray[np.int64]:
        geometry = self._geometry
        if frames == "uniform":
            return uniform_indices(geometry.candidate_frames, geometry.focus_frames)
        weights = self._real(policy, "frame_weights")
        return select_frames(weights, geometry.candidate_frames, geometry.focus_frames)

    def _boxes(self, policy: StageCall, chosen: NDArray[np.int64], boxes: Boxes) -> NDArray[np.floating]:
        """A box for each chosen frame, ``(n, 4)``; the policy gives one for the clip, or one for every candidate.

        Runtimes round the policy's floats differently in the last place. On a grid they all give the same box, and so
        the very same pixels.
        """
        given = np.rint(self._real(policy, "boxes").reshape(-1, 4) / BOX_STEP) * np.float32(BOX_STEP)
        picked = np.repeat(given, len(chosen), 0) if len(given) == 1 else given[chosen]
        if boxes == "centre":
            return np.stack([centred_box(float(box[2]), float(box[3])) for box in picked])
        return picked

    def _sure(self, logits: NDArray[np.float32]) -> bool:
        exits = self.bundle.manifest.exits
        return self.exit_threshold is not None and (
            confidence(logits, exits.criterion, exits.temperature) >= self.exit_threshold
        )

    def _run(self, stage: Stage, arrays: Arrays, watch: Stopwatch) -> StageCall:
        with watch.measure(stage):
            answers = self._graphs[stage].run(arrays)
        return StageCall(stage, arrays, answers)

    def _input(self, stage: Stage, name: str) -> TensorSpec:
        return next(spec for spec in self._records[stage].inputs if spec.name == name)

    def _output(self, stage: Stage, name: str) -> TensorSpec:
        return next(spec for spec in self._records[stage].outputs if spec.name == name)

    def _real(self, call: StageCall, name: str) -> NDArray[np.float32]:
        return dequantise(call.outputs[name], self._output(call.stage, name))

    def _handed(self, call: StageCall, name: str, stage: Stage) -> NDArray[np.generic]:
        """An output of one call in the form that a later one takes."""
        return convert(call.outputs[name], self._output(call.stage, name), self._input(stage, name))

    def _prediction(
        self,
        clip: Clip,
        calls: list[StageCall],
        logits: NDArray[np.float32],
        glance_logits: NDArray[np.float32],
        watch: Stopwatch,
        started: float,
        seen: Seen | None = None,
    ) -> Prediction:
        manifest = self.bundle.manifest
        seen = seen or Seen.nothing(self._geometry.patch_size)
        probabilities = softmax(logits)
        best = int(np.argmax(probabilities))
        spent = watch.spent_ms
        total = 1e3 * (time.perf_counter() - started)
        spent["other"] = max(0.0, total - sum(spent.values()))
        spent["total"] = total
        return Prediction(
            label=manifest.labels[best],
            score=float(probabilities[best]),
            exit_stage=calls[-1].stage,
            frame_indices=tuple(int(clip.candidate_indices[i]) for i in seen.chosen),
            boxes=seen.boxes,
            candidate_indices=tuple(int(i) for i in seen.chosen),
            patches=seen.patches,
            frame_weights=seen.frame_weights,
            logits=logits,
            glance_logits=glance_logits,
            labels=manifest.labels,
            timing_ms=spent,
            macs=sum(manifest.macs(call.stage) for call in calls),
            warnings=clip.warnings,
            calls=tuple(calls),
        )


def _pixel_table(spec: TensorSpec, mean: tuple[float, float, float], std: tuple[float, float, float]) -> PixelTable:
    return PixelTable.build(mean, std, spec.dtype, spec.scale, spec.zero_point)
