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
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from adafocus.edge.bundle.geometry import STAGES as STAGES
from adafocus.edge.bundle.geometry import Geometry as Geometry
from adafocus.edge.bundle.geometry import Share, Strict
from adafocus.edge.bundle.geometry import Stage as Stage
from adafocus.edge.runtime_table import RUNTIMES
from adafocus.errors import BundleError

# How much a bundle may ask for. What asks for more is refused before a byte of memory or of the disk is taken. The
# largest bundle that the presets give has about 200 MB, 96 frames and tensors of 10 million numbers; the limits leave
# room for any network that a device could run.
MAX_MANIFEST_BYTES = 4 << 20
# a zip without the 64-bit extension ends here
MAX_BUNDLE_BYTES = (4 << 30) - 1
MAX_BUNDLE_FILES = 4096
MAX_TENSOR_NUMBERS = 1 << 27
MAX_TEXT_CHARACTERS = 1000
# the largest whole number that every reader of JSON keeps exactly
MAX_COUNT = 2**53

SCHEMA_VERSION = 1

# the glance in two graphs: features of each frame, and the prediction from those together
Part = Literal["encode", "join"]
Precision = Literal["fp32", "fp16", "int8"]
Count = Annotated[int, Field(ge=1, le=MAX_COUNT)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


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
# 12 digits of a digest for each video, one behind the other
Fingerprints = Annotated[str, Field(pattern=r"^([0-9a-f]{12})*$", max_length=MAX_MANIFEST_BYTES)]
Label = Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARACTERS), AfterValidator(_printable)]

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


# of ``encode``, with a number from 0: what is kept of the frame before, taken and given on
PAST = "past_"


def first_repeated(names: Sequence[str]) -> str | None:
    """Return the first name that stands there a second time, or None."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


class TensorSpec(Strict):
    """Name, shape and number type of one input or output; real = scale * (value - zero_point) for integers."""

    name: Text
    shape: tuple[Count, ...]
    dtype: Literal["float32", "float16", "int8", "uint8", "int32"]
    scale: float | None = None
    zero_point: int | None = None


class GraphFile(Strict):
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


class _Sparse(Strict):
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


class Calibration(_Sparse):
    """What thresholds were fitted to: ``n`` clips of ``groups`` sources, run in ``runtime``; ``family`` says how.

    ``clips`` are fingerprints of their videos, so that they are never called a test.
    """

    dataset: Text
    split: Text
    n: Count
    groups: Count
    runtime: Runtime
    family: Text
    clips: Fingerprints | None = None


class Exits(_Sparse):
    """When a clip leaves early: the measure of confidence and, where they were calibrated, thresholds by budget."""

    criterion: Literal["softmax", "logit", "entropy"] = "softmax"
    temperature: Annotated[float, Field(gt=0)] = 1.0
    budgets: tuple[ExitBudget, ...] = ()
    calibration: Calibration | None = None


class Measured(Strict):
    """One measured figure of the model in this bundle."""

    dataset: Text
    split: Text
    n: Count
    metric: Text
    value: float


class FileRecord(Strict):
    """A file of the bundle that is not a graph."""

    file: Text
    sha256: Sha256
    bytes: Count


class Golden(Strict):
    """One real clip as decoded frames, and what every stage must give for it in the number types of ``runtime``.

    ``label`` is the best label of the clip, None in bundles that were made before labels were checked.
    """

    source: Text
    runtime: Runtime
    frames: FileRecord
    answers: FileRecord
    label: Text | None = None


class Provenance(Strict):
    """Where the bundle comes from.

    ``seen`` are fingerprints of the videos that the network was trained and validated on, where that is known.
    """

    model: Text
    model_sha256: Sha256
    packages: dict[Text, Text]
    created: Text | None = None
    seen: Fingerprints | None = None

    @model_serializer(mode="wrap")
    def _without_unseen(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Leave out ``seen`` where it is not known, so that earlier readers know every key."""
        content: dict[str, object] = handler(self)
        if self.seen is None:
            content.pop("seen", None)
        return content


class Manifest(Strict):
    """Everything a device needs to know about a bundle.

    ``incremental`` is an extra of the ``long`` variant, and of a ``tsm`` that looks at the past alone: the glance in
    two parts, of which a stream calls ``encode`` for new frames only. Where it is empty it is not written, so that
    earlier readers know every key.
    """

    schema_version: Literal[1]
    name: Text
    preset: Text
    geometry: Geometry
    labels: tuple[Label, ...]
    stages: dict[Stage, dict[Runtime, GraphFile]]
    incremental: dict[Part, dict[Runtime, GraphFile]] = Field(default={})
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
        """Return the multiply-accumulates of one stage, 0 where it has no graph."""
        return next((graph.macs for graph in self.stages.get(stage, {}).values()), 0)

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
