"""The manifest of a bundle: a strict schema. Unknown keys, missing keys and other versions are refused."""

from __future__ import annotations

import math
import unicodedata
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from edge import strict_json
from edge.errors import BundleError
from edge.limits import (
    MOST_BUNDLE_BYTES,
    MOST_CLIP_BYTES,
    MOST_COUNT,
    MOST_FRAMES,
    MOST_MANIFEST_BYTES,
    MOST_SIDE_PX,
    MOST_TENSOR_NUMBERS,
    MOST_TEXT_CHARACTERS,
)

SCHEMA_VERSION = 1
SHOWN_CHARACTERS = 80

Stage = Literal["glance", "policy", "focus"]
# the glance in two graphs: what it says of each frame, and what it says of those together
Part = Literal["encode", "join"]
Runtime = Literal["litert", "tflite", "onnx", "executorch", "coreml"]
Precision = Literal["fp32", "fp16", "int8"]
Count = Annotated[int, Field(ge=1, le=MOST_COUNT)]
Frames = Annotated[int, Field(ge=1, le=MOST_FRAMES)]
Side = Annotated[int, Field(ge=1, le=MOST_SIDE_PX)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Deviation = Annotated[float, Field(ge=1e-6, le=1e6)]


def _printable(text: str) -> str:
    # what a terminal obeys instead of showing it has no place in a label or a name
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise ValueError("it holds control characters")
    return text


Text = Annotated[str, Field(max_length=MOST_TEXT_CHARACTERS), AfterValidator(_printable)]
Label = Annotated[str, Field(min_length=1, max_length=MOST_TEXT_CHARACTERS), AfterValidator(_printable)]

STAGES: tuple[Stage, ...] = ("glance", "policy", "focus")
PARTS: tuple[Part, ...] = ("encode", "join")
# tensors of a stage's graph, by the names of the contract; the focus also answers its context where it has another call
INPUTS: dict[Stage | Part, tuple[str, ...]] = {
    "glance": ("frames",),
    "policy": ("features",),
    "focus": ("patches", "context"),
    "encode": ("frames",),
    "join": ("features",),
}
OUTPUTS: dict[Stage | Part, tuple[str, ...]] = {
    "glance": ("features", "glance_logits", "context"),
    "policy": ("boxes", "frame_weights"),
    "focus": ("logits",),
    "encode": ("features",),
    "join": ("glance_logits", "context"),
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TensorSpec(_Part):
    """Name, shape and number type of one input or output; real = scale * (value - zero_point) for integers."""

    name: Text
    shape: tuple[Count, ...]
    dtype: Literal["float32", "float16", "int8", "uint8", "int32"]
    scale: float | None = None
    zero_point: int | None = None


class GraphFile(_Part):
    """One converted stage. ``inputs`` and ``outputs`` stand in the graph's own order.

    ``proved_by`` says what answered like the trained program before the file was packed: the runtime itself, or, for
    Core ML away from Apple's systems, an evaluator of its program.
    """

    file: Text
    sha256: Sha256
    bytes: Count
    precision: Precision
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    macs: Count
    proved_by: Literal["runtime", "evaluator"] = "runtime"
    delegates: Annotated[int, Field(ge=0, le=MOST_COUNT)] | None = None
    delegated_share: Share | None = None


class Geometry(_Part):
    """Frame counts, sizes in pixels and normalisation, as the network was trained."""

    variant: Literal["long", "tsm", "x3d"]
    glance_frames: Frames
    candidate_frames: Frames
    focus_frames: Frames
    frame_size: Side
    short_side: Side
    glance_size: Side
    patch_size: Side
    mean: tuple[Share, Share, Share]
    std: tuple[Deviation, Deviation, Deviation]


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

    dataset: Text
    split: Text
    n: Count
    metric: Text
    value: float


class FileRecord(_Part):
    """A file of the bundle that is not a graph."""

    file: Text
    sha256: Sha256
    bytes: Count


class Golden(_Part):
    """One real clip as decoded frames, and what every stage and the whole must answer, on the grids of ``runtime``.

    ``label`` is the best label of the clip, None in bundles that were made before labels were checked.
    """

    source: Text
    runtime: Runtime
    frames: FileRecord
    answers: FileRecord
    label: Text | None = None


class Provenance(_Part):
    """Where the bundle comes from."""

    model: Text
    model_sha256: Sha256
    packages: dict[Text, Text]
    created: Text | None = None


class Manifest(_Part):
    """Everything a device needs to know about a bundle.

    ``incremental`` is an extra of the ``long`` variant: the glance in two parts, of which a stream calls ``encode``
    for new frames only. Where it is empty it is not written, so that readers of before know every key.
    """

    schema_version: Literal[1]
    name: Text
    preset: Text
    geometry: Geometry
    labels: tuple[Label, ...]
    stages: dict[Stage, dict[Runtime, GraphFile]]
    incremental: dict[Part, dict[Runtime, GraphFile]] = {}
    exits: Exits = Exits()
    measured: tuple[Measured, ...] = ()
    golden: Golden
    provenance: Provenance

    def files(self) -> list[FileRecord | GraphFile]:
        """Every file that the manifest names."""
        kinds = (*self.stages.values(), *self.incremental.values())
        graphs = [graph for runtimes in kinds for graph in runtimes.values()]
        return [*graphs, self.golden.frames, self.golden.answers]

    def macs(self, stage: Stage) -> int:
        """Multiply-accumulates of one stage."""
        return next(iter(self.stages[stage].values())).macs

    @model_serializer(mode="wrap")
    def _without_empty_extras(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        content: dict[str, object] = handler(self)
        if not self.incremental:
            content.pop("incremental", None)
        return content


def read_manifest(path: Path, where: Path) -> Manifest:
    """Read a manifest file.

    Args:
        path: the file.
        where: what to call it on the screen.

    Raises:
        BundleError: it cannot be read, is larger than a manifest can be, or :func:`parse_manifest` refuses it.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_MANIFEST_BYTES + 1)
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{where} cannot be read as text ({error}). Copy the bundle again.") from error
    if len(content) > MOST_MANIFEST_BYTES:
        raise BundleError(
            f"{where} has more than {MOST_MANIFEST_BYTES} bytes, so it is no manifest. Copy the bundle again."
        )
    return parse_manifest(text, where)


def parse_manifest(text: str, where: Path) -> Manifest:
    """Read a manifest.

    Raises:
        BundleError: the sentence names the key, what was found and what was expected.
    """
    try:
        content = strict_json.parse(text)
    except ValueError as error:
        raise BundleError(f"{where} is not valid JSON ({error}). Convert the model again: adafocus export") from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise BundleError(
            f"{where} has schema version {_short(version)}, this program reads version {SCHEMA_VERSION}. Convert the "
            "model again with this version (adafocus export), or install the version of adafocus-edge that made the "
            "bundle."
        )
    try:
        # read as JSON once more: only there a strict reading knows lists for tuples and refuses "8" for 8
        manifest = Manifest.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise BundleError(f"{where}: {_first_problem(error)} Convert the model again: adafocus export") from error
    contradiction = _contradiction(manifest)
    if contradiction:
        raise BundleError(f"{where}: {contradiction} Convert the model again: adafocus export")
    return manifest


def _contradiction(manifest: Manifest) -> str | None:
    """The first sentence on parts of a manifest that cannot both be true."""
    stages = manifest.stages
    missing = [stage for stage in STAGES if not stages.get(stage)]
    if missing:
        return f"it has no graph for {', '.join(missing)}, expected {', '.join(STAGES)}."
    if not any(all(runtime in stages[stage] for stage in STAGES) for runtime in stages["glance"]):
        return "no runtime has a graph for every stage."
    total = sum(record.bytes for record in manifest.files())
    if total > MOST_BUNDLE_BYTES:
        return f"its files have {total} bytes, expected at most {MOST_BUNDLE_BYTES}."
    if len(set(manifest.labels)) != len(manifest.labels):
        twice = next(label for i, label in enumerate(manifest.labels) if label in manifest.labels[:i])
        return f"the label {twice!r} stands there twice."
    found = _geometry_contradiction(manifest.geometry)
    for stage, runtimes in stages.items():
        for runtime, graph in runtimes.items():
            name = f"the {stage} graph for {runtime}"
            found = found or _graph_contradiction(name, stage, graph) or _shape_contradiction(manifest, stage, graph)
    return found or _handing_contradiction(stages) or _parts_contradiction(manifest)


def _geometry_contradiction(geometry: Geometry) -> str | None:
    if geometry.focus_frames > geometry.candidate_frames:
        return (
            f"focus_frames is {geometry.focus_frames}, expected at most {geometry.candidate_frames} candidate frames."
        )
    if geometry.frame_size > geometry.short_side:
        return f"frame_size is {geometry.frame_size}, expected at most short_side, which is {geometry.short_side}."
    pixels = geometry.glance_frames * geometry.glance_size**2 + geometry.candidate_frames * geometry.frame_size**2
    if 3 * pixels > MOST_CLIP_BYTES:
        return f"one clip would take {3 * pixels} bytes, expected at most {MOST_CLIP_BYTES}."
    return None


def _graph_contradiction(name: str, stage: Stage | Part, graph: GraphFile) -> str | None:
    """Names, sizes and number grids of one graph's tensors."""
    given, answered = ([spec.name for spec in side] for side in (graph.inputs, graph.outputs))
    if sorted(given) != sorted(INPUTS[stage]):
        return f"{name} has the inputs {', '.join(given)[:100]}, expected {', '.join(INPUTS[stage])}."
    if len(set(answered)) != len(answered):
        return f"{name} names an output twice."
    unnamed = sorted(set(OUTPUTS[stage]) - set(answered))
    if unnamed:
        return f"{name} has no tensor {unnamed[0]!r}."
    for spec in (*graph.inputs, *graph.outputs):
        if math.prod(spec.shape) > MOST_TENSOR_NUMBERS:
            return f"{spec.name} of {name} has the shape {spec.shape}, expected at most {MOST_TENSOR_NUMBERS} numbers."
        if not _has_its_grid(spec):
            return (
                f"{spec.name} of {name} is {spec.dtype} with the scale {spec.scale} and the zero point "
                f"{spec.zero_point}; integers have both, within their range, and floats have none."
            )
    return None


def _has_its_grid(spec: TensorSpec) -> bool:
    if spec.dtype.startswith("float"):
        return spec.scale is None and spec.zero_point is None
    if spec.scale is None or spec.zero_point is None:
        return spec.dtype == "int32" and spec.scale is None and spec.zero_point is None
    limits = np.iinfo(spec.dtype)
    return spec.scale > 0 and bool(limits.min <= spec.zero_point <= limits.max)


def _shape_contradiction(manifest: Manifest, stage: Stage, graph: GraphFile) -> str | None:
    """Shapes that the geometry and the labels fix."""
    geometry, classes = manifest.geometry, len(manifest.labels)
    given = {spec.name: spec.shape for spec in graph.inputs}
    answered = {spec.name: spec.shape for spec in graph.outputs}
    if stage == "glance":
        wanted = (geometry.glance_frames, 3, geometry.glance_size, geometry.glance_size)
        if given["frames"] != wanted:
            return f"frames of the glance graph have the shape {given['frames']}, but the geometry says {wanted}."
        if answered["glance_logits"] != (1, classes):
            return f"there are {classes} labels, but glance_logits has the shape {answered['glance_logits']}."
    if stage == "policy":
        boxes, weights = answered["boxes"], answered["frame_weights"]
        if boxes not in ((1, 4), (geometry.candidate_frames, 4)):
            return f"boxes have the shape {boxes}, expected (1, 4) or ({geometry.candidate_frames}, 4)."
        if weights != (geometry.glance_frames,):
            return f"frame_weights have the shape {weights}, expected ({geometry.glance_frames},)."
    if stage == "focus":
        patches, size = given["patches"], geometry.patch_size
        if patches[1:] != (3, size, size):
            return f"patches of the focus graph have the shape {patches}, but patch_size says {size} each."
        if geometry.focus_frames % patches[0]:
            return f"the focus takes {patches[0]} patches at once, expected a divisor of {geometry.focus_frames}."
        if geometry.focus_frames > patches[0] and "context" not in answered:
            return f"the focus is called {geometry.focus_frames // patches[0]} times but hands on no context."
        if answered["logits"][-1:] != (classes,):
            return f"there are {classes} labels, but logits has the shape {answered['logits']}."
    return None


def _handing_contradiction(stages: dict[Stage, dict[Runtime, GraphFile]]) -> str | None:
    """What one stage hands to the next must have the shape that the next one takes."""
    for runtime in stages["glance"]:
        if not all(runtime in stages[stage] for stage in STAGES):
            continue
        glance, policy, focus = (stages[stage][runtime] for stage in STAGES)
        handed = [("features", glance, policy), ("context", glance, focus), ("context", focus, focus)]
        for name, source, taker in handed:
            found = next((spec.shape for spec in source.outputs if spec.name == name), None)
            wanted = next(spec.shape for spec in taker.inputs if spec.name == name)
            if found is not None and found != wanted:
                return f"{name} for {runtime} is handed on with the shape {found}, but taken with {wanted}."
    return None


def _parts_contradiction(manifest: Manifest) -> str | None:
    """The parts of the glance, where there are any: for one runtime both, and together what the glance graph is."""
    extras = manifest.incremental
    if not extras:
        return None
    if manifest.geometry.variant != "long":
        return (
            f"it has an incremental glance, but only the long variant may; the variant is {manifest.geometry.variant}."
        )
    for part in PARTS:
        runtimes = set(extras.get(part, {}))
        if not runtimes:
            return f"its incremental glance has no graph for {part}, expected one for encode and one for join."
        apart = sorted(runtimes ^ set(extras.get("join", {})))
        if apart:
            return f"its incremental glance has only one of encode and join for {apart[0]}."
        for runtime in extras[part]:
            if not all(runtime in manifest.stages[stage] for stage in STAGES):
                return f"it has an incremental glance for {runtime}, but not a graph for every stage."
            found = part_contradiction(manifest, part, runtime)
            if found:
                return found
    return None


def part_contradiction(manifest: Manifest, part: Part, runtime: Runtime) -> str | None:
    """Why a part of the glance cannot stand beside the glance graph of its runtime, or None."""
    graph, glance = manifest.incremental[part][runtime], manifest.stages["glance"][runtime]
    name = f"the {part} graph for {runtime}"
    return _graph_contradiction(name, part, graph) or _unlike(name, part, graph, glance)


def _unlike(name: str, part: Part, graph: GraphFile, glance: GraphFile) -> str | None:
    """Tensors of a part that are not those of the glance graph; ``encode`` takes and answers one frame of them."""
    ours = {spec.name: spec for spec in (*glance.inputs, *glance.outputs)}
    for spec in (*graph.inputs, *graph.outputs):
        wanted = ours.get(spec.name)
        if wanted is not None and part == "encode":
            wanted = wanted.model_copy(update={"shape": (1, *wanted.shape[1:])})
        if spec != wanted:
            return f"{spec.name} of {name} is {_described(spec)}, but the glance graph needs {_described(wanted)}."
    return None


def _described(spec: TensorSpec | None) -> str:
    return "nothing" if spec is None else f"{spec.dtype} {spec.shape} with ({spec.scale}, {spec.zero_point})"


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in problem["loc"])[:200]
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key!r}, expected only the keys of schema version {SCHEMA_VERSION}."
    if problem["type"] == "missing":
        return f"the key {key!r} is missing."
    message = problem["msg"].removeprefix("Value error, ")
    if not key:
        return f"it is not valid JSON or no object ({message.removeprefix('Invalid JSON: ')})."
    return f"{key!r} is {_short(problem['input'])}: {message[:1].lower()}{message[1:]}."


def _short(value: object) -> str:
    """A value as Python writes it, on one line and not without end."""
    shown = f"{type(value).__name__} of {len(value)}" if isinstance(value, (dict, list)) else repr(value)
    return shown if len(shown) <= SHOWN_CHARACTERS else f"{shown[:SHOWN_CHARACTERS]}..."
