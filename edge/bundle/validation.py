"""Reading a manifest: strict JSON, the schema, contradictions. Each refusal is a sentence that names the key."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from adafocus.edge.bundle.manifest import (
    INPUTS,
    MAX_BUNDLE_BYTES,
    MAX_CLIP_BYTES,
    MAX_MANIFEST_BYTES,
    MAX_TENSOR_NUMBERS,
    OUTPUTS,
    PARTS,
    SCHEMA_VERSION,
    STAGES,
    Geometry,
    GraphFile,
    Manifest,
    Part,
    Runtime,
    Stage,
    TensorSpec,
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
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise ValueError(f"the key {key[:100]!r} stands there twice")
        content[key] = value
    return content


def _constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:100]} is too large for a number")
    return value


def first_contradiction(manifest: Manifest) -> str | None:
    """The first sentence on parts of a manifest that cannot both be true."""
    stages = manifest.stages
    missing = [stage for stage in STAGES if not stages.get(stage)]
    if missing:
        return f"it has no graph for {', '.join(missing)}, expected {', '.join(STAGES)}."
    if not any(all(runtime in stages[stage] for stage in STAGES) for runtime in stages["glance"]):
        return "no runtime has a graph for every stage."
    total = sum(record.bytes for record in manifest.files())
    if total > MAX_BUNDLE_BYTES:
        return f"its files have {total} bytes, expected at most {MAX_BUNDLE_BYTES}."
    if len(set(manifest.labels)) != len(manifest.labels):
        twice = next(label for i, label in enumerate(manifest.labels) if label in manifest.labels[:i])
        return f"the label {twice!r} stands there twice."
    found = _geometry_contradiction(manifest.geometry)
    for stage, runtimes in stages.items():
        for runtime, graph in runtimes.items():
            name = f"the {stage} graph for {runtime}"
            found = found or _graph_contradiction(name, stage, graph) or _shape_contradiction(manifest, stage, graph)
    return found or _handing_contradiction(stages) or _parts_contradiction(manifest) or _exits_contradiction(manifest)


def _geometry_contradiction(geometry: Geometry) -> str | None:
    if geometry.focus_frames > geometry.candidate_frames:
        return (
            f"focus_frames is {geometry.focus_frames}, expected at most {geometry.candidate_frames} candidate frames."
        )
    if geometry.frame_size > geometry.short_side:
        return f"frame_size is {geometry.frame_size}, expected at most short_side, which is {geometry.short_side}."
    pixels = geometry.glance_frames * geometry.glance_size**2 + geometry.candidate_frames * geometry.frame_size**2
    if 3 * pixels > MAX_CLIP_BYTES:
        return f"one clip would take {3 * pixels} bytes, expected at most {MAX_CLIP_BYTES}."
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
        if math.prod(spec.shape) > MAX_TENSOR_NUMBERS:
            return f"{spec.name} of {name} has the shape {spec.shape}, expected at most {MAX_TENSOR_NUMBERS} numbers."
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


def _exits_contradiction(manifest: Manifest) -> str | None:
    """Rows of the budget table: a threshold for each exit but the last, costs that clips can have, none twice."""
    glance = manifest.macs("glance")
    exits = {runtime: manifest.exit_macs(graph, glance) for runtime, graph in manifest.stages["focus"].items()}
    seen: set[tuple[str, float]] = set()
    for row in manifest.exits.budgets:
        name = f"the budget of {row.budget:g} {row.unit}"
        if row.budget <= 0:
            return f"{name} is not above 0."
        if (row.unit, row.budget) in seen:
            return f"{name} stands there twice."
        seen.add((row.unit, row.budget))
        for runtime, macs in exits.items():
            if len(row.thresholds) != len(macs) - 1:
                return f"{name} has {len(row.thresholds)} thresholds, expected {len(macs) - 1} for {runtime}."
            low, high = macs[0] / 1e9, macs[-1] / 1e9
            if row.unit == "GMAC" and not low <= row.budget <= high:
                return f"{name} cannot be met: a clip costs {low:.4g} to {high:.4g} GMAC."
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
    contradiction = first_contradiction(manifest)
    if contradiction:
        raise BundleError(f"{where}: {contradiction} Convert the model again: adafocus export")
    return manifest


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
