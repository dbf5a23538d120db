"""Stages to files, side by side in worker processes: one that fails takes no other down."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, as_completed
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import torch
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from torch import Tensor
from torch.fx import GraphModule

from adafocus.calibration.quantization.glance_parts import quantized_parts
from adafocus.calibration.quantization.model_file import StoredModel, load_model
from adafocus.converters.backends.registry import SUFFIXES, Report, target
from adafocus.edge.bundle.manifest import PARTS, STAGES, Part, Precision, Runtime, Stage
from adafocus.errors import AdafocusError
from adafocus.networks.lowering import glance_parts, part_example

# the largest graph first, so that it does not start last
ORDER: tuple[Stage | Part, ...] = ("focus", "glance", "encode", "policy", "join")
Item = tuple[Runtime, Stage]
AnyItem = tuple[Runtime, Stage | Part]
Name = TypeVar("Name", bound=Stage | Part)
Outcome = Report | str


def stage_precision(model: StoredModel, stage: Stage | Part, precision: Precision) -> Precision:
    """Precision of one stage: the policy of an int8 model stays float, because int8 flips frame choices."""
    return precision if precision != "int8" or _stage_of(stage) in model.prepared else "fp32"


def _stage_of(name: Stage | Part) -> str:
    return "glance" if name in PARTS else name


def module_of(model: StoredModel, name: Stage | Part) -> tuple[Any, tuple[Tensor, ...]]:
    """The float graph of a stage, or of a part of the glance, and examples of its inputs.

    Raises:
        KeyError: the glance of this model has no parts.
    """
    if name in PARTS:
        return glance_parts(model.stages)[name], part_example(model.stages, name)
    return model.stages.as_run(name), model.stages.examples(name)


def prepared_of(model: StoredModel, name: Stage | Part) -> GraphModule:
    """The graph with fake quantization of a stage, or of a part of the glance."""
    if name in PARTS:
        return quantized_parts(model.stages, model.prepared["glance"])[name]
    return model.prepared[name]


def graph_name(stage: Stage | Part, runtime: Runtime) -> str:
    """File name of a converted stage."""
    return f"{stage}{SUFFIXES[runtime]}"


def _collect_rarely() -> None:
    """Exported graphs are millions of small objects that live long; looking through them again and again costs time."""
    gc.set_threshold(100_000, 50, 100)


@lru_cache(maxsize=1)
def _model(path: Path) -> StoredModel:
    """Rebuilding the graphs of a model takes longer than most conversions, so a worker does it once."""
    return load_model(path)


def convert_stage(model_path: Path, item: AnyItem, precision: Precision, path: Path) -> Report:
    """Convert one stage of a model file; runs in a worker process."""
    runtime, stage = item
    torch.set_num_threads(1)
    made = target(runtime)
    model = _model(model_path)
    module, example = module_of(model, stage)
    own = stage_precision(model, stage, precision)
    if own not in made.PRECISIONS:
        raise AdafocusError(f"{runtime} has no {own}; it has {', '.join(made.PRECISIONS)}.")
    program = made.quantized(prepared_of(model, stage)) if own == "int8" else module
    return made.convert(program, example, path, (module.inputs, module.outputs), precision=own)


def convert_stages(
    model_path: Path, folder: Path, precision: Precision, runtimes: Sequence[Runtime], stages: Sequence[Stage] = STAGES
) -> dict[Item, Outcome]:
    """Convert every stage for every runtime.

    Returns:
        a report for each file that was written, or a sentence on why there is none.
    """
    return convert_graphs(model_path, folder, precision, runtimes, stages)


def convert_graphs(
    model_path: Path, folder: Path, precision: Precision, runtimes: Sequence[Runtime], names: Sequence[Name]
) -> dict[tuple[Runtime, Name], Outcome]:
    """The same for stages and parts of the glance."""
    folder.mkdir(parents=True, exist_ok=True)
    work = [(runtime, name) for name in sorted(names, key=ORDER.index) for runtime in runtimes]
    outcomes: dict[tuple[Runtime, Name], Outcome] = {}
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns) as progress:
        tasks = {item: progress.add_task(f"{item[1]} to {item[0]}, {precision}") for item in work}

        def run(items: Sequence[tuple[Runtime, Name]]) -> Iterator[tuple[Runtime, Name]]:
            """Convert items in one pool; yield those whose process died."""
            workers = min(len(items), os.cpu_count() or 1)
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(workers, mp_context=context, initializer=_collect_rarely) as pool:
                jobs: dict[Future[Report], tuple[Runtime, Name]] = {}
                for item in items:
                    path = folder / graph_name(item[1], item[0])
                    jobs[pool.submit(convert_stage, model_path, item, precision, path)] = item
                for job in as_completed(jobs):
                    item = jobs[job]
                    progress.stop_task(tasks[item])
                    try:
                        outcomes[item] = job.result()
                    except BrokenExecutor:
                        outcomes[item] = "the converter's process died; there may be too little memory"
                        yield item
                    except Exception as error:
                        # every converter has errors of its own kind, and none of them may end the others
                        outcomes[item] = _sentence(error)

        # a process that dies takes its pool with it, so what it left undone gets a pool each
        for item in list(run(work)) if work else ():
            list(run([item]))
    return {item: outcomes[item] for item in work}


def _sentence(error: Exception) -> str:
    """First line of an error, with its kind where it is none of ours."""
    lines = str(error).strip().splitlines() or ["no message"]
    return lines[0] if isinstance(error, AdafocusError) else f"{type(error).__name__}: {lines[0][:300]}"
