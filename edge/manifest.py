"""The manifest of a bundle: a strict schema. Unknown keys, missing keys and other versions are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.errors import BundleError

SCHEMA_VERSION = 1

Stage = Literal["glance", "policy", "focus"]
Runtime = Literal["litert", "tflite", "onnx", "executorch", "coreml"]
Precision = Literal["fp32", "fp16", "int8"]
Count = Annotated[int, Field(ge=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Colour = tuple[float, float, float]

STAGES: tuple[Stage, ...] = ("glance", "policy", "focus")
# tensors that a stage's graph must have, by the names of the contract
TENSORS: dict[Stage, tuple[str, ...]] = {
    "glance": ("frames", "features", "glance_logits", "context"),
    "policy": ("features", "boxes", "frame_weights"),
    "focus": ("patches", "context", "logits"),
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TensorSpec(_Part):
    """Name, shape and number type of one input or output; real = scale * (value - zero_point) for integers."""

    name: str
    shape: tuple[int, ...]
    dtype: Literal["float32", "float16", "int8", "uint8", "int32"]
    scale: float | None = None
    zero_point: int | None = None


class GraphFile(_Part):
    """One converted stage. ``inputs`` and ``outputs`` stand in the graph's own order.

    ``proved_by`` says what answered like the trained program before the file was packed: the runtime itself, or, for
    Core ML away from Apple's systems, an evaluator of its program.
    """

    file: str
    sha256: Sha256
    bytes: Count
    precision: Precision
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    macs: Count
    proved_by: Literal["runtime", "evaluator"] = "runtime"
    delegates: int | None = None
    delegated_share: float | None = None


class Geometry(_Part):
    """Frame counts, sizes in pixels and normalisation, as the network was trained."""

    variant: Literal["long", "tsm", "x3d"]
    glance_frames: Count
    candidate_frames: Count
    focus_frames: Count
    frame_size: Count
    short_side: Count
    glance_size: Count
    patch_size: Count
    mean: Colour
    std: Colour


class ExitBudget(_Part):
    """Thresholds, one per exit but the last, that meet a mean budget per clip."""

    unit: Literal["GMAC", "ms", "J"]
    budget: float
    thresholds: tuple[float, ...]


class Exits(_Part):
    """How sure is sure enough: the criterion and, where they were calibrated, thresholds by budget."""

    criterion: Literal["softmax", "logit", "entropy"] = "softmax"
    temperature: Annotated[float, Field(gt=0)] = 1.0
    budgets: tuple[ExitBudget, ...] = ()


class Measured(_Part):
    """One measured figure of the model in this bundle."""

    dataset: str
    split: str
    n: Count
    metric: str
    value: float


class FileRecord(_Part):
    """A file of the bundle that is not a graph."""

    file: str
    sha256: Sha256
    bytes: Count


class Golden(_Part):
    """One real clip as decoded frames, and what every stage and the whole must answer, on the grids of ``runtime``.

    ``label`` is the best label of the clip, None in bundles that were made before labels were checked.
    """

    source: str
    runtime: Runtime
    frames: FileRecord
    answers: FileRecord
    label: str | None = None


class Provenance(_Part):
    """Where the bundle comes from."""

    model: str
    model_sha256: Sha256
    packages: dict[str, str]
    created: str | None = None


class Manifest(_Part):
    """Everything a device needs to know about a bundle."""

    schema_version: Literal[1]
    name: str
    preset: str
    geometry: Geometry
    labels: tuple[str, ...]
    stages: dict[Stage, dict[Runtime, GraphFile]]
    exits: Exits = Exits()
    measured: tuple[Measured, ...] = ()
    golden: Golden
    provenance: Provenance

    def files(self) -> list[FileRecord | GraphFile]:
        """Every file that the manifest names."""
        graphs = [graph for runtimes in self.stages.values() for graph in runtimes.values()]
        return [*graphs, self.golden.frames, self.golden.answers]

    def macs(self, stage: Stage) -> int:
        """Multiply-accumulates of one stage."""
        return next(iter(self.stages[stage].values())).macs


def parse_manifest(text: str, where: Path) -> Manifest:
    """Read a manifest.

    Raises:
        BundleError: the sentence names the key, what was found and what was expected.
    """
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise BundleError(f"{where} is not valid JSON ({error}). Convert the model again: adafocus export") from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise BundleError(
            f"{where} has schema version {version!r}, this program reads version {SCHEMA_VERSION}. Convert the model "
            "again with this version (adafocus export), or install the version of adafocus-edge that made the bundle."
        )
    try:
        manifest = Manifest.model_validate(content)
    except ValidationError as error:
        raise BundleError(f"{where}: {_first_problem(error)} Convert the model again: adafocus export") from error
    missing = [stage for stage in STAGES if not manifest.stages.get(stage)]
    if missing:
        raise BundleError(f"{where} has no graph for {', '.join(missing)}, expected {', '.join(STAGES)}.")
    contradiction = _contradiction(manifest)
    if contradiction:
        raise BundleError(f"{where}: {contradiction} Convert the model again: adafocus export")
    return manifest


def _contradiction(manifest: Manifest) -> str | None:
    """The first sentence on parts of a manifest that cannot both be true."""
    geometry, stages = manifest.geometry, manifest.stages
    if geometry.focus_frames > geometry.candidate_frames:
        return (
            f"focus_frames is {geometry.focus_frames}, expected at most {geometry.candidate_frames} candidate frames."
        )
    glance = (geometry.glance_frames, 3, geometry.glance_size, geometry.glance_size)
    patch = (3, geometry.patch_size, geometry.patch_size)
    for stage, runtimes in stages.items():
        for runtime, graph in runtimes.items():
            shapes = {spec.name: spec.shape for spec in (*graph.inputs, *graph.outputs)}
            unnamed = set(TENSORS[stage]) - set(shapes)
            if unnamed:
                return f"the {stage} graph for {runtime} has no tensor {sorted(unnamed)[0]!r}."
            if stage == "glance" and shapes["frames"] != glance:
                return f"frames of the glance graph have the shape {shapes['frames']}, but the geometry says {glance}."
            if stage == "focus" and shapes["patches"][1:] != patch:
                return (
                    f"patches of the focus graph have the shape {shapes['patches']}, but patch_size says {patch} each."
                )
            answer = {"glance": "glance_logits", "focus": "logits"}.get(stage)
            if answer and shapes[answer][-1:] != (len(manifest.labels),):
                return f"there are {len(manifest.labels)} labels, but {answer} has the shape {shapes[answer]}."
    return None


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key!r}, expected only the keys of schema version {SCHEMA_VERSION}."
    if problem["type"] == "missing":
        return f"the key {key!r} is missing."
    return f"{key!r} is {problem['input']!r}: {problem['msg'].lower()}."
