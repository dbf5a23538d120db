"""The graphs of a bundle in one runtime, and how tensors pass from one stage to the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import Stage, TensorSpec
from adafocus.edge.incremental import GlanceParts
from adafocus.edge.prediction import StageCall
from adafocus.edge.runtimes import Opener
from adafocus.edge.runtimes.graph import Arrays, Graph
from adafocus.edge.runtimes.tensors import convert, dequantize
from adafocus.edge.stopwatch import Stopwatch
from adafocus.edge.video.preprocess import PixelTable


class Stages:
    """The opened graphs of a bundle.

    Attributes:
        graphs: by stage; without the glance where ``parts`` take its place.
        parts: the two graphs of a glance that runs frame by frame; None where the glance is one graph.
        inputs: how each input tensor of a stage is stored.
        outputs: likewise each output tensor.
    """

    def __init__(self, bundle: Bundle, runtime: str, threads: int, opener: Opener, incremental: bool) -> None:
        """Open the graphs.

        Args:
            bundle: whose graphs.
            runtime: ``litert``, ``tflite``, ...
            threads: CPU threads of the runtime.
            opener: opens one graph.
            incremental: open the glance as two graphs where the bundle has them.

        Raises:
            AdafocusError: a graph cannot be opened.
        """
        self.graphs: dict[Stage, Graph] = {}
        self.parts: GlanceParts | None = None
        self.inputs: dict[tuple[Stage, str], TensorSpec] = {}
        self.outputs: dict[tuple[Stage, str], TensorSpec] = {}
        if incremental and bundle.parts(runtime):  # type: ignore[arg-type]
            self.parts = GlanceParts(bundle, runtime, opener, threads)  # type: ignore[arg-type]
        for stage in bundle.manifest.geometry.stage_names:
            path, record = bundle.graph(stage, runtime)  # type: ignore[arg-type]
            self.inputs |= {(stage, spec.name): spec for spec in record.inputs}
            self.outputs |= {(stage, spec.name): spec for spec in record.outputs}
            if stage != "glance" or self.parts is None:
                self.graphs[stage] = opener(runtime, path, record, threads)

    def run(self, stage: Stage, arrays: Arrays, watch: Stopwatch) -> StageCall:
        """Run one graph and give its time to the stage."""
        watch.lap("other")
        outputs = self.graphs[stage].run(arrays)
        watch.lap(stage)
        return StageCall(stage, arrays, outputs)

    def real(self, call: StageCall, name: str) -> NDArray[np.float32]:
        """Return an output of a call as real numbers."""
        return dequantize(call.outputs[name], self.outputs[call.stage, name])

    def handed(self, call: StageCall, name: str, stage: Stage) -> NDArray[np.generic]:
        """Return an output of a call in the form that another stage takes."""
        return convert(call.outputs[name], self.outputs[call.stage, name], self.inputs[stage, name])

    def pixel_table(
        self, stage: Stage, name: str, mean: tuple[float, float, float], std: tuple[float, float, float]
    ) -> PixelTable:
        """Build the table that turns pixels into what an input tensor takes."""
        spec = self.inputs[stage, name]
        return PixelTable.build(mean, std, spec.dtype, spec.scale, spec.zero_point)
