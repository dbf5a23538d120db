"""The recognizer: glance, maybe stop, decide, crop, focus, predict."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import Stage
from adafocus.edge.incremental import FeatureStore
from adafocus.edge.look import Advice, Looker, Wish
from adafocus.edge.policy import Boxes, Frames, Seed, Shape
from adafocus.edge.prediction import Prediction, StageCall, Trace
from adafocus.edge.runtime_table import DEFAULT_RUNTIME
from adafocus.edge.runtimes import Opener, open_graph
from adafocus.edge.runtimes.graph import place_of, places_in_words
from adafocus.edge.stages import Stages
from adafocus.edge.video.clip import Clip, read_clip
from adafocus.edge.video.patches import crop_patch, cut_patch
from adafocus.edge.video.pixels import rgb_pixels
from adafocus.errors import AdafocusError, BundleError, SourceError

__all__ = ["Boxes", "Frames", "Prediction", "Recognizer", "Shape", "StageCall"]

MIN_MAX_THREADS = 8


class Recognizer:
    """A bundle opened in one runtime.

    Threads may share a recognizer: a lock lets one clip at a time through, and the others wait. Clips that are to be
    recognized side by side, or with other :attr:`thresholds`, need a recognizer each; the lock does not guard
    :attr:`graphs` that are run without the recognizer. A process that was forked opens its own: the threads of a
    runtime do not survive a fork, and what was opened before it is refused. The graphs are loaded when the recognizer
    is opened, so it goes on answering after its bundle was closed.

    Attributes:
        bundle: whose graphs run.
        runtime: ``litert``, ``tflite``, ...
        threads: CPU threads of the runtime.
        accelerator: what the graphs but the policy were opened on; None: the runtime's usual processor.
        graphs: the opened stages, without the glance where it runs frame by frame.
        glance_pixels: turns glance frames into what the glance's graph takes.
        exit_macs: multiply-accumulates of a clip that stops at each exit: at the glance, then at those of the focus. An
            exit inside a call of the focus costs the whole call. All glance frames count, also where some are known.

    Example:
        >>> recognizer = Recognizer.open("bundle", threads=1)
        >>> prediction = recognizer.recognize("video.mp4")
        >>> prediction.exit_stage, len(prediction.frame_indices)
        ('focus', 8)
        >>> recognizer.thresholds = (0.0,)  # any glance is confident enough
        >>> recognizer.recognize("video.mp4").exit_stage
        'glance'
    """

    def __init__(
        self,
        bundle: Bundle,
        runtime: str,
        threads: int,
        exit_threshold: float | None,
        opener: Opener = open_graph,
        incremental: bool = False,
        accelerator: str | None = None,
    ) -> None:
        self.bundle, self.runtime, self.threads, self.accelerator = bundle, runtime, threads, accelerator
        manifest, geometry = bundle.manifest, bundle.manifest.geometry
        with bundle.in_its_name():
            stages = self._stages = Stages(bundle, runtime, threads, opener, incremental)
        self._geometry, self._parts, self.graphs = geometry, stages.parts, stages.graphs
        self.glance_pixels = stages.pixel_table("glance", "frames", geometry.mean, geometry.std)
        self._focus_pixels = stages.pixel_table("focus", "patches", geometry.mean, geometry.std)
        self._cut, self._fill = (crop_patch if geometry.boxes_in == "square" else cut_patch), geometry.mean_color
        self._looker = Looker(geometry)
        self._no_patches = np.empty((0, geometry.patch_size, geometry.patch_size, 3), np.uint8)
        self._patches_at_once = stages.inputs["focus", "patches"].shape[0]
        glance_macs = manifest.macs("glance")
        if self._parts is not None:
            glance_macs = geometry.glance_frames * self._parts.encode_macs + self._parts.join_macs
        self.exit_macs = manifest.exit_macs(bundle.graph("focus", runtime)[1], glance_macs)  # type: ignore[arg-type]
        self._thresholds: tuple[float, ...] | None = None
        # memory that is given back to the system comes again page by page, which costs more than what is done with it
        self._last: Prediction | None = None
        self._lock, self._process = threading.Lock(), os.getpid()
        if exit_threshold is not None:
            self.thresholds = (exit_threshold,) * (len(self.exit_macs) - 1)

    @property
    def ran_on(self) -> dict[str, str]:
        """Where each stage runs, in words: ``{"glance": "CPU", ...}``."""
        glance = {} if self._parts is None else {"glance": str(self._parts.place)}
        return {**glance, **{str(stage): str(place_of(graph)) for stage, graph in self.graphs.items()}}

    @property
    def elsewhere(self) -> str | None:
        """What runs where, in one line; None where it is all on the CPU and nothing else was asked for."""
        places = self.ran_on
        if self.accelerator is None and set(places.values()) == {"CPU"}:
            return None
        return f"ran on: {places_in_words(places)}"

    @property
    def incremental(self) -> bool:
        """Whether the glance runs frame by frame, so that frames that come again need not be encoded again."""
        return self._parts is not None

    @property
    def looks_back(self) -> bool:
        """Whether what the glance says of a frame depends on those before it, so that a stream's past goes on."""
        return self._parts is not None and self._parts.looks_back

    @property
    def thresholds(self) -> tuple[float, ...] | None:
        """Confidence at which each exit but the last is taken; None: never stop early. May be set between clips."""
        return self._thresholds

    @thresholds.setter
    def thresholds(self, values: Sequence[float] | None) -> None:
        wanted = len(self.exit_macs) - 1
        if values is not None and (len(values) != wanted or any(math.isnan(value) for value in values)):
            raise AdafocusError(
                f"Found {len(values)} thresholds ({', '.join(f'{value:g}' for value in values)}), expected {wanted} "
                "numbers, one for each exit but the last. Give as many, or None to never stop early."
            )
        self._thresholds = None if values is None else tuple(float(value) for value in values)

    @classmethod
    def open(
        cls,
        bundle: str | Path | Bundle,
        runtime: str = DEFAULT_RUNTIME,
        threads: int = 2,
        exit_threshold: float | None = None,
        *,
        incremental: bool = False,
        accelerator: str | None = None,
    ) -> Recognizer:
        """Open a bundle.

        Args:
            bundle: its path, or an opened bundle.
            runtime: a name of :data:`adafocus.edge.runtime_table.RUNTIMES`.
            threads: CPU threads of the runtime.
            exit_threshold: stop at the first exit whose confidence, by the bundle's criterion, reaches this; None:
                never. :attr:`thresholds` gives each exit its own.
            incremental: run the glance frame by frame, for a stream, where the bundle has the graphs for it; the
                predictions are the same. Where :attr:`looks_back`, those of a stream's later windows know more of the
                past than a clip does.
            accelerator: ``gpu``, ``npu`` or the name of one (:mod:`adafocus.edge.runtimes.accelerators`); None: the
                runtime's usual processor. Nothing falls back: :attr:`ran_on` says what runs where.

        Raises:
            AdafocusError: no bundle, a damaged one, a runtime that is not installed, or an accelerator that is not
                here.
        """
        most = max(MIN_MAX_THREADS, 2 * (os.cpu_count() or 1))
        if not 1 <= threads <= most:
            raise AdafocusError(f"threads is {threads}, expected 1 to {most} here. Use --threads 2.")
        opened = bundle if isinstance(bundle, Bundle) else Bundle.open(bundle)
        opener = open_graph if accelerator is None else partial(open_graph, accelerator=accelerator)
        return cls(opened, runtime, threads, exit_threshold, opener, incremental, accelerator)

    def recognize(self, video: str | Path) -> Prediction:
        """Recognize a video file.

        Args:
            video: the path of a video file, a folder of pictures or a .npy file.

        Raises:
            VideoError: not a video, or no frame of it can be decoded.
            AdafocusError: no path at all.
        """
        if not isinstance(video, str | os.PathLike):
            raise AdafocusError(
                f"Found a {type(video).__name__}, expected the path of a video. Frames that are in memory already are "
                "for recognize_clip: recognizer.recognize_clip(clip_from_frames([Frame(pixels, number, number / 25, "
                "'camera') for number, pixels in enumerate(bgr_arrays)], recognizer.bundle.manifest.geometry)), with "
                "from adafocus.edge.sources import Frame."
            )
        started = time.perf_counter()
        return self.recognize_clip(read_clip(video, self._geometry), started=started)

    def encode_frame(self, frame: NDArray[np.uint8]) -> NDArray[np.generic]:
        """Run the glance on one frame by itself, for the features to be kept in a :class:`FeatureStore`.

        Args:
            frame: ``(S, S, 3)`` uint8 RGB.

        Returns:
            ``(1, C, h, w)`` in the graph's own type.

        Raises:
            AdafocusError: this recognizer does not run the glance frame by frame, or not one frame without those
                before it, or was opened before a fork.
            SourceError: a frame of another type or shape.
        """
        if self._parts is None:
            raise AdafocusError(
                f"{self.bundle.shown} was not opened to run the glance frame by frame. Open it with incremental=True; "
                "a bundle of the long variant has the graphs for it if adafocus export made it with --incremental."
            )
        if self._parts.looks_back:
            raise AdafocusError(
                f"The glance of {self.bundle.shown} looks at the frames before, so it encodes no frame by itself. Give "
                "whole clips to recognize_clip, with a FeatureStore as glance_features."
            )
        self._refuse_fork()
        size = self._geometry.glance_size
        pixels = self.glance_pixels.apply(rgb_pixels(frame, (size, size, 3), "A frame of the glance")[None])
        with self._lock, self.bundle.in_its_name():
            return self._parts.encode(pixels)[0]

    def recognize_clip(
        self,
        clip: Clip,
        *,
        glance_features: FeatureStore | None = None,
        boxes: Boxes | NDArray[Any] = "policy",
        frames: Frames | NDArray[Any] = "policy",
        shape: Shape = "deformable",
        seed: Seed = 0,
        stop_after: Stage = "focus",
        started: float | None = None,
    ) -> Prediction:
        """Recognize decoded frames.

        Args:
            clip: from :func:`adafocus.edge.video.clip.read_clip`, ``clip_from_frames`` or a window; one that is made by
                hand must have the bundle's shapes, in uint8 RGB.
            glance_features: what is known of frames of earlier clips, by the clip's ``glance_names``; what is new is
                added. Without effect where the glance is one graph.
            boxes: ``centre`` keeps the size of the policy's box but looks at the middle of the frame, ``random``
                anywhere; ``full`` looks at the whole frame, ``motion`` at the square in which most changes. See
                :func:`adafocus.edge.policy.place_boxes`. An array ``(1, 4)`` or ``(n, 4)`` says where: y, x, height,
                width as fractions of the square or, where boxes lie in it, of the whole frame.
            frames: ``uniform`` spreads the focus frames evenly, ``random`` draws them, ``motion`` takes the run of
                candidates in which most changes. An array ``(n,)`` says which candidates, counted from 0, in order.
            shape: ``fixed`` looks around the middle of the policy's box, at a square of the patch's own size.
            seed: of random boxes and frames; the same seed draws the same.
            stop_after: ``glance`` predicts from the glance alone.
            started: ``time.perf_counter()`` when reading the clip began, for all of that to count as decoding; None:
                the times that the clip itself states.

        Raises:
            AdafocusError: there are no such boxes, frames or shapes, or this recognizer was opened before a fork.
            SourceError: a clip of other pixels than the bundle's geometry asks for.
        """
        self._refuse_fork()
        self._check_clip(clip)
        with self._lock, self.bundle.in_its_name():
            trace = Trace(clip, self.bundle.manifest.exits, self._thresholds, self._no_patches)
            glance = self._glance(trace, glance_features)
            if trace.stops(self._stages.real(glance, "glance_logits").reshape(-1)) or stop_after == "glance":
                return self._prediction(trace, started)
            wish = Wish(boxes, frames, shape, seed)
            look = self._looker.look(clip.candidates, wish, self._advice(trace, glance), trace.watch)
            trace.chosen, trace.boxes = look.frames, look.boxes
            self._focus(trace, glance)
            return self._prediction(trace, started)

    def _refuse_fork(self) -> None:
        """Refuse to run graphs in a process that was forked: their threads are gone, and it would wait forever."""
        if os.getpid() != self._process:
            raise AdafocusError(
                f"This recognizer was opened in process {self._process} and is used in process {os.getpid()}, which "
                "was forked from it, expected one opened here. Call Recognizer.open in each process, after the fork."
            )

    def _check_clip(self, clip: Clip) -> None:
        """Refuse a clip that the graphs were not made for; candidates are checked when they are looked at."""
        geometry = self._geometry
        if not isinstance(clip, Clip):
            raise SourceError(
                f"Found an object of the type {type(clip).__name__}, expected a clip: read_clip(path, geometry) or "
                "clip_from_frames(frames, geometry), with the geometry recognizer.bundle.manifest.geometry."
            )
        size = geometry.glance_size
        rgb_pixels(clip.glance, (geometry.glance_frames, size, size, 3), "The glance frames of the clip")
        for name, values in (("candidates", clip.candidates), ("candidate_indices", clip.candidate_indices)):
            count = len(values) if hasattr(values, "__len__") else 0
            if count != geometry.candidate_frames:
                raise SourceError(
                    f"The clip has {count} {name}, expected {geometry.candidate_frames}. Make it with clip_from_frames("
                    "frames, recognizer.bundle.manifest.geometry)."
                )

    def _glance(self, trace: Trace, store: FeatureStore | None) -> StageCall:
        """Run the glance, as one graph or frame by frame."""
        clip, watch, parts = trace.clip, trace.watch, self._parts
        if parts is None:
            pixels = self.glance_pixels.apply(clip.glance)
            watch.lap("pixels")
            call, trace.encoded = self._stages.run("glance", {"frames": pixels}, watch), len(clip.glance)
        else:
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
            features, trace.encoded = parts.collect(names, store, pixels_of)
            outputs = parts.join(features)
            watch.lap("glance")
            call = StageCall("glance", {"features": features}, outputs)
        trace.calls.append(call)
        return call

    def _advice(self, trace: Trace, glance: StageCall) -> Advice | None:
        """Run the policy; None where the policy is no network."""
        if "policy" not in self._stages.graphs:
            return None
        features = self._stages.handed(glance, "features", "policy")
        policy = self._stages.run("policy", {"features": features}, trace.watch)
        trace.calls.append(policy)
        trace.frame_weights = self._finite(policy, "frame_weights")
        return Advice(trace.frame_weights, self._finite(policy, "boxes").reshape(-1, 4))

    def _finite(self, policy: StageCall, name: str) -> NDArray[np.float32]:
        """Return an output of the policy, which must be numbers to name places in time and space."""
        values = self._stages.real(policy, name)
        if not math.isfinite(sum(values.reshape(-1).tolist())):
            raise BundleError(
                f"The policy of {self.bundle.shown} gives NaN or infinity as {name}, expected finite numbers. Convert "
                "the model again: adafocus export"
            )
        return values

    def _focus(self, trace: Trace, source: StageCall) -> None:
        """Look at the patches, as many at a time as the graph takes, until an exit stops; ``source`` is the glance."""
        at_once, size = self._patches_at_once, self._geometry.patch_size
        trace.patches = np.empty((len(trace.chosen), size, size, 3), np.uint8)
        for start in range(0, len(trace.chosen), at_once):
            chosen = trace.chosen[start : start + at_once].tolist()
            frames = self._looker.frames(trace.clip.candidates, chosen)
            trace.watch.lap("resize")
            patches = self._patches(frames, trace, start)
            trace.watch.lap("crop")
            context = self._stages.handed(source, "context", "focus")
            source = self._stages.run("focus", {"patches": patches, "context": context}, trace.watch)
            trace.calls.append(source)
            for logits in self._stages.real(source, "logits").reshape(-1, len(self.bundle.manifest.labels)):
                if trace.stops(logits):
                    return

    def _patches(
        self, frames: Sequence[tuple[NDArray[np.uint8], bool]], trace: Trace, start: int
    ) -> NDArray[np.generic]:
        """Cut patches out of their frames, some of which are BGR, ``(n, 3, P, P)`` as the focus takes them."""
        trace.seen = start + len(frames)
        patches = trace.patches[start : trace.seen]
        for (frame, bgr), box, patch in zip(frames, trace.boxes[start : trace.seen], patches, strict=True):
            self._cut(frame, box, self._geometry.patch_size, self._fill[::-1] if bgr else self._fill, patch)
            if bgr:
                cv2.cvtColor(patch, cv2.COLOR_BGR2RGB, dst=patch)
        return self._focus_pixels.apply(patches)

    def _prediction(self, trace: Trace, started: float | None) -> Prediction:
        """Return the prediction; glance frames that were known already cost nothing."""
        known = len(trace.clip.glance) - trace.encoded
        spared = 0 if self._parts is None else known * self._parts.encode_macs
        self._last = trace.prediction(self.bundle.manifest.labels, self.exit_macs, spared, started)
        if math.isnan(self._last.score):
            raise BundleError(
                f"The prediction of {self.bundle.shown} has the score NaN, expected a number. Convert the model again: "
                "adafocus export"
            )
        return self._last
