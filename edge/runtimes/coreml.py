"""Core ML on macOS, through coremltools; phones use Apple's own framework."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np

from adafocus.edge.bundle.manifest import GraphFile
from adafocus.edge.runtimes.graph import Arrays, Place, file_names, refused
from adafocus.native_names import native_name

ALL_UNITS = "ALL"
UNITS = {
    ALL_UNITS: "whichever processors it chooses",
    "CPU_ONLY": "CPU",
    "CPU_AND_GPU": "GPU, or CPU where it chooses so",
    "CPU_AND_NE": "Neural Engine, or CPU where it chooses so",
}


class PackageGraph:
    """One ``.mlpackage``. Core ML chooses its threads by itself, and its processor among those that it is given."""

    def __init__(self, path: Path, description: GraphFile, units: str = ALL_UNITS) -> None:
        tools = import_module("coremltools")
        try:
            with native_name(path) as name:
                self._model = tools.models.MLModel(name, compute_units=tools.ComputeUnit[units])
        except Exception as error:
            # the library's own exceptions have no common base but Exception
            raise refused(path, "opened", error) from error
        self.inputs, self.outputs = description.inputs, description.outputs
        self._path = path
        # Core ML does not say which of them an operation ran on
        self.place = Place(f"Core ML, {UNITS[units]}")

    def run(self, arrays: Arrays) -> Arrays:
        """Run once."""
        try:
            found = self._model.predict({spec.name: arrays[spec.name] for spec in self.inputs})
        except Exception as error:
            raise refused(self._path, "run", error) from error
        own = file_names([spec.name for spec in self.inputs], [spec.name for spec in self.outputs])
        pairs = zip(self.outputs, own, strict=True)
        return {spec.name: np.asarray(found[name]).reshape(spec.shape) for spec, name in pairs}


def open_graph(path: Path, description: GraphFile, threads: int) -> PackageGraph:
    """Open a ``.mlpackage``."""
    return PackageGraph(path, description)


def open_with_units(path: Path, description: GraphFile, threads: int, units: str) -> PackageGraph:
    """Open a ``.mlpackage`` for some processors only; ``units`` is a name of :data:`UNITS`."""
    return PackageGraph(path, description, units)
