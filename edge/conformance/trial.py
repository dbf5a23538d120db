"""A small made-up bundle, whose graphs answer what a vector says they do."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import (
    Exits,
    FileRecord,
    Geometry,
    Golden,
    GraphFile,
    Manifest,
    Provenance,
    Stage,
    TensorSpec,
)
from adafocus.edge.runtime_table import DEFAULT_RUNTIME
from adafocus.edge.runtimes.graph import Arrays

LABELS = ("walk", "run", "jump", "swim", "climb")
GLANCE_FRAMES, CANDIDATES, FOCUS_FRAMES = 3, 8, 4
FRAME, SHORT, GLANCE, PATCH = 32, 36, 16, 16
MACS: dict[str, int] = {"glance": 1_000_000, "policy": 10_000, "focus": 500_000}
MEAN, STD = (0.4549019607843137, 0.45, 0.4), (0.25098039215686274, 0.25, 0.225)
NOTHING = "0" * 64
# what a made-up graph is given for each call, and what it answers
Answers = dict[Stage, list[Arrays]]
Variant = Literal["long", "tsm", "x3d"]


def _spec(name: str, dtype: str, scale: float | None, zero_point: int | None, *shape: int) -> TensorSpec:
    return TensorSpec(name=name, shape=shape, dtype=dtype, scale=scale, zero_point=zero_point)  # type: ignore[arg-type]


def trial_manifest(variant: Variant, boxes: int, exits: Exits, **looking: Any) -> Manifest:
    """Describe a made-up bundle.

    Args:
        variant: ``long`` calls its focus twice, with two exits each time.
        boxes: how many the policy gives: 1, or one for each candidate.
        exits: how it stops early.
        looking: fields of the geometry that say where the focus looks.
    """
    classes, at_once = len(LABELS), 2 if variant == "long" else FOCUS_FRAMES
    context = _spec("context", "int8", 0.125, 3, 1, classes)
    answers = [_spec("logits", "int8", 0.25, -3, at_once if variant == "long" else 1, classes)]
    if variant == "long":
        answers.append(_spec("context", "int8", 0.25, -3, 1, classes))
    tensors: dict[Stage, tuple[list[TensorSpec], list[TensorSpec]]] = {
        "glance": (
            [_spec("frames", "int8", 0.015625, -12, GLANCE_FRAMES, 3, GLANCE, GLANCE)],
            [
                _spec("features", "int8", 0.0625, 4, GLANCE_FRAMES, 6),
                _spec("glance_logits", "int8", 0.25, -3, 1, classes),
                _spec("context", "int8", 0.0625, -8, 1, classes),
            ],
        ),
        "policy": (
            [_spec("features", "float32", None, None, GLANCE_FRAMES, 6)],
            [
                _spec("boxes", "float32", None, None, boxes, 4),
                _spec("frame_weights", "float32", None, None, GLANCE_FRAMES),
            ],
        ),
        "focus": ([_spec("patches", "uint8", 0.015625, 116, at_once, 3, PATCH, PATCH), context], answers),
    }
    geometry = Geometry(
        variant=variant,
        glance_frames=GLANCE_FRAMES,
        candidate_frames=CANDIDATES,
        focus_frames=FOCUS_FRAMES,
        frame_size=FRAME,
        short_side=SHORT,
        glance_size=GLANCE,
        patch_size=PATCH,
        mean=MEAN,
        std=STD,
        **looking,
    )
    graphs = {
        stage: {
            DEFAULT_RUNTIME: GraphFile(
                file=f"graphs/{stage}.tflite",
                sha256=NOTHING,
                bytes=1,
                precision="int8",
                inputs=tuple(given),
                outputs=tuple(answered),
                macs=MACS[stage],
            )
        }
        for stage, (given, answered) in tensors.items()
        if stage in geometry.stage_names
    }
    nothing = FileRecord(file="golden/clip.npz", sha256=NOTHING, bytes=1)
    return Manifest(
        schema_version=1,
        name="vectors",
        preset="vectors",
        geometry=geometry,
        labels=LABELS,
        stages=graphs,
        exits=exits,
        golden=Golden(source="none", runtime=DEFAULT_RUNTIME, frames=nothing, answers=nothing),
        provenance=Provenance(model="none", model_sha256=NOTHING, packages={}),
    )


def trial_bundle(manifest: Manifest) -> Bundle:
    """Return a bundle of a manifest that has no files."""
    return Bundle(Path("vectors"), manifest)


def codes(values: list[int], *shape: int) -> NDArray[np.int8]:
    """Return int8 numbers of a shape."""
    return np.array(values, np.int8).reshape(shape)


class AnsweringGraph:
    """A graph that answers its n-th call with the n-th of given answers."""

    def __init__(self, record: GraphFile, answers: list[Arrays]) -> None:
        self.inputs, self.outputs = record.inputs, record.outputs
        self._answers = list(answers)

    def run(self, arrays: Arrays) -> Arrays:
        """Answer the next call."""
        return self._answers.pop(0)


class AnsweringOpener:
    """Opens graphs that answer as they are told to."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def __call__(self, name: str, path: Path, record: GraphFile, threads: int) -> AnsweringGraph:
        """Return a graph; its stage is the name of its file."""
        return AnsweringGraph(record, self._answers.get(path.stem, []))  # type: ignore[call-overload]
