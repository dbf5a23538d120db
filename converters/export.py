"""A model file becomes a bundle: convert the stages side by side, prove them on real clips, pack."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from calibration.model_file import QuantisedModel, load_model
from calibration.quantization import quantised_program
from converters.parity import Parity, compare, reference_stages, require
from converters.report import Report
from converters.targets import target
from edge.bundle import Bundle, file_record, write_bundle
from edge.clip import Clip, clip_windows
from edge.errors import AdafocusError
from edge.files import sha256_of
from edge.manifest import (
    STAGES,
    FileRecord,
    Geometry,
    Golden,
    GraphFile,
    Manifest,
    Precision,
    Provenance,
    Runtime,
    Stage,
)
from edge.recognizer import Recognizer

DEFAULT: Runtime = "litert"
PACKAGES = ("adafocus-edge", "torch", "torchao", "executorch")
GOLDEN_FRAMES, GOLDEN_ANSWERS = "golden/clip.npz", "golden/answers.npz"
REPRODUCIBLE_CLOCK = "SOURCE_DATE_EPOCH"


Reports = dict[tuple[Runtime, Stage], Report]


@dataclass(frozen=True)
class Exported:
    """What a conversion made and proved; reports by runtime and stage, parity by runtime."""

    bundle: Bundle
    reports: Reports
    parity: dict[Runtime, Parity]
    seconds: float


def export(
    model_path: Path,
    destination: Path,
    precision: Precision,
    videos: Sequence[Path],
    windows: int,
    runtimes: Sequence[Runtime] = (DEFAULT,),
) -> Exported:
    """Convert, prove, pack.

    Args:
        model_path: a model file of ``adafocus train``.
        destination: the bundle to make.
        precision: ``int8`` or ``fp32`` (glance and focus; the policy is always float).
        videos: real videos to prove it on; the golden clip is the first of them.
        windows: clips to cut from each video.
        runtimes: for which runtimes; the golden answers are those of the first.

    Raises:
        AdafocusError: a conversion differs from the trained program, or a video cannot be read. Nothing is written.
    """
    if precision not in ("int8", "fp32"):
        raise AdafocusError(f"precision is {precision!r}, expected int8 or fp32.")
    started = time.perf_counter()
    model = load_model(model_path)
    geometry = geometry_of(model)
    clips = [clip for video in videos for clip in clip_windows(video, geometry, windows)]
    if not clips:
        raise AdafocusError("There is no clip to prove the conversion on. Name a video: --prove VIDEO")
    wanted = list(dict.fromkeys(runtimes))
    for runtime in wanted:
        target(runtime)
    reports: Reports = {}
    parity: dict[Runtime, Parity] = {}

    def fill(folder: Path) -> Manifest:
        reports.update(_convert_stages(model_path, folder / "graphs", precision, wanted))
        manifest = _manifest(model, model_path, folder, precision, reports, geometry, videos[0].name)
        reference = reference_stages(model, precision)
        recognizers = {runtime: Recognizer(Bundle(folder, manifest), runtime, 2, None) for runtime in wanted}
        for runtime, recognizer in recognizers.items():
            parity[runtime] = compare(recognizer, reference, clips)
            require(parity[runtime], runtime)
        return _with_golden(manifest, folder, recognizers[wanted[0]], clips[0])

    bundle = write_bundle(destination, fill)
    return Exported(bundle, reports, parity, time.perf_counter() - started)


def geometry_of(model: QuantisedModel) -> Geometry:
    """The part of a network's shape that the device needs."""
    config = model.config
    return Geometry(
        variant=config.variant,  # type: ignore[arg-type]
        glance_frames=config.glance_frames,
        candidate_frames=config.candidate_frames,
        focus_frames=config.focus_frames,
        frame_size=config.frame_size,
        short_side=config.short_side_px,
        glance_size=config.glance_size,
        patch_size=config.patch_size,
        mean=config.mean,
        std=config.std,
    )


def convert_stage(model_path: Path, stage: Stage, precision: Precision, runtime: Runtime, path: Path) -> None:
    """Convert one stage of a model file; runs in a process of its own."""
    torch.set_num_threads(1)
    model = load_model(model_path)
    module, made = model.stages.modules()[stage], target(runtime)
    integer = precision == "int8" and stage in model.prepared
    program = quantised_program(model.prepared[stage], fold=made.FOLDED) if integer else module
    made.convert(program, model.stages.examples(stage), path, (module.inputs, module.outputs), integer=integer)


def graph_name(stage: Stage, runtime: Runtime) -> str:
    """File name of a converted stage."""
    return f"{stage}{target(runtime).SUFFIX}"


def _convert_stages(model_path: Path, folder: Path, precision: Precision, runtimes: Sequence[Runtime]) -> Reports:
    folder.mkdir(parents=True)
    order: tuple[Stage, ...] = ("focus", "glance", "policy")
    work = [(runtime, stage) for runtime in runtimes for stage in order]
    paths = {(runtime, stage): folder / graph_name(stage, runtime) for runtime, stage in work}
    workers = min(len(work), os.cpu_count() or 1)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    context = multiprocessing.get_context("spawn")
    with Progress(*columns) as progress, ProcessPoolExecutor(workers, mp_context=context) as pool:
        tasks = {item: progress.add_task(f"{item[1]} to {item[0]}, {precision}") for item in work}
        jobs = {pool.submit(convert_stage, model_path, item[1], precision, item[0], paths[item]): item for item in work}
        for job in as_completed(jobs):
            job.result()
            progress.stop_task(tasks[jobs[job]])
    return {item: target(item[0]).report(paths[item]) for item in work}


def _manifest(
    model: QuantisedModel,
    model_path: Path,
    folder: Path,
    precision: Precision,
    reports: Reports,
    geometry: Geometry,
    golden_source: str,
) -> Manifest:
    stages: dict[Stage, dict[Runtime, GraphFile]] = {}
    for stage in STAGES:
        module = model.stages.modules()[stage]
        stages[stage] = {}
        for runtime in dict.fromkeys(runtime for runtime, _ in reports):
            name = f"graphs/{graph_name(stage, runtime)}"
            inputs, outputs = target(runtime).tensor_specs(folder / name, (module.inputs, module.outputs))
            record, report = file_record(folder, name), reports[runtime, stage]
            stages[stage][runtime] = GraphFile(
                **record.model_dump(),
                precision="int8" if precision == "int8" and stage in model.prepared else "fp32",
                inputs=tuple(inputs),
                outputs=tuple(outputs),
                macs=report.macs,
                delegates=report.delegates,
                delegated_share=round(report.delegated_share, 6),
            )
    packages = (*PACKAGES, *(name for runtime in stages["glance"] for name in target(runtime).PACKAGES))
    blank = FileRecord(file=GOLDEN_FRAMES, sha256="0" * 64, bytes=1)
    created = time.gmtime(int(os.environ.get(REPRODUCIBLE_CLOCK, time.time())))
    return Manifest(
        schema_version=1,
        name=model_path.stem,
        preset=model.preset,
        geometry=geometry,
        labels=model.labels,
        stages=stages,
        golden=Golden(source=golden_source, frames=blank, answers=blank),
        provenance=Provenance(
            model=model_path.name,
            model_sha256=sha256_of(model_path),
            packages={name: version(name) for name in packages},
            created=time.strftime("%Y-%m-%dT%H:%M:%SZ", created),
        ),
    )


def _with_golden(manifest: Manifest, folder: Path, recognizer: Recognizer, clip: Clip) -> Manifest:
    """Store one clip and its answers."""
    (folder / "golden").mkdir()
    np.savez_compressed(folder / GOLDEN_FRAMES, glance=clip.glance, candidates=clip.candidates)
    prediction = recognizer.recognize_clip(clip)
    answers = {**prediction.outputs, "frame_indices": np.array(prediction.candidate_indices)}
    np.savez_compressed(folder / GOLDEN_ANSWERS, **answers)  # type: ignore[arg-type]
    golden = Golden(
        source=manifest.golden.source,
        frames=file_record(folder, GOLDEN_FRAMES),
        answers=file_record(folder, GOLDEN_ANSWERS),
    )
    return manifest.model_copy(update={"golden": golden})


def show(exported: Exported, console: Console) -> None:
    """Print what was made, how much of it is delegated, and how exact it is."""
    for runtime, parity in exported.parity.items():
        table = Table("stage", "type", "MB", "GMAC", "delegates", "accelerated", "difference", title=runtime)
        for stage in STAGES:
            graph, report = exported.bundle.manifest.stages[stage][runtime], exported.reports[runtime, stage]
            away = parity.stages[stage]
            table.add_row(
                stage,
                graph.precision,
                f"{graph.bytes / 1e6:.2f}",
                f"{report.macs / 1e9:.3f}",
                "-" if report.delegates is None else str(report.delegates),
                f"{100 * report.delegated_share:.1f} %",
                f"{away.steps} steps" if graph.outputs[0].scale else f"{away.relative:.0e}",
            )
        console.print(table)
        for stage in STAGES:
            outside = ", ".join(f"{n} {name}" for name, n in exported.reports[runtime, stage].left_out.items())
            console.print(f"{stage}, not accelerated: {outside or 'nothing'}", highlight=False)
        console.print(
            f"{runtime}: five best labels equal on {parity.same_best} of {parity.clips} clips", highlight=False
        )
    console.print(
        "accelerated: share of the GMAC in delegates, or in integer kernels of an int8 graph; difference to the "
        "trained program on real clips: output steps of integers, relative for floats; "
        f"{exported.seconds:.0f} s in all",
        highlight=False,
    )
