"""The manifest of a bundle: a strict schema. Unknown or missing keys, other versions, excessive sizes are refused.

What contradicts itself inside one model is refused by that model, with a BundleError whose sentence is whole. What
needs several of them is checked in `adafocus.edge.bundle.validation`.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from adafocus.edge.runtime_table import RUNTIMES
from adafocus.errors import BundleError

# How much a bundle may ask for. What asks for more is refused before a byte of memory or of the disk is taken. The
# largest bundle that the presets give has about 200 MB, 96 frames and tensors of 10 million numbers; the limits leave
# room for any network that a device could run.
MAX_MANIFEST_BYTES = 4 << 20
# a zip without the 64-bit extension ends here
MAX_BUNDLE_BYTES = (4 << 30) - 1
MAX_BUNDLE_FILES = 4096
MAX_SIDE_PX = 4096
MAX_FRAMES = 4096
MAX_CLIP_BYTES = 512 << 20
MAX_TENSOR_NUMBERS = 1 << 27
MAX_TEXT_CHARACTERS = 1000
# the largest whole number that every reader of JSON keeps exactly
MAX_COUNT = 2**53

SCHEMA_VERSION = 1

Stage = Literal["glance", "policy", "focus"]
# the glance in two graphs: features of each frame, and the prediction from those together
Part = Literal["encode", "join"]
Precision = Literal["fp32", "fp16", "int8"]
Count = Annotated[int, Field(ge=1, le=MAX_COUNT)]
Frames = Annotated[int, Field(ge=1, le=MAX_FRAMES)]
Side = Annotated[int, Field(ge=1, le=MAX_SIDE_PX)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Deviation = Annotated[float, Field(ge=1e-6, le=1e6)]


def _printable(text: str) -> str:
    """Refuse what a terminal obeys instead of showing it: it has no place in a label or a name."""
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise ValueError("it holds control characters")
    return text


def _known_runtime(name: object) -> object:
    """Refuse a runtime that the table does not have."""
    if not isinstance(name, str) or name not in RUNTIMES:
        *names, last = (repr(known) for known in RUNTIMES)
        raise ValueError(f"input should be {', '.join(names)} or {last}")
    return name


Runtime = Annotated[str, BeforeValidator(_known_runtime)]
Text = Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS), AfterValidator(_printable)]
Label = Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARACTERS), AfterValidator(_printable)]

STAGES: tuple[Stage, ...] = ("glance", "policy", "focus")
PARTS: tuple[Part, ...] = ("encode", "join")
# tensors of a stage's graph, by name; the focus also gives its context where it is called again
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


def first_repeated(names: Sequence[str]) -> str | None:
    """Return the first name that stands there a second time, or None."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


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

    ``proved_by`` says what verified the file against the trained program before it was packed: the runtime itself, or,
    for Core ML away from Apple's systems, an evaluator of its program.
    """

    file: Text
    sha256: Sha256
    bytes: Count
    precision: Precision
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    macs: Count
    proved_by: Literal["runtime", "evaluator"] = "runtime"
    delegates: Annotated[int, Field(ge=0, le=MAX_COUNT)] | None = None
    delegated_share: Share | None = None


class Geometry(_Part):
    """Frame counts, sizes in pixels and normalization, as the network was trained."""

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

    @model_validator(mode="after")
    def _check(self) -> Geometry:
        """Refuse sizes that contradict each other, and clips that do not fit into memory."""
        if self.focus_frames > self.candidate_frames:
            raise BundleError(
                f"focus_frames is {self.focus_frames}, expected at most {self.candidate_frames} candidate frames."
            )
        if self.frame_size > self.short_side:
            raise BundleError(
                f"frame_size is {self.frame_size}, expected at most short_side, which is {self.short_side}."
            )
        pixels = self.glance_frames * self.glance_size**2 + self.candidate_frames * self.frame_size**2
        if 3 * pixels > MAX_CLIP_BYTES:
            raise BundleError(f"one clip would take {3 * pixels} bytes, expected at most {MAX_CLIP_BYTES}.")
        return self


class _Sparse(_Part):
    """Keys without a value are not written, so that earlier readers know every key of a bundle that has none."""

    @model_serializer(mode="wrap")
    def _without_nothing(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Leave out keys without a value."""
        return {key: value for key, value in handler(self).items() if value is not None}


class ExitBudget(_Sparse):
    """Thresholds, one per exit but the last, that meet a mean budget per clip.

    What is expected was found by cross-validation over groups: ``expected_error`` is relative, realized mean cost over
    the budget less 1, ``expected_error_spread`` its standard deviation over the parts that were left out in turn.
    """

    unit: Literal["GMAC", "ms", "J"]
    budget: float
    thresholds: tuple[float, ...]
    expected_accuracy: Share | None = None
    expected_error: float | None = None
    expected_error_spread: Annotated[float, Field(ge=0)] | None = None


class Calibration(_Part):
    """What thresholds were fitted to: ``n`` clips of ``groups`` sources, run in ``runtime``; ``family`` says how."""

    dataset: Text
    split: Text
    n: Count
    groups: Count
    runtime: Runtime
    family: Text


class Exits(_Sparse):
    """When a clip leaves early: the measure of confidence and, where they were calibrated, thresholds by budget."""

    criterion: Literal["softmax", "logit", "entropy"] = "softmax"
    temperature: Annotated[float, Field(gt=0)] = 1.0
    budgets: tuple[ExitBudget, ...] = ()
    calibration: Calibration | None = None


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
    """One real clip as decoded frames, and what every stage must give for it in the number types of ``runtime``.

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
    for new frames only. Where it is empty it is not written, so that earlier readers know every key.
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

    @model_validator(mode="after")
    def _check(self) -> Manifest:
        """Refuse a label that stands there twice."""
        twice = first_repeated(self.labels)
        if twice is not None:
            raise BundleError(f"the label {twice!r} stands there twice.")
        return self

    def files(self) -> list[FileRecord | GraphFile]:
        """Return every file that the manifest names."""
        kinds = (*self.stages.values(), *self.incremental.values())
        graphs = [graph for runtimes in kinds for graph in runtimes.values()]
        return [*graphs, self.golden.frames, self.golden.answers]

    def macs(self, stage: Stage) -> int:
        """Return the multiply-accumulates of one stage."""
        return next(iter(self.stages[stage].values())).macs

    def exit_macs(self, focus: GraphFile, glance_macs: int) -> tuple[int, ...]:
        """Return the multiply-accumulates of a clip that stops at each exit: at the glance, then at those of the focus.

        An exit inside a call of the focus costs the whole call.
        """
        inputs, outputs = ({spec.name: spec.shape for spec in side} for side in (focus.inputs, focus.outputs))
        calls = -(-self.geometry.focus_frames // inputs["patches"][0])
        exits_per_call = math.prod(outputs["logits"]) // len(self.labels)
        before, each = glance_macs + self.macs("policy"), self.macs("focus")
        return (glance_macs, *(before + (call + 1) * each for call in range(calls) for _ in range(exits_per_call)))

    @model_serializer(mode="wrap")
    def _without_empty_extras(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Leave out an empty ``incremental``."""
        content: dict[str, object] = handler(self)
        if not self.incremental:
            content.pop("incremental", None)
        return content
