"""The recognizer: glance, maybe stop, decide, crop, focus, answer."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import STAGES, Stage, TensorSpec
from adafocus.edge.exits import confidence, softmax
from adafocus.edge.incremental import FeatureStore, GlanceParts
from adafocus.edge.policy import CHOICES, PLACES, SHAPES, Boxes, Frames, Seed, Shape, place_boxes
from adafocus.edge.prediction import Prediction, StageCall
from adafocus.edge.runtimes import Opener, open_graph
from adafocus.edge.runtimes.base import Arrays, Graph
from adafocus.edge.runtimes.tensors import convert, dequantize
from adafocus.edge.stopwatch import Stopwatch
from adafocus.edge.video.clip import Clip, read_clip
from adafocus.edge.video.crop import crop_patch, whole_pixels
from adafocus.edge.video.preprocess import PixelTable
from adafocus.errors import AdafocusError, BundleError

__all__ = ["Boxes", "Frames", "Prediction", "Recognizer", "Shape", "StageCall"]

WHITE = 255
MIN_MAX_THREADS = 8
NO_FRAMES, NO_BOXES, NO_WEIGHTS = np.empty(0, np.int64), np.empty((0, 4), np.float32), np.empty(0, np.float32)


@dataclass
class Trace:
    """What has happened to a clip so far: calls of stages, answers of exits, and what the focus looked at.

    Attributes:
        calls: in order.
        logits: ``(K,)`` of every exit passed.
        confidences: likewise.
        passed_ms: milliseconds since the start of this clip, likewise.
        chosen: ``(n,)`` candidates that the policy chose.
        boxes: ``(n, 4)``.
        patches: ``(n, P, P, 3)``; the first ``seen`` of them are cut.
        seen: patches that the focus was given.
        frame_weights: ``(T_G,)``.
        encoded: glance frames that went through the network.
    """

    calls: list[StageCall]
    logits: list[NDArray[np.float32]]
    confidences: list[float]
    passed_ms: list[float]
    chosen: NDArray[np.int64]
    boxes: NDArray[np.float32]
    patches: NDArray[np.uint8]
    frame_weights: NDArray[np.float32]
    encoded: int
    seen: int = 0


class Recognizer:
    """A bundle opened in one runtime. One clip at a time; open another where threads share a bundle.

    Attributes:
        graphs: the opened stages, without the glance where it is taken frame by frame.
        glance_pixels: turns glance frames into what the glance's graph takes.
        exit_macs: multiply-accumulates of a clip that stops at each exit: at the glance, then at those of the focus. An
            exit inside a call of the focus costs the whole call. All glance frames count, also where some are known.
    """

    def __init__(
        self,
        bundle: Bundle,
        runtime: str,
        threads: int,
        exit_threshold: float | None,
        opener: Opener = open_graph,
        incremental: bool = False,
    ) -> None:
        self.bundle, self.runtime, self.threads = bundle, runtime, threads
        manifest = bundle.manifest
        geometry = self._geometry = manifest.geometry
        self._inputs: dict[tuple[Stage, str], TensorSpec] = {}
        self._outputs: dict[tuple[Stage, str], TensorSpec] = {}
        self.graphs: dict[Stage, Graph] = {}
        self._parts: GlanceParts | None = None
        if incremental and bundle.parts(runtime):  # type: ignore[arg-type]
            self._parts = GlanceParts(bundle, runtime, opener, threads)  # type: ignore[arg-type]
        for stage in STAGES:
            path, record = bundle.graph(stage, runtime)  # type: ignore[arg-type]
            self._inputs |= {(stage, spec.name): spec for spec in record.inputs}
            self._outputs |= {(stage, spec.name): spec for spec in record.outputs}
            if stage != "glance" or self._parts is None:
                self.graphs[stage] = opener(runtime, path, record, threads)
        self.glance_pixels = _pixel_table(self._inputs["glance", "frames"], geometry.mean, geometry.std)
        self._focus_pixels = _pixel_table(self._inputs["focus", "patches"], geometry.mean, geometry.std)
        red, green, blue = (round(WHITE * value) for value in geometry.mean)
        self._fill = (red, green, blue)
        self._no_patches = np.empty((0, geometry.patch_size, geometry.patch_size, 3), np.uint8)
        exits = manifest.exits
        self._sureness_is_the_score = exits.criterion == "softmax" and exits.temperature == 1.0
        self._patches_at_once = self._inputs["focus", "patches"].shape[0]
        self._patch_side = min(1.0, geometry.patch_size / geometry.frame_size)
        glance_macs = manifest.macs("glance")
        if self._parts is not None:
            glance_macs = geometry.glance_frames * self._parts.encode_macs + self._parts.join_macs
        self.exit_macs = manifest.exit_macs(bundle.graph("focus", runtime)[1], glance_macs)  # type: ignore[arg-type]
        self._thresholds: tuple[float, ...] | None = None
        # memory that is given back to the system comes again page by page, which costs more than what is done with it
        self._last: Prediction | None = None
        if exit_threshold is not None:
            self.thresholds = (exit_threshold,) * (len(self.exit_macs) - 1)

    @property
    def incremental(self) -> bool:
        """Whether the glance is taken frame by frame, so that frames that come again need not be encoded again."""
        return self._parts is not None

    @property
    def thresholds(self) -> tuple[float, ...] | None:
        """Confidence at which each exit but the last is taken; None: never stop early. May be set between clips."""
        return self._thresholds

    @thresholds.setter
    def thresholds(self, values: Sequence[float] | None) -> None:
        wanted = len(self.exit_macs) - 1
        if values is not None and (len(values) != wanted or any(math.isnan(value) for value in values)):
            raise AdafocusError(
                f"found {len(values)} thresholds ({', '.join(f'{value:g}' for value in values)}), expected {wanted} "
                "numbers, one for each exit but the last. Give as many, or None to never stop early."
            )
        self._thresholds = None if values is None else tuple(float(value) for value in values)

    @classmethod
    def open(
        cls,
        bundle: str | Path | Bundle,
        runtime: str = "litert",
        threads: int = 2,
        exit_threshold: float | None = None,
        *,
        incremental: bool = False,
    ) -> Recognizer:
        """Open a bundle.

        Args:
            bundle: its path, or an opened bundle.
            runtime: ``litert``, ``tflite``, ...
            threads: CPU threads of the runtime.
            exit_threshold: stop at the first exit whose confidence, by the bundle's criterion, reaches this; None:
                never. :attr:`thresholds` gives each exit its own.
            incremental: take the glance frame by frame, for a stream, where the bundle has the graphs for it; the
                answers are the same.

        Raises:
            AdafocusError: no bundle, a damaged one, or a runtime that is not installed.
        """
        most = max(MIN_MAX_THREADS, 2 * (os.cpu_count() or 1))
        if not 1 <= threads <= most:
            raise AdafocusError(f"threads is {threads}, expected 1 to {most} here. Use --threads 2.")
        opened = bundle if isinstance(bundle, Bundle) else Bundle.open(bundle)
        return cls(opened, runtime, threads, exit_threshold, incremental=incremental)

    def recognize(self, video: str | Path) -> Prediction:
        """Answer a video file.

        Raises:
            VideoError: not a video, or no frame of it can be decoded.
            AdafocusError: no path at all.
        """
        if not isinstance(video, str | os.PathLike):
            raise AdafocusError(
                f"found a {type(video).__name__}, expected the path of a video. Frames that are in memory already are "
                "for recognize_clip: recognizer.recognize_clip(clip_from_frames(frames, bundle.manifest.geometry))."
            )
        started = time.perf_counter()
        clip = read_clip(video, self._geometry)
        return self.recognize_clip(clip, started=started)

    def encode_frame(self, frame: NDArray[np.uint8]) -> NDArray[np.generic]:
        """What the glance says of one frame by itself, to be kept in a :class:`FeatureStore`.

        Args:
            frame: ``(S, S, 3)`` uint8 RGB.

        Returns:
            ``(1, C, h, w)`` in the graph's own type.

        Raises:
            AdafocusError: this recognizer does not take the glance frame by frame.
        """
        if self._parts is None:
            raise AdafocusError(
                f"{self.bundle.path} was not opened to take the glance frame by frame. Open it with incremental=True; "
                "a bundle of the long variant has the graphs for it if adafocus export made it with --incremental."
            )
        return self._parts.encode(self.glance_pixels.apply(frame[None]))

    def recognize_clip(
        self,
        clip: Clip,
        *,
        glance_features: FeatureStore | None = None,
        boxes: Boxes = "policy",
        frames: Frames = "policy",
        shape: Shape = "deformable",
        seed: Seed = 0,
        stop_after: Stage = "focus",
        started: float | None = None,
    ) -> Prediction:
        """Answer decoded frames.

        Args:
            clip: from :func:`adafocus.edge.video.clip.read_clip`.
            glance_features: what is known of frames of earlier clips, by the clip's ``glance_names``; what is new is
                added. Without effect where the glance is taken whole.
            boxes: ``centre`` keeps the size of the policy's box but looks at the middle of the frame, ``random``
                anywhere; ``full`` looks at the whole frame. See :func:`adafocus.edge.policy.place_boxes`.
            frames: ``uniform`` spreads the focus frames evenly, ``random`` draws them.
            shape: ``fixed`` looks around the middle of the policy's box, at a square of the patch's own size.
            seed: of random boxes and frames; the same seed draws the same.
            stop_after: ``glance`` answers from the glance alone.
            started: ``time.perf_counter()`` when reading the clip began, for all of that to count as decoding; None:
                the times that the clip itself states.

        Raises:
            AdafocusError: there are no such boxes, frames or shapes.
        """
        watch = Stopwatch()
        thresholds = self._thresholds
        glance, encoded = self._glance(clip, glance_features, watch)
        trace = Trace([glance], [], [], [], NO_FRAMES, NO_BOXES, self._no_patches, NO_WEIGHTS, encoded)
        sure = self._passed(trace, self._real(glance, "glance_logits").reshape(-1), thresholds, watch)
        if sure or stop_after == "glance":
            return self._prediction(clip, trace, watch, started)
        policy = self._run("policy", {"features": self._handed(glance, "features", "policy")}, watch)
        trace.calls.append(policy)
        trace.frame_weights = self._decided(policy, "frame_weights")
        trace.chosen = self._choose(trace.frame_weights, frames, seed)
        trace.boxes = self._boxes(policy, trace.chosen, boxes, shape, seed)
        watch.lap("select")
        self._focus(clip, glance, trace, thresholds, watch)
        return self._prediction(clip, trace, watch, started)

    def _glance(self, clip: Clip, store: FeatureStore | None, watch: Stopwatch) -> tuple[StageCall, int]:
        """The answer of the glance, and how many frames were encoded for it."""
        parts = self._parts
        if parts is None:
            pixels = self.glance_pixels.apply(clip.glance)
            watch.lap("pixels")
            return self._run("glance", {"frames": pixels}, watch), len(clip.glance)
        if store is None or clip.glance_names is None:
            store, names = FeatureStore(), tuple(range(len(clip.glance)))
        else:
            names = clip.glance_names

        def pixels_of(place: int) -> NDArray[np.generic]:
            watch.lap("glance")
            pixels = self.glance_pixels.apply(clip.glance[place : place + 1])
            watch.lap("pixels")
            return pixels

        watch.lap("other")
        features, encoded = parts.collect(names, store, pixels_of)
        answers = parts.join(features)
        watch.lap("glance")
        return StageCall("glance", {"features": features}, answers), encoded

    def _focus(
        self, clip: Clip, glance: StageCall, trace: Trace, thresholds: tuple[float, ...] | None, watch: Stopwatch
    ) -> None:
        """Cut and look at the patches, as many at a time as the graph takes, until an exit is sure."""
        at_once, size = self._patches_at_once, self._geometry.patch_size
        trace.patches = np.empty((len(trace.chosen), size, size, 3), np.uint8)
        source = glance
        for start in range(0, len(trace.chosen), at_once):
            frames = [clip.candidates[candidate] for candidate in trace.chosen[start : start + at_once].tolist()]
            watch.lap("resize")
            pixels = self._cut(frames, trace, start)
            trace.seen = start + len(frames)
            watch.lap("crop")
            context = self._handed(source, "context", "focus")
            source = self._run("focus", {"patches": pixels, "context": context}, watch)
            trace.calls.append(source)
            for logits in self._real(source, "logits").reshape(-1, len(self.bundle.manifest.labels)):
                if self._passed(trace, logits, thresholds, watch):
                    return

    def _cut(self, frames: Sequence[NDArray[np.uint8]], trace: Trace, start: int) -> NDArray[np.generic]:
        """Cut patches out of their frames, ``(n, 3, P, P)`` as the focus takes them."""
        size, stop = self._geometry.patch_size, start + len(frames)
        patches = trace.patches[start:stop]
        for frame, box, patch in zip(frames, trace.boxes[start:stop], patches, strict=True):
            crop_patch(frame, box, size, self._fill, patch)
        return self._focus_pixels.apply(patches)

    def _spared(self, clip: Clip, trace: Trace) -> int:
        """Multiply-accumulates of glance frames that were known."""
        return 0 if self._parts is None else (len(clip.glance) - trace.encoded) * self._parts.encode_macs

    def _passed(
        self, trace: Trace, logits: NDArray[np.float32], thresholds: tuple[float, ...] | None, watch: Stopwatch
    ) -> bool:
        """Note what an exit says and how sure it is; whether that is enough to stop."""
        exits = self.bundle.manifest.exits
        index = len(trace.confidences)
        trace.logits.append(logits)
        trace.confidences.append(confidence(logits, exits.criterion, exits.temperature))
        trace.passed_ms.append(watch.elapsed_ms())
        if thresholds is None or index == len(thresholds):
            return False
        return trace.confidences[index] >= thresholds[index]

    def _choose(self, weights: NDArray[np.float32], frames: Frames, seed: Seed) -> NDArray[np.int64]:
        _known("frames", frames, CHOICES)
        return CHOICES[frames](weights, self._geometry.candidate_frames, self._geometry.focus_frames, seed)

    def _boxes(
        self, policy: StageCall, chosen: NDArray[np.int64], boxes: Boxes, shape: Shape, seed: Seed
    ) -> NDArray[np.float32]:
        """A box for each chosen frame, ``(n, 4)``; the policy gives one for the clip, or one for every candidate.

        Runtimes round the policy's floats differently in the last place. In whole pixels they all give the same box,
        and so the very same patches; and such boxes are cut out fast.
        """
        _known("boxes", boxes, PLACES)
        _known("shape", shape, SHAPES)
        size = self._geometry.frame_size
        given = whole_pixels(self._decided(policy, "boxes").reshape(-1, 4), size)
        picked = given if len(given) == 1 else given[chosen]
        placed = whole_pixels(place_boxes(picked, boxes, shape, self._patch_side, seed), size)
        return np.repeat(placed, len(chosen), 0) if len(given) == 1 else placed

    def _run(self, stage: Stage, arrays: Arrays, watch: Stopwatch) -> StageCall:
        watch.lap("other")
        answers = self.graphs[stage].run(arrays)
        watch.lap(stage)
        return StageCall(stage, arrays, answers)

    def _real(self, call: StageCall, name: str) -> NDArray[np.float32]:
        return dequantize(call.outputs[name], self._outputs[call.stage, name])

    def _decided(self, policy: StageCall, name: str) -> NDArray[np.float32]:
        """What the policy says of places in time and space, which only numbers can name."""
        values = self._real(policy, name)
        if not math.isfinite(sum(values.reshape(-1).tolist())):
            raise BundleError(f"The policy of {self.bundle.path} answers {name} that are no numbers. Convert it again.")
        return values

    def _handed(self, call: StageCall, name: str, stage: Stage) -> NDArray[np.generic]:
        """An output of one call in the form that a later one takes."""
        return convert(call.outputs[name], self._outputs[call.stage, name], self._inputs[stage, name])

    def _prediction(self, clip: Clip, trace: Trace, watch: Stopwatch, started: float | None) -> Prediction:
        labels, seen = self.bundle.manifest.labels, trace.seen
        logits = trace.logits[-1]
        best = int(logits.argmax())
        score = trace.confidences[-1] if self._sureness_is_the_score else float(softmax(logits)[best])
        if math.isnan(score):
            raise BundleError(f"The answer of {self.bundle.path} is no number. Convert the model again.")
        candidates = tuple(trace.chosen[:seen].tolist())
        frames = tuple(int(clip.candidate_indices[candidate]) for candidate in candidates)
        exit_index = len(trace.confidences) - 1
        watch.lap("other")
        self._last = Prediction(
            label=labels[best],
            score=score,
            exit_stage=trace.calls[-1].stage,
            exit_index=exit_index,
            confidences=tuple(trace.confidences),
            frame_indices=frames,
            boxes=trace.boxes[:seen],
            candidate_indices=candidates,
            patches=trace.patches[:seen],
            frame_weights=trace.frame_weights,
            exit_logits=tuple(trace.logits),
            exit_ms=tuple(clip.resize_ms + passed for passed in trace.passed_ms),
            labels=labels,
            timing_ms=_timing(clip, watch, started),
            macs=self.exit_macs[exit_index] - self._spared(clip, trace),
            glance_encoded=trace.encoded,
            warnings=clip.warnings,
            calls=tuple(trace.calls),
        )
        return self._last


def _known(what: str, name: str, table: Collection[str]) -> None:
    if name not in table:
        raise AdafocusError(f"{what} is {name!r}, expected one of {', '.join(table)}.")


def _timing(clip: Clip, watch: Stopwatch, started: float | None) -> dict[str, float]:
    """Milliseconds by part; what passed before this call and was not resizing is reading, so it counts as decoding."""
    before = 0.0 if started is None else watch.before(started)
    decode = max(clip.decode_ms, before - clip.resize_ms)
    laps = watch.spent_ms
    spent = {"decode": decode, **laps, "resize": clip.resize_ms + laps.get("resize", 0.0)}
    return {**spent, "total": sum(spent.values())}


def _pixel_table(spec: TensorSpec, mean: tuple[float, float, float], std: tuple[float, float, float]) -> PixelTable:
    return PixelTable.build(mean, std, spec.dtype, spec.scale, spec.zero_point)
