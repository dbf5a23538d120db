"""Reading a manifest: strict JSON, the schema, contradictions. Each refusal is a sentence that names the key."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from adafocus.edge.bundle.manifest import (
    INPUTS,
    MAX_BUNDLE_BYTES,
    MAX_MANIFEST_BYTES,
    MAX_TENSOR_NUMBERS,
    OUTPUTS,
    PARTS,
    PAST,
    SCHEMA_VERSION,
    Geometry,
    GraphFile,
    Manifest,
    Part,
    Runtime,
    Stage,
    TensorSpec,
    first_repeated,
)
from adafocus.errors import BundleError


def parse_json(text: str) -> Any:
    """Read a text as JSON.

    Raises:
        ValueError: no JSON, a key that stands twice, NaN or an infinity, a number with thousands of digits, or
            nesting without end. The message is half a sentence.
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object, and refuse a key that stands twice."""
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise ValueError(f"the key {key[:100]!r} stands there twice")
        content[key] = value
    return content


def _constant(name: str) -> None:
    """Refuse NaN and infinities."""
    raise ValueError(f"{name} is no number")


def _float(text: str) -> float:
    """Return a number, and refuse one that is too large."""
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:100]} is too large for a number")
    return value


def first_contradiction(manifest: Manifest) -> str | None:
    """Return the first sentence on parts of a manifest that cannot both be true, or None."""
    return next(_contradictions(manifest), None)


def part_contradiction(manifest: Manifest, part: Part, runtime: Runtime) -> str | None:
    """Return why a part of the glance cannot stand beside the glance graph of its runtime, or None."""
    return next(_part_contradictions(manifest, part, runtime), None)


def _contradictions(manifest: Manifest) -> Iterator[str]:
    """Yield sentences. What follows one of them relies on what it denies, so only the first counts."""
    stages, wanted = manifest.stages, manifest.geometry.stage_names
    missing = [stage for stage in wanted if not stages.get(stage)]
    if missing:
        yield f"it has no graph for {', '.join(missing)}, expected {', '.join(wanted)}."
    for stage in stages:
        if stage not in wanted:
            yield f"it has a {stage} graph, but its policy is motion, which has none, expected {' and '.join(wanted)}."
    whole = [runtime for runtime in stages["glance"] if all(runtime in stages[stage] for stage in wanted)]
    if not whole:
        yield "no runtime has a graph for every stage."
    total = sum(record.bytes for record in manifest.files())
    if total > MAX_BUNDLE_BYTES:
        yield f"its files have {total} bytes, expected at most {MAX_BUNDLE_BYTES}."
    for stage, graphs in stages.items():
        for runtime, graph in graphs.items():
            outputs = [name for name in OUTPUTS[stage] if name != "features" or "policy" in wanted]
            yield from _graph_contradictions(f"the {stage} graph for {runtime}", stage, graph, outputs)
            yield from _SHAPES[stage](manifest.geometry, len(manifest.labels), graph)
    for runtime in whole:
        yield from _handing_contradictions(runtime, {stage: stages[stage][runtime] for stage in wanted})
    yield from _incremental_contradictions(manifest, whole)
    yield from _exit_contradictions(manifest)


def _graph_contradictions(name: str, stage: Stage | Part, graph: GraphFile, wanted: Sequence[str]) -> Iterator[str]:
    """Check names, sizes and number types of one graph's tensors; ``wanted`` are the outputs that it must have."""
    inputs, outputs = ([spec.name for spec in side] for side in (graph.inputs, graph.outputs))
    if sorted(inputs) != sorted(INPUTS[stage]):
        yield f"{name} has the inputs {', '.join(inputs)[:100]}, expected {', '.join(INPUTS[stage])}."
    if first_repeated(outputs) is not None:
        yield f"{name} names an output twice."
    for unnamed in sorted(set(wanted) - set(outputs)):
        yield f"{name} has no tensor {unnamed!r}."
    for spec in (*graph.inputs, *graph.outputs):
        if math.prod(spec.shape) > MAX_TENSOR_NUMBERS:
            yield f"{spec.name} of {name} has the shape {spec.shape}, expected at most {MAX_TENSOR_NUMBERS} numbers."
        if not _has_its_scale(spec):
            yield (
                f"{spec.name} of {name} is {spec.dtype} with the scale {spec.scale} and the zero point "
                f"{spec.zero_point}; integers have both, within their range, and floats have none."
            )


def _has_its_scale(spec: TensorSpec) -> bool:
    """Return whether a tensor has scale and zero point where it is of integers; int32 may have none."""
    if spec.scale is None and spec.zero_point is None:
        return spec.dtype == "int32" or spec.dtype.startswith("float")
    if spec.scale is None or spec.zero_point is None or spec.dtype.startswith("float"):
        return False
    limits = np.iinfo(spec.dtype)
    return spec.scale > 0 and bool(limits.min <= spec.zero_point <= limits.max)


def _glance_shapes(geometry: Geometry, classes: int, graph: GraphFile) -> Iterator[str]:
    """Check the shapes of the glance that the geometry and the labels fix."""
    frames, logits = _shape(graph.inputs, "frames"), _shape(graph.outputs, "glance_logits")
    wanted = (geometry.glance_frames, 3, geometry.glance_size, geometry.glance_size)
    if frames != wanted:
        yield f"frames of the glance graph have the shape {frames}, but the geometry says {wanted}."
    if logits != (1, classes):
        yield f"there are {classes} labels, but glance_logits has the shape {logits}."


def _policy_shapes(geometry: Geometry, classes: int, graph: GraphFile) -> Iterator[str]:
    """Check the shapes of the policy that the geometry fixes."""
    boxes, weights = _shape(graph.outputs, "boxes"), _shape(graph.outputs, "frame_weights")
    if boxes not in ((1, 4), (geometry.candidate_frames, 4)):
        yield f"boxes have the shape {boxes}, expected (1, 4) or ({geometry.candidate_frames}, 4)."
    if weights != (geometry.glance_frames,):
        yield f"frame_weights have the shape {weights}, expected ({geometry.glance_frames},)."


def _focus_shapes(geometry: Geometry, classes: int, graph: GraphFile) -> Iterator[str]:
    """Check the shapes of the focus that the geometry and the labels fix, and that its calls fit the frames."""
    patches, logits = _shape(graph.inputs, "patches"), _shape(graph.outputs, "logits") or ()
    frames, size = geometry.focus_frames, geometry.patch_size
    if patches is None or patches[1:] != (3, size, size):
        yield f"patches of the focus graph have the shape {patches}, but patch_size says {size} each."
    elif frames % patches[0]:
        yield f"the focus takes {patches[0]} patches at once, expected a divisor of {frames}."
    elif frames > patches[0] and _shape(graph.outputs, "context") is None:
        yield f"the focus is called {frames // patches[0]} times but hands on no context."
    if logits[-1:] != (classes,):
        yield f"there are {classes} labels, but logits has the shape {logits}."


_SHAPES: dict[Stage, Callable[[Geometry, int, GraphFile], Iterator[str]]] = {
    "glance": _glance_shapes,
    "policy": _policy_shapes,
    "focus": _focus_shapes,
}


def _shape(specs: Sequence[TensorSpec], name: str) -> tuple[int, ...] | None:
    """Return the shape of a tensor by its name, None where there is none."""
    return next((spec.shape for spec in specs if spec.name == name), None)


def _handing_contradictions(runtime: Runtime, graphs: Mapping[Stage, GraphFile]) -> Iterator[str]:
    """Check that what one stage hands to the next has the shape that the next one takes."""
    handed: tuple[tuple[str, Stage, Stage], ...] = (
        ("features", "glance", "policy"),
        ("context", "glance", "focus"),
        ("context", "focus", "focus"),
    )
    for name, source, taker in handed:
        if taker not in graphs:
            continue
        found, wanted = _shape(graphs[source].outputs, name), _shape(graphs[taker].inputs, name)
        if found is not None and found != wanted:
            yield f"{name} for {runtime} is handed on with the shape {found}, but taken with {wanted}."


def _incremental_contradictions(manifest: Manifest, whole: Sequence[Runtime]) -> Iterator[str]:
    """Check the parts of the glance: for one runtime both, and together what the glance graph is."""
    extras, variant = manifest.incremental, manifest.geometry.variant
    if not extras:
        return
    if variant not in ("long", "tsm"):
        yield f"it has an incremental glance, but only the variants long and tsm may; the variant is {variant}."
    for part in PARTS:
        runtimes = extras.get(part, {})
        if not runtimes:
            yield f"its incremental glance has no graph for {part}, expected one for encode and one for join."
        for apart in sorted(set(runtimes) ^ set(extras.get("join", {}))):
            yield f"its incremental glance has only one of encode and join for {apart}."
        for runtime in runtimes:
            if runtime not in whole:
                yield f"it has an incremental glance for {runtime}, but not a graph for every stage."
            yield from _part_contradictions(manifest, part, runtime)


def _part_contradictions(manifest: Manifest, part: Part, runtime: Runtime) -> Iterator[str]:
    """Check that a part has the glance graph's own tensors; ``encode`` takes and gives one frame of them."""
    graph, glance = manifest.incremental[part][runtime], manifest.stages["glance"][runtime]
    name = f"the {part} graph for {runtime}"
    if part == "encode" and manifest.geometry.variant == "tsm":
        yield from _past_contradictions(name, graph)
        graph = _without_past(graph)
    yield from _graph_contradictions(name, part, graph, OUTPUTS[part])
    ours = {spec.name: spec for spec in (*glance.inputs, *glance.outputs)}
    for spec in (*graph.inputs, *graph.outputs):
        wanted = ours.get(spec.name)
        if wanted is not None and part == "encode":
            wanted = wanted.model_copy(update={"shape": (1, *wanted.shape[1:])})
        if spec != wanted:
            yield f"{spec.name} of {name} is {_described(spec)}, but the glance graph needs {_described(wanted)}."


def _past_contradictions(name: str, graph: GraphFile) -> Iterator[str]:
    """Check that what is kept of a frame is given on as it is taken, and does not fill the memory."""
    taken, given = ([spec for spec in side if spec.name.startswith(PAST)] for side in (graph.inputs, graph.outputs))
    names = [f"{PAST}{number}" for number in range(len(taken))]
    if [spec.name for spec in taken] != names or taken != given:
        yield (
            f"{name} takes {', '.join(map(_named, taken))[:300] or 'nothing'} of the frame before and gives on "
            f"{', '.join(map(_named, given))[:300] or 'nothing'}, expected the same tensors, {PAST}0 and so on."
        )
    if sum(math.prod(spec.shape) for spec in taken) > MAX_TENSOR_NUMBERS:
        yield f"{name} keeps more than {MAX_TENSOR_NUMBERS} numbers of a frame."
    for spec in taken:
        if not _has_its_scale(spec):
            yield f"{spec.name} of {name} is {_described(spec)}; integers have a scale and a zero point, floats none."


def _without_past(graph: GraphFile) -> GraphFile:
    """Return a graph's description without the tensors of the frame before."""
    inputs, outputs = (
        tuple(spec for spec in side if not spec.name.startswith(PAST)) for side in (graph.inputs, graph.outputs)
    )
    return graph.model_copy(update={"inputs": inputs, "outputs": outputs})


def _named(spec: TensorSpec) -> str:
    """Return name and description of a tensor."""
    return f"{spec.name} {_described(spec)}"


def _described(spec: TensorSpec | None) -> str:
    """Return what a sentence says of a tensor."""
    return "nothing" if spec is None else f"{spec.dtype} {spec.shape} with ({spec.scale}, {spec.zero_point})"


def _exit_contradictions(manifest: Manifest) -> Iterator[str]:
    """Check the budget table: each budget once, one that a clip can cost, with a threshold per exit but the last."""
    glance = manifest.macs("glance")
    exits = {runtime: manifest.exit_macs(graph, glance) for runtime, graph in manifest.stages["focus"].items()}
    seen: set[tuple[str, float]] = set()
    for row in manifest.exits.budgets:
        name = f"the budget of {row.budget:g} {row.unit}"
        if row.budget <= 0:
            yield f"{name} is not above 0."
        if (row.unit, row.budget) in seen:
            yield f"{name} stands there twice."
        seen.add((row.unit, row.budget))
        for runtime, macs in exits.items():
            if len(row.thresholds) != len(macs) - 1:
                yield f"{name} has {len(row.thresholds)} thresholds, expected {len(macs) - 1} for {runtime}."
            low, high = macs[0] / 1e9, macs[-1] / 1e9
            if row.unit == "GMAC" and not low <= row.budget <= high:
                yield f"{name} cannot be met: a clip costs {low:.4g} to {high:.4g} GMAC."


SHOWN_CHARACTERS = 80


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
            content = file.read(MAX_MANIFEST_BYTES + 1)
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{where} cannot be read as text ({error}). Copy the bundle again.") from error
    if len(content) > MAX_MANIFEST_BYTES:
        raise BundleError(
            f"{where} has more than {MAX_MANIFEST_BYTES} bytes, so it is no manifest. Copy the bundle again."
        )
    return parse_manifest(text, where)


def parse_manifest(text: str, where: Path) -> Manifest:
    """Read a manifest.

    Raises:
        BundleError: the sentence names the key, what was found and what was expected.
    """
    try:
        content = parse_json(text)
    except ValueError as error:
        raise BundleError(f"{where} is not valid JSON ({error}). Copy the bundle again.") from error
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
        problem = first_contradiction(manifest)
    except ValidationError as error:
        problem = _first_problem(error)
    except BundleError as error:
        # a model that contradicts itself
        problem = str(error)
    if problem is not None:
        raise BundleError(f"{where}: {problem} Copy the bundle again, or convert the model again: adafocus export")
    return manifest


def _first_problem(error: ValidationError) -> str:
    """Return a sentence on the first key that is not as the schema has it."""
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
    """Return a value as Python writes it, on one line and not without end."""
    shown = f"{type(value).__name__} of {len(value)}" if isinstance(value, (dict, list)) else repr(value)
    return shown if len(shown) <= SHOWN_CHARACTERS else f"{shown[:SHOWN_CHARACTERS]}..."
