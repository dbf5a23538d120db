"""Converter back ends, one table: a new one is a module with what :class:`Converter` lists, and a row here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast, get_args

from adafocus.edge.bundle.manifest import Precision, Runtime, TensorSpec
from adafocus.edge.runtime_table import runtime_spec
from adafocus.errors import WORKSTATION_INSTALL, MissingRuntimeError

if TYPE_CHECKING:
    # the table is read where torch may be missing: by the command line's help
    from torch import Tensor, nn
    from torch.fx import GraphModule

# names of a graph's inputs and outputs, in order
Names = tuple[Sequence[str], Sequence[str]]
FULL_SHARE = 0.99


class Converter(Protocol):
    """What the module of a back end offers."""

    def quantized(self, graph: GraphModule) -> GraphModule:
        """Turn a stage with fake quantization into the program that the back end takes."""
        ...

    def convert(
        self, program: nn.Module, example: tuple[Tensor, ...], path: Path, names: Names, *, precision: Precision
    ) -> Report:
        """Write a stage and say what becomes of it; ``int8`` says that ``program`` is quantized."""
        ...

    def tensor_specs(self, path: Path, names: Names) -> tuple[list[TensorSpec], list[TensorSpec]]:
        """Describe the inputs and outputs of a written file."""
        ...


@dataclass(frozen=True)
class BackEnd:
    """One back end.

    Attributes:
        runtime: for which it converts.
        module: a :class:`Converter`; it is imported when it is used, since it may be missing or broken.
        suffix: of its files.
        packages: distributions that decide what it writes, besides that of the runtime itself.
        precisions: that the format has.
        grids: of int8 activations that its kernels take; the sigmoid of XNNPACK has one fixed zero point.
        float_policy: whether the policy stays float32 in fp16 too: it then runs on the CPU beside a graphics processor.
        evaluator: ``module:function`` that opens its files where the runtime does not exist; None: there is none.
    """

    runtime: Runtime
    module: str
    suffix: str
    packages: tuple[str, ...] = ()
    precisions: tuple[Precision, ...] = get_args(Precision)
    grids: tuple[str, ...] = ("asymmetric", "symmetric")
    float_policy: bool = False
    evaluator: str | None = None

    @property
    def distributions(self) -> tuple[str, ...]:
        """All distributions whose versions decide what it writes."""
        return (*self.packages, runtime_spec(self.runtime).distribution)

    def load(self) -> Converter:
        """Import the module.

        Raises:
            MissingRuntimeError: a package that it needs is not installed.
        """
        try:
            return cast(Converter, import_module(self.module))
        except ModuleNotFoundError as error:
            raise MissingRuntimeError(
                f"Converting for {self.runtime} needs the package {error.name!r}, which is not installed. Install it: "
                f"{WORKSTATION_INSTALL}"
            ) from error


_ROOM = "adafocus.converters.backends"
_COREML_EVALUATOR = "adafocus.converters.verification.coreml_evaluator:open_evaluated"
BACK_ENDS: dict[str, BackEnd] = {
    row.runtime: row
    for row in (
        BackEnd("litert", f"{_ROOM}.litert", ".tflite", ("litert-torch",), grids=("asymmetric",)),
        BackEnd("onnx", f"{_ROOM}.onnx", ".onnx", ("onnx", "onnxscript"), float_policy=True),
        BackEnd("executorch", f"{_ROOM}.executorch", ".pte", grids=("asymmetric",)),
        BackEnd("coreml", f"{_ROOM}.coreml", ".mlpackage", evaluator=_COREML_EVALUATOR),
    )
}
# what a bundle for a kind of device holds
DEVICES: dict[str, tuple[Runtime, ...]] = {
    "pi": ("litert",),
    "jetson": ("onnx", "litert"),
    "android": ("litert", "executorch"),
    "ios": ("coreml", "executorch"),
    "web": ("litert",),
}
# whose programs take each window of a stream as a clip, and know no glance that looks back at the window before
WITHOUT_PAST = ("android", "ios", "web")
# what is written beside an int8 bundle for a kind of device: the same model in another precision. Programs for Core ML
# compute in float32 between their quantizations, so that float16 may be faster there; TensorRT on a Jetson takes
# float16, and of int8 only symmetric grids.
BESIDE: dict[str, tuple[Precision, tuple[Runtime, ...]]] = {
    "ios": ("fp16", ("coreml",)),
    "jetson": ("fp16", ("onnx",)),
}


def back_end(runtime: str) -> BackEnd:
    """Return the row of a runtime.

    Raises:
        MissingRuntimeError: there is none.
    """
    if runtime not in BACK_ENDS:
        raise MissingRuntimeError(f"There is no converter for {runtime!r}, expected one of {', '.join(BACK_ENDS)}.")
    return BACK_ENDS[runtime]


@dataclass(frozen=True)
class Report:
    """What became of a graph.

    Attributes:
        macs: multiply-accumulates of one call.
        delegates: how many accelerated partitions run it; None where the runtime has no such notion.
        delegated_share: share of the multiply-accumulates inside them, or in integer kernels for an int8 graph where
            there are none, 0..1.
        left_out: operations outside, by name.
        operations: operations in all.
        weight_bytes: bytes of the file that holds the weights.
        by_type: operations by type, where the runtime does not say what it does with them.
    """

    macs: int
    delegates: int | None
    delegated_share: float
    left_out: dict[str, int]
    operations: int
    weight_bytes: int = 0
    by_type: dict[str, int] = field(default_factory=dict)

    def fully_delegated(self) -> bool:
        """Say whether one accelerated partition takes at least 99 % of the multiply-accumulates."""
        return self.delegates in (None, 1) and self.delegated_share >= FULL_SHARE
