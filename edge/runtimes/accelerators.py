"""Accelerators, one table: what runs a runtime's files elsewhere than on its usual processor, and what is proved of it.

A new one is a row here, and a module where none of those there opens it. No list of providers is believed: an
accelerator is available where a graph was opened and run on it. Nothing falls back silently: what does not run there is
an error, or is counted beside what does (:class:`adafocus.edge.runtimes.graph.Place`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from adafocus.edge.runtime_table import runtime_spec
from adafocus.errors import AdafocusError

if TYPE_CHECKING:
    # the command line lists these names also where a library that a manifest needs does not load
    from adafocus.edge.bundle.manifest import GraphFile, Precision

Kind = Literal["cpu", "gpu", "npu"]
KINDS: tuple[Kind, ...] = ("cpu", "gpu", "npu")


@dataclass(frozen=True)
class Proof:
    """What is asked of the numbers of an accelerator.

    Attributes:
        kind: ``exact``: those of the usual processor, within the bounds of a conversion; ``bounded``: at most so far
            away; ``labels``: the labels of real clips are counted, and the differences are told.
        steps: of integers, at most.
        relative: of floats, relative to the largest value, at most.
    """

    kind: Literal["exact", "bounded", "labels"]
    steps: int | None = None
    relative: float | None = None

    def __str__(self) -> str:
        """In words."""
        if self.kind == "bounded":
            steps = "" if self.steps is None else f"{self.steps} steps and "
            return f"bounded: {steps}{self.relative:.0e} of the largest value"
        return {"exact": "exact", "labels": "labels counted"}[self.kind]


EXACT = Proof("exact")
LABELS = Proof("labels")
FLOAT32 = Proof("bounded", relative=1e-4)
FLOAT16 = Proof("bounded", relative=2e-2)
# integers are computed otherwise there than anywhere else
OWN_ARITHMETIC: dict[Precision, Proof] = {"fp32": FLOAT32, "fp16": FLOAT16, "int8": LABELS}


@dataclass(frozen=True)
class Accelerator:
    """One accelerator of one runtime.

    Attributes:
        runtime: whose files it runs.
        name: after ``--accelerator``.
        kind: of processor; the first row of a kind is also found by it.
        opener: ``module:function`` that opens a graph there: ``(path, description, threads, option)``.
        option: what the opener is told, such as the name of a provider.
        package: that brings it, where the runtime's own does not.
        proofs: by precision; there is no other one.
        policy: the runtime that runs the policy, in float32 on the CPU.
    """

    runtime: str
    name: str
    kind: Kind
    opener: str
    option: str = ""
    package: str = ""
    proofs: Mapping[Precision, Proof] = field(default_factory=lambda: OWN_ARITHMETIC)
    policy: str = ""


_ROOM = "adafocus.edge.runtimes"
_PROVIDER = f"{_ROOM}.onnx:open_with_provider"
_UNITS = f"{_ROOM}.coreml:open_with_units"
ACCELERATORS: tuple[Accelerator, ...] = (
    # in int8 it gives other labels on most clips, see docs/accelerators.md
    Accelerator("litert", "gpu", "gpu", f"{_ROOM}.litert_gpu:open_graph", proofs={"fp32": FLOAT32, "fp16": FLOAT16}),
    Accelerator("onnx", "xnnpack", "cpu", _PROVIDER, "XnnpackExecutionProvider"),
    Accelerator("onnx", "cuda", "gpu", _PROVIDER, "CUDAExecutionProvider"),
    Accelerator("onnx", "webgpu", "gpu", _PROVIDER, "WebGpuExecutionProvider", "onnxruntime-ep-webgpu"),
    Accelerator("onnx", "openvino", "gpu", _PROVIDER, "OpenVINOExecutionProvider", "onnxruntime-ep-openvino"),
    Accelerator("onnx", "coreml", "npu", _PROVIDER, "CoreMLExecutionProvider"),
    Accelerator("onnx", "qnn", "npu", _PROVIDER, "QNNExecutionProvider", "onnxruntime-ep-qnn"),
    Accelerator("coreml", "cpu", "cpu", _UNITS, "CPU_ONLY", proofs=dict.fromkeys(OWN_ARITHMETIC, EXACT)),
    Accelerator("coreml", "gpu", "gpu", _UNITS, "CPU_AND_GPU"),
    Accelerator("coreml", "npu", "npu", _UNITS, "CPU_AND_NE"),
    Accelerator("tensorrt", "gpu", "gpu", f"{_ROOM}.tensorrt:open_graph", policy="onnx"),
)


def names() -> tuple[str, ...]:
    """Return what may stand after ``--accelerator``."""
    return tuple(dict.fromkeys((*KINDS, *(row.name for row in ACCELERATORS))))


def choose(runtime: str, name: str | None) -> Accelerator | None:
    """Return the row of an accelerator; None for the usual processor of a runtime.

    Raises:
        MissingRuntimeError: there is no such runtime.
        AdafocusError: this runtime has no such accelerator.
    """
    usual = runtime_spec(runtime).runs_on
    if name is None or (name == "cpu" and usual == "cpu"):
        name = None if usual in ("cpu", "any") else usual
        if name is None:
            return None
    rows = [row for row in ACCELERATORS if row.runtime == runtime]
    found = [row for row in rows if row.name == name] or [row for row in rows if row.kind == name and name != "cpu"]
    if found:
        return found[0]
    known = [*(["cpu"] if usual == "cpu" else []), *(row.name for row in rows)]
    others = dict.fromkeys(row.runtime for row in ACCELERATORS if name in (row.name, row.kind) and name != "cpu")
    hint = f" {name} exists for --runtime {' and '.join(others)}." if others else ""
    raise AdafocusError(f"The runtime {runtime} has no accelerator {name!r}, expected {' or '.join(known)}.{hint}")


def is_policy(description: GraphFile) -> bool:
    """Return whether a graph is the policy's."""
    from adafocus.edge.bundle.manifest import OUTPUTS

    return {spec.name for spec in description.outputs} == set(OUTPUTS["policy"])


def proof_of(runtime: str, name: str | None, precision: Precision) -> Proof:
    """Return what is asked of the numbers of an accelerator.

    Raises:
        AdafocusError: there is no such accelerator, or it has no such precision.
    """
    row = choose(runtime, name)
    if row is None:
        return EXACT
    if precision not in row.proofs:
        raise AdafocusError(
            f"The {row.name} of {runtime} is not proved in {precision}: it gives other labels. Expected a bundle in "
            f"{' or '.join(row.proofs)}. Export the model so: adafocus export MODEL --to {runtime} --precision "
            f"{next(iter(row.proofs))}"
        )
    return row.proofs[precision]
