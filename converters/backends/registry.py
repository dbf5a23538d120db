"""Converter back ends, one table: runtime -> module that writes its files. A module is imported when it is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from torch import Tensor, nn
from torch.fx import GraphModule

from adafocus.edge.bundle.manifest import Precision, Runtime, TensorSpec
from adafocus.errors import WORKSTATION_INSTALL, MissingRuntimeError

TARGETS: dict[Runtime, str] = {
    "litert": "adafocus.converters.backends.litert",
    "onnx": "adafocus.converters.backends.onnx",
    "executorch": "adafocus.converters.backends.executorch",
    "coreml": "adafocus.converters.backends.coreml",
}
# known without the converter, which may be missing or broken
SUFFIXES: dict[Runtime, str] = {"litert": ".tflite", "onnx": ".onnx", "executorch": ".pte", "coreml": ".mlpackage"}
# what a bundle for a kind of device holds; browsers take no int8 at the border of a .tflite file
DEVICES: dict[str, tuple[Runtime, ...]] = {
    "pi": ("litert",),
    "jetson": ("onnx", "litert"),
    "android": ("litert", "executorch"),
    "ios": ("coreml", "executorch"),
    "web": ("onnx",),
}


class Target(Protocol):
    """What the module of a target offers.

    Attributes:
        quantized: the program that it takes of a stage with fake quantization.
        PACKAGES: distributions whose versions decide what it writes.
        PRECISIONS: that the format has.
    """

    quantized: Callable[[GraphModule], GraphModule]
    PACKAGES: tuple[str, ...]
    PRECISIONS: tuple[Precision, ...]

    def convert(
        self, program: nn.Module, example: tuple[Tensor, ...], path: Path, names: Names, *, precision: Precision
    ) -> Report:
        """Write a stage and say what becomes of it; ``int8`` says that ``program`` is quantized."""
        ...

    def tensor_specs(self, path: Path, names: Names) -> tuple[list[TensorSpec], list[TensorSpec]]:
        """Inputs and outputs of a written file."""
        ...


Names = tuple[Sequence[str], Sequence[str]]


def target(runtime: str) -> Target:
    """The target of a runtime.

    Raises:
        MissingRuntimeError: there is none, or a package that it needs is not installed.
    """
    for known, module in TARGETS.items():
        if known == runtime:
            try:
                return cast(Target, import_module(module))
            except ModuleNotFoundError as error:
                raise MissingRuntimeError(
                    f"Converting for {runtime} needs the package {error.name!r}, which is not installed. Install it: "
                    f"{WORKSTATION_INSTALL}"
                ) from error
    raise MissingRuntimeError(f"There is no converter for {runtime!r}, expected one of {', '.join(TARGETS)}.")


FULL_SHARE = 0.99


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

    def whole(self) -> bool:
        """Whether one accelerated partition takes at least 99 % of the multiply-accumulates."""
        return self.delegates in (None, 1) and self.delegated_share >= FULL_SHARE
