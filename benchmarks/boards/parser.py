"""NVIDIA's own ONNX parser and its ahead-of-time builder, neither of which needs a GPU.

    python -m benchmarks.boards.parser BUNDLE [BUNDLE ...] --capability 8.6

What the parser refuses, TensorRT on a Jetson refuses too. Its wheel is one of the tools of development
(``adafocus-edge[dev]``): it has NVIDIA's licence, and is part of no bundle.

The report goes into ``results/boards.yaml``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from adafocus.edge.bundle.bundle import Bundle
from benchmarks.harness import PATH, Benchmark, option

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


def _parser(data: bytes) -> tuple[Any, Any, Any, bool]:
    """Return the library, a network, its parser, and whether the parser takes everything."""
    rtx: Any = import_module(LIBRARY)
    logger = rtx.Logger(rtx.Logger.Severity.INTERNAL_ERROR)
    builder = rtx.Builder(logger)
    network = builder.create_network(1 << int(rtx.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = rtx.OnnxParser(network, logger)
    return builder, network, parser, parser.supports_model_v2(data)


def judge(path: Path) -> Verdict:
    """Ask the parser about every node of an ONNX file."""
    data = path.read_bytes()
    _, _, parser, takes_all = _parser(data)
    parts = [parser.get_subgraph_nodes(index) for index in range(parser.num_subgraphs)]
    taken = sum(len(part) for index, part in enumerate(parts) if parser.is_subgraph_supported(index))
    refusals = {parser.get_error(index).desc() for index in range(parser.num_errors)}
    nodes = sum(map(len, parts))
    if not takes_all and not refusals:
        refusals = {"the parser refuses the file without a word"}
    return Verdict(nodes, taken, tuple(sorted(refusals)))


def build_ahead(path: Path, capability: str) -> tuple[float, int]:
    """Build an engine for a graphics processor that is not here.

    Args:
        path: an ONNX file that the parser takes.
        capability: compute capability, such as ``8.6``.

    Returns:
        seconds, bytes of the engine.

    Raises:
        RuntimeError: the builder gives none.
    """
    rtx: Any = import_module(LIBRARY)
    started = time.perf_counter()
    logger = rtx.Logger(rtx.Logger.Severity.INTERNAL_ERROR)
    builder = rtx.Builder(logger)
    network = builder.create_network(1 << int(rtx.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = rtx.OnnxParser(network, logger)
    if not parser.parse(path.read_bytes()):
        raise RuntimeError(f"{path} is refused: {parser.get_error(0).desc()}")
    config = builder.create_builder_config()
    config.num_compute_capabilities = 1
    config.set_compute_capability(getattr(rtx.ComputeCapability, f"SM{capability.replace('.', '')}"), 0)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise RuntimeError(f"No engine comes of {path}.")
    return time.perf_counter() - started, engine.nbytes


@click.command(cls=Benchmark)
@click.argument("bundles", nargs=-1, required=True, type=PATH)
@option("--capability", default="8.6", help="Build for this compute capability.")
def main(bundles: tuple[Path, ...], capability: str) -> dict[str, Any]:
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
                seconds, size = build_ahead(file, capability)
                row |= {"build_s": round(seconds, 2), "engine_bytes": size}
            graphs[f"{path.name} {stage}"] = row
    return {
        "parser": {
            "library": f"{LIBRARY} {import_module(LIBRARY).__version__}",
            "capability": capability,
            "max_build_s": MAX_BUILD_S,
            "graphs": graphs,
        }
    }


if __name__ == "__main__":
    main()
