"""Core ML on macOS, through coremltools; phones use Apple's own framework."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np

from adafocus.edge.bundle.manifest import GraphFile
from adafocus.edge.runtimes.graph import Arrays, file_names, refused
from adafocus.native_names import native_name


class PackageGraph:
    """One ``.mlpackage``. Core ML chooses its threads and its processor by itself."""

    def __init__(self, path: Path, description: GraphFile) -> None:
        tools = import_module("coremltools")
        try:
            with native_name(path) as name:
                self._model = tools.models.MLModel(name, compute_units=tools.ComputeUnit.ALL)
        except Exception as error:
            # the library's own exceptions have no common base but Exception
            raise refused(path, "opened", error) from error
        self.inputs, self.outputs = description.inputs, description.outputs
        self._path = path

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
