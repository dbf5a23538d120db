"""Stages to files, side by side in worker processes: one that fails takes no other down."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, as_completed
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from torch import Tensor
from torch.fx import GraphModule
from torch.fx.traceback import NodeSource

from adafocus.calibration.quantization.glance_parts import quantized_parts
from adafocus.calibration.quantization.model_file import StoredModel, load_model
from adafocus.converters import head_start
from adafocus.converters.backends.registry import BackEnd, Report, back_end
from adafocus.converters.graph_cache import GraphCache, graph_key
from adafocus.edge.bundle.manifest import PARTS, STAGES, Part, Precision, Runtime, Stage
from adafocus.errors import AdafocusError
from adafocus.networks.lowering import glance_parts, part_example

# the largest graph first, so that it does not start last
ORDER = ("focus", "glance", "encode", "policy", "join")
Graph = Stage | Part
Item = tuple[Runtime, Graph]
Outcome = Report | str


def graph_precision(model: StoredModel, name: Graph, precision: Precision, target: BackEnd) -> Precision:
    """Return the precision of one graph: a stage of an int8 model that was not quantized is float."""
    stage = _stage_of(name)
    if stage == "policy" and precision == "fp16" and target.float_policy:
        return "fp32"
    return precision if precision != "int8" or stage in model.prepared else "fp32"


def _stage_of(name: Graph) -> str:
    """Return the stage that a graph is, or is a part of."""
    return "glance" if name in PARTS else name


def module_of(model: StoredModel, name: Graph, precision: Precision) -> tuple[Any, tuple[Tensor, ...]]:
    """Return the float graph of a stage, or of a part of the glance, and examples of its inputs.

    Args:
        model: whose.
        name: of the stage or part.
        precision: of this graph; a quantized one computes what the trained graph does, step by step.

    Raises:
        KeyError: the glance of this model has no parts.
    """
    if name in PARTS:
        return glance_parts(model.stages)[name], part_example(model.stages, name)
    module = model.stages.modules()[name] if precision == "int8" else model.stages.as_run(name)
    return module, model.stages.examples(name)


def prepared_of(model: StoredModel, name: Graph) -> GraphModule:
    """Return the graph with fake quantization of a stage, or of a part of the glance."""
    if name in PARTS:
        return quantized_parts(model.stages, model.prepared["glance"])[name]
    return model.prepared[name]


def graph_name(name: Graph, runtime: Runtime) -> str:
    """Return the file name of a converted graph."""
    return f"{name}{back_end(runtime).suffix}"


def reports_of(outcomes: Mapping[Item, Outcome]) -> dict[Item, Report]:
    """Return the reports of the files that were written."""
    return {item: outcome for item, outcome in outcomes.items() if isinstance(outcome, Report)}


def _lighten() -> None:
    """Spare a worker what exported graphs, millions of small objects that live long, make dear.

    Garbage is collected seldom. What a node of a graph was made from is never changed once it is written, so a new
    graph shares it with the old one; copying it anew in every pass was a sixth of a conversion to ExecuTorch.
    """
    gc.set_threshold(100_000, 50, 100)
    NodeSource.__deepcopy__ = lambda self, memo: self  # type: ignore[attr-defined]


@lru_cache(maxsize=len(STAGES))
def _model(path: Path, stage: str) -> StoredModel:
    """Load a stage of a model once in a worker, because rebuilding its graph takes longer than most conversions."""
    return load_model(path, stage)


def convert_graph(model_path: Path, target: BackEnd, name: Graph, precision: Precision, path: Path) -> Report:
    """Convert one graph of a model file; runs in a worker process, which has no table of back ends but this row."""
    torch.set_num_threads(1)
    converter = target.load()
    model = _model(model_path, _stage_of(name))
    own = graph_precision(model, name, precision, target)
    module, example = module_of(model, name, own)
    if own not in target.precisions:
        raise AdafocusError(f"{target.runtime} has no {own}; it has {', '.join(target.precisions)}.")
    if own == "int8" and model.grids not in target.grids:
        raise AdafocusError(
            f"{target.runtime} has no int8 kernels for {model.grids} grids; onnx has. Export with --to onnx, or "
            "quantize again with --grids asymmetric."
        )
    program = converter.quantized(prepared_of(model, name)) if own == "int8" else module
    return converter.convert(program, example, path, (module.inputs, module.outputs), precision=own)


def convert_graphs(
    model_path: Path,
    folder: Path,
    precision: Precision,
    runtimes: Sequence[Runtime],
    names: Sequence[Graph] = STAGES,
    kept: GraphCache | None = None,
) -> dict[Item, Outcome]:
    """Convert stages, and parts of the glance, for every runtime.

    Args:
        model_path: a model file.
        folder: for the files.
        precision: of the model.
        runtimes: for which.
        names: of the graphs.
        kept: graphs of earlier conversions; those of unchanged stages are taken from it, new ones are put into it.

    Returns:
        a report for each file that was written, or a sentence on why there is none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    items = [(runtime, name) for name in sorted(names, key=ORDER.index) for runtime in runtimes]
    keys = {} if kept is None else {item: graph_key(model_path, *item, precision) for item in items}
    outcomes: dict[Item, Outcome] = {}
    if kept is not None:
        for item, key in keys.items():
            report = kept.take(key, folder / graph_name(item[1], item[0]))
            if report is not None:
                outcomes[item] = report
    work = [item for item in items if item not in outcomes]
    if work:
        head_start.give(runtimes)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns) as progress:
        tasks = {item: progress.add_task(f"{item[1]} to {item[0]}, {precision}") for item in work}

        def run(items: Sequence[Item]) -> Iterator[Item]:
            """Convert items in one pool; yield those whose process died."""
            workers = min(len(items), os.cpu_count() or 1)
            with ProcessPoolExecutor(workers, mp_context=head_start.context(), initializer=_lighten) as pool:
                jobs: dict[Future[Report], Item] = {}
                for item in items:
                    runtime, name = item
                    path = folder / graph_name(name, runtime)
                    jobs[pool.submit(convert_graph, model_path, back_end(runtime), name, precision, path)] = item
                for job in as_completed(jobs):
                    item = jobs[job]
                    progress.stop_task(tasks[item])
                    try:
                        outcomes[item] = made = job.result()
                        if kept is not None:
                            kept.keep(keys[item], folder / graph_name(item[1], item[0]), made)
                    except BrokenExecutor:
                        outcomes[item] = "the converter's process died; there may be too little memory"
                        yield item
                    except Exception as error:
                        # every converter has errors of its own kind, and none of them may end the others
                        outcomes[item] = _sentence(error)

        # a process that dies takes its pool with it, so what it left undone gets a pool each
        for item in list(run(work)) if work else ():
            list(run([item]))
    return {item: outcomes[item] for item in items}


def _sentence(error: Exception) -> str:
    """Return the first line of an error, with its kind where it is none of ours."""
    lines = str(error).strip().splitlines() or ["no message"]
    return lines[0] if isinstance(error, AdafocusError) else f"{type(error).__name__}: {lines[0][:300]}"
