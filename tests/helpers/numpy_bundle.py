"""A bundle whose graphs are a few lines of numpy, so that a test can say the confidence of each exit.

The brighter a clip, the more confident its glance. In the ``long`` form the focus takes two patches a call and gives
an exit after each; its logits are the glance's plus a step per patch, so confidence grows patch by patch. It may also
have the glance in two parts. That of the ``tsm`` form then looks at the past alone: its second feature is the sum of
the brightness of all frames before, each half as much as the one after it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import PARTS, Exits, Geometry, GraphFile, Manifest, TensorSpec
from adafocus.edge.runtime_table import DEFAULT_RUNTIME
from adafocus.edge.runtimes.graph import Arrays
from adafocus.edge.video.clip import Clip
from adafocus.edge.video.kept_frames import Candidates

LABELS = ("walk", "run", "jump", "swim")
# geometries whose boxes lie in the whole frame, by what says where the focus looks
WHOLE: dict[str, Any] = {"boxes_in": "frame", "glance_fit": "squeezed"}
MOTION: dict[str, Any] = {**WHOLE, "policy": "motion", "focus_span": "spread", "box_min": 0.5}
GLANCE_FRAMES, CANDIDATES, FOCUS_FRAMES, SIZE, PATCH = 4, 12, 6, 16, 8
MACS = {"glance": 1_000_000, "policy": 10_000, "focus": 500_000}
PART_MACS = {"encode": 240_000, "join": 40_000}
# logit of the best label after the glance of a white clip, and what a patch adds
BRIGHTEST, STEP = 6.0, 0.5
AT_ONCE = {"long": 2, "tsm": FOCUS_FRAMES}
SHA = "0" * 64


def _spec(name: str, *shape: int) -> TensorSpec:
    return TensorSpec(name=name, shape=shape, dtype="float32")


def numpy_manifest(
    variant: str = "tsm",
    exits: Exits | None = None,
    incremental: bool = False,
    runtime: str = DEFAULT_RUNTIME,
    **looking: Any,
) -> Manifest:
    """Describe the graphs; ``looking`` are fields of the geometry that say where the focus looks."""
    at_once, classes = AT_ONCE[variant], len(LABELS)
    glance = [_spec("features", GLANCE_FRAMES, 2), _spec("glance_logits", 1, classes), _spec("context", 1, classes)]
    logits = [_spec("logits", 2, classes), _spec("context", 1, classes)] if variant == "long" else None
    tensors = {
        "glance": ([_spec("frames", GLANCE_FRAMES, 3, SIZE, SIZE)], glance),
        "policy": ([_spec("features", GLANCE_FRAMES, 2)], [_spec("boxes", 1, 4), _spec("frame_weights", 4)]),
        "focus": (
            [_spec("patches", at_once, 3, PATCH, PATCH), _spec("context", 1, classes)],
            logits or [_spec("logits", 1, classes)],
        ),
        "encode": (
            [_spec("frames", 1, 3, SIZE, SIZE), *(past := [_spec("past_0", 1, 1)] if variant == "tsm" else [])],
            [_spec("features", 1, 2), *past],
        ),
        "join": ([_spec("features", GLANCE_FRAMES, 2)], glance[1:]),
    }
    graphs = {
        stage: {
            runtime: GraphFile(
                file=f"graphs/{stage}.tflite",
                sha256=SHA,
                bytes=1,
                precision="fp32",
                inputs=tuple(given),
                outputs=tuple(answered),
                macs=(MACS | PART_MACS)[stage],
            )
        }
        for stage, (given, answered) in tensors.items()
    }
    record = {"file": "golden/x.npz", "sha256": SHA, "bytes": 1}
    content: dict[str, Any] = {
        "schema_version": 1,
        "name": "numpy",
        "preset": "numpy",
        "labels": LABELS,
        "incremental": {part: graphs[part] for part in PARTS} if incremental else {},
        "golden": {"source": "none", "runtime": runtime, "frames": record, "answers": record},
        "provenance": {"model": "none", "model_sha256": SHA, "packages": {}},
    }
    geometry = Geometry(
        variant=variant,  # type: ignore[arg-type]
        glance_frames=GLANCE_FRAMES,
        candidate_frames=CANDIDATES,
        focus_frames=FOCUS_FRAMES,
        frame_size=SIZE,
        short_side=SIZE,
        glance_size=SIZE,
        patch_size=PATCH,
        std=(1.0, 1.0, 1.0),
        **{"mean": (0.0, 0.0, 0.0), **looking},
    )
    stages = {stage: graphs[stage] for stage in geometry.stage_names}
    return Manifest(**content, stages=stages, geometry=geometry, exits=exits or Exits())


class NumpyGraph:
    """One stage; ``calls`` counts how often any stage was run, by its name."""

    def __init__(self, stage: str, record: GraphFile, calls: dict[str, int], looks_back: bool = False) -> None:
        self.stage, self.calls, self.looks_back = stage, calls, looks_back
        self.inputs, self.outputs = record.inputs, record.outputs

    def run(self, arrays: Arrays) -> Arrays:
        self.calls[self.stage] = self.calls.get(self.stage, 0) + 1
        for spec in self.inputs:
            assert (arrays[spec.name].shape, arrays[spec.name].dtype.name) == (spec.shape, spec.dtype), spec.name
        return getattr(self, f"_{self.stage}")(arrays)

    def _glance(self, arrays: Arrays) -> Arrays:
        features = {"features": self._encode(arrays)["features"]}
        return {**features, **self._join(features)}

    def _encode(self, arrays: Arrays) -> Arrays:
        brightness = arrays["frames"].mean((1, 2, 3))
        if not self.looks_back:
            return {"features": np.stack([brightness, np.zeros_like(brightness)], axis=1)}
        past, rows = arrays.get("past_0", np.zeros((1, 1), np.float32)), []
        for one in brightness:
            rows.append([one, past.item()])
            past = (past + one) / 2
        return {"features": np.array(rows, np.float32), "past_0": past.astype(np.float32)}

    def _join(self, arrays: Arrays) -> Arrays:
        logits = np.zeros((1, len(LABELS)), np.float32)
        logits[0, 1] = BRIGHTEST * arrays["features"][:, 0].mean()
        return {"glance_logits": logits, "context": logits}

    def _policy(self, arrays: Arrays) -> Arrays:
        weights = np.full(GLANCE_FRAMES, 1 / GLANCE_FRAMES, np.float32)
        return {"boxes": np.array([[0.25, 0.25, 0.5, 0.5]], np.float32), "frame_weights": weights}

    def _focus(self, arrays: Arrays) -> Arrays:
        step = np.zeros((1, len(LABELS)), np.float32)
        step[0, 1] = STEP
        context = arrays["context"].astype(np.float32)
        if len(self.outputs) == 1:
            return {"logits": context + step * len(arrays["patches"])}
        rows = [context + step * (place + 1) for place in range(len(arrays["patches"]))]
        return {"logits": np.concatenate(rows), "context": rows[-1]}


class NumpyOpener:
    """What a recognizer opens graphs with; see :class:`NumpyGraph`."""

    def __init__(self, looks_back: bool = False) -> None:
        self.calls: dict[str, int] = {}
        self.looks_back = looks_back

    def __call__(self, name: str, path: Path, record: GraphFile, threads: int) -> NumpyGraph:
        return NumpyGraph(path.stem, record, self.calls, self.looks_back)


def numpy_bundle(variant: str = "tsm", exits: Exits | None = None, incremental: bool = False, **looking: Any) -> Bundle:
    return Bundle(Path("/nowhere"), numpy_manifest(variant, exits, incremental, **looking))


def clip_of(brightness: int) -> Clip:
    """Return a clip of one grey, 0..255."""
    glance = np.full((GLANCE_FRAMES, SIZE, SIZE, 3), brightness, np.uint8)
    candidates = np.full((CANDIDATES, SIZE, SIZE, 3), brightness, np.uint8)
    return Clip(glance, Candidates(candidates), np.arange(GLANCE_FRAMES) * 3, np.arange(CANDIDATES), CANDIDATES, 25.0)
