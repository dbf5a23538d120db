"""Targets of a conversion, one table: runtime -> module that writes its files. A module is imported when it is used."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from torch import Tensor, nn

from converters.report import Report
from edge.errors import MissingRuntimeError
from edge.manifest import Runtime, TensorSpec

TARGETS: dict[Runtime, str] = {
    "litert": "converters.litert",
    "onnx": "converters.onnx",
}


class Target(Protocol):
    """What the module of a target offers.

    Attributes:
        SUFFIX: of its files.
        FOLDED: whether int8 weights must be stored as integers in the quantised program that it takes.
        PACKAGES: distributions whose versions decide what it writes.
    """

    SUFFIX: str
    FOLDED: bool
    PACKAGES: tuple[str, ...]

    def convert(
        self, program: nn.Module, example: tuple[Tensor, ...], path: Path, names: Names, *, integer: bool
    ) -> None:
        """Write a stage; ``integer`` says that ``program`` is quantised, and gives integer inputs and outputs."""
        ...

    def tensor_specs(self, path: Path, names: Names) -> tuple[list[TensorSpec], list[TensorSpec]]:
        """Inputs and outputs of a written file."""
        ...

    def report(self, path: Path) -> Report:
        """Ask the runtime what it does with a written file."""
        ...


Names = tuple[Sequence[str], Sequence[str]]


def target(runtime: str) -> Target:
    """The target of a runtime.

    Raises:
        MissingRuntimeError: there is none, or a package that it needs is not installed.
    """
    for known, module in TARGETS.items():
        if known == runtime:
            return cast(Target, import_module(module))
    raise MissingRuntimeError(f"There is no converter for {runtime!r}, expected one of {', '.join(TARGETS)}.")
