"""NVIDIA's own ONNX parser and its ahead-of-time builder, neither of which needs a GPU.

    python -m benchmarks.boards.parser BUNDLE [BUNDLE ...] --capability 8.6

What the parser refuses, TensorRT on a Jetson refuses too. Its wheel is one of the tools of development
(``adafocus-edge[dev]``): it has NVIDIA's licence, and is part of no bundle.

The report goes into ``results/boards.yaml``.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.runtimes.tensorrt import build_engine
from benchmarks.harness import PATH, Benchmark, console, machine, option, out_option, write

LIBRARY = "tensorrt_rtx"
MAX_BUILD_S = 15.0


@dataclass(frozen=True)
class Verdict:
    """What the parser says of a file.

    Attributes:
        nodes: of the graph.
        taken: those that it takes.
        refusals: its sentences on the others.
    """

    nodes: int
    taken: int
    refusals: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether it takes everything."""
        return not self.refusals and 0 < self.taken == self.nodes


def judge(path: Path) -> Verdict:
    """Ask the parser about every node of an ONNX file."""
    rtx: Any = import_module(LIBRARY)
    logger = rtx.Logger(rtx.Logger.Severity.INTERNAL_ERROR)
    builder = rtx.Builder(logger)
    network = builder.create_network(1 << int(rtx.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = rtx.OnnxParser(network, logger)
    takes_all = parser.supports_model_v2(path.read_bytes())
    parts = [parser.get_subgraph_nodes(index) for index in range(parser.num_subgraphs)]
    taken = sum(len(part) for index, part in enumerate(parts) if parser.is_subgraph_supported(index))
    refusals = {parser.get_error(index).desc() for index in range(parser.num_errors)}
    nodes = sum(map(len, parts))
    if not takes_all and not refusals:
        refusals = {"the parser refuses the file without a word"}
    return Verdict(nodes, taken, tuple(sorted(refusals)))


def build_ahead(path: Path, capability: str) -> tuple[float, float, int]:
    """Build an engine for a graphics processor that is not here.

    Args:
        path: an ONNX file that the parser takes.
        capability: compute capability, such as ``8.6``.

    Returns:
        seconds on the clock and of processors, which others may need as well, and bytes of the engine.

    Raises:
        BundleError: the builder gives none.
    """
    started, worked = time.perf_counter(), time.process_time()
    engine = build_engine(import_module(LIBRARY), path, console.print, capability)
    return time.perf_counter() - started, time.process_time() - worked, len(engine)


@click.command(cls=Benchmark)
@click.argument("bundles", nargs=-1, required=True, type=PATH)
@option("--capability", default="8.6", help="Build for this compute capability.")
@out_option
def main(bundles: tuple[Path, ...], capability: str, out: Path | None) -> None:
    """Judge and build every ONNX graph of BUNDLES."""
    graphs: dict[str, Any] = {}
    for path in bundles:
        bundle = Bundle.open(path)
        for stage in bundle.manifest.geometry.stage_names:
            file, record = bundle.graph(stage, "onnx")
            verdict = judge(file)
            row: dict[str, Any] = {
                "precision": record.precision,
                "nodes": verdict.nodes,
                "taken": verdict.taken,
                "refusals": list(verdict.refusals),
            }
            if verdict.whole:
                seconds, processors, size = build_ahead(file, capability)
                row |= {"build_s": round(seconds, 2), "processor_s": round(processors, 2), "engine_bytes": size}
            graphs[f"{path.name} {stage}"] = row
    content = {
        "command": f"python -m benchmarks.boards.parser BUNDLE ... --capability {capability}",
        "machine": machine(),
        "load": [round(value, 1) for value in os.getloadavg()],
        "library": f"{LIBRARY} {import_module(LIBRARY).__version__}",
        "capability": capability,
        "max_build_s": MAX_BUILD_S,
        "graphs": graphs,
    }
    write(out, {"parser": content})


if __name__ == "__main__":
    main()
