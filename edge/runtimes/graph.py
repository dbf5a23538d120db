"""What every runtime offers: a graph that maps named arrays to named arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bundle.manifest import TensorSpec
from adafocus.errors import BundleError

# of an output that has the name of an input: the context that a call hands to the next
FOLLOWING = "_next"

Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Place:
    """Where a graph runs.

    Attributes:
        device: in words, as the runtime names it.
        nodes: how many nodes each provider took, where the runtime says so.
    """

    device: str
    nodes: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        """In words, with what the processor has to do beside an accelerator."""
        shares = ", ".join(f"{count} nodes on {name}" for name, count in self.nodes.items())
        return f"{self.device} ({shares})" if shares else self.device


CPU = Place("CPU")


def places_in_words(places: Mapping[str, str]) -> str:
    """Return where each stage runs, in one line."""
    return "; ".join(f"{stage}: {place}" for stage, place in places.items())


def place_of(graph: object) -> Place:
    """Return where an opened graph runs; the graphs of usual runtimes do not say it, they run on the CPU."""
    place = getattr(graph, "place", CPU)
    return place if isinstance(place, Place) else CPU


class Graph(Protocol):
    """One opened stage.

    Attributes:
        inputs: names, shapes, dtypes and quantization of the inputs.
        outputs: likewise.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def run(self, arrays: Arrays) -> Arrays:
        """Run once, with every input by name in its own dtype and shape. The outputs are copies."""
        ...


def mismatch(path: Path, spec: TensorSpec, shape: tuple[int, ...], dtype: str, scale: object) -> BundleError:
    """Return the error for a tensor that the manifest describes otherwise.

    Args:
        path: the file.
        spec: the tensor as the manifest has it.
        shape: as the file has it.
        dtype: likewise.
        scale: scale and zero point of the file.
    """
    return BundleError(
        f"{path}: {spec.name} is {dtype} {shape} with quantization {scale}, the manifest says {spec.dtype} "
        f"{spec.shape} with ({spec.scale}, {spec.zero_point}). Convert the model again."
    )


def refused(path: Path, deed: str, error: BaseException) -> BundleError:
    """Return the error for a file that a runtime cannot use. It is as it was packed: its hash was right.

    Args:
        path: the file.
        deed: what cannot be done: ``opened`` or ``run``.
        error: of the runtime.
    """
    said = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, MemoryError):
        return BundleError(f"{path} cannot be {deed} by the runtime: there is not enough memory. Close other programs.")
    return BundleError(
        f"{path} cannot be {deed} by the runtime: {said.rstrip('.')}. Install the version of the runtime that made it "
        "(adafocus inspect BUNDLE shows it), or convert the model again."
    )


def file_names(inputs: Sequence[str], outputs: Sequence[str]) -> list[str]:
    """Return names of the outputs for formats where they must differ from those of the inputs."""
    return [f"{name}{FOLLOWING}" if name in inputs else name for name in outputs]
