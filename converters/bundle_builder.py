"""Manifest and golden clip of a bundle."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from adafocus.calibration.datasets.fingerprints import in_history, joined
from adafocus.calibration.quantization.model_file import StoredModel
from adafocus.calibration.views.geometry import geometry_of
from adafocus.converters.backends.registry import Report, back_end
from adafocus.converters.model_source import Source
from adafocus.converters.verification.verdict import Verdict
from adafocus.converters.workers import Graph, Item, graph_name, graph_precision, module_of
from adafocus.edge.bundle.bundle import file_record
from adafocus.edge.bundle.manifest import (
    PARTS,
    FileRecord,
    Golden,
    GraphFile,
    Manifest,
    Precision,
    Provenance,
    Runtime,
)
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.selftest import clip_of_golden, golden_answers, golden_frames
from adafocus.edge.video.clip import Clip
from adafocus.networks.cost import count_macs

PACKAGES = ("adafocus-edge", "torch", "torchao", "executorch")
GOLDEN_FRAMES, GOLDEN_ANSWERS = "golden/clip.npz", "golden/answers.npz"
REPRODUCIBLE_CLOCK = "SOURCE_DATE_EPOCH"


def manifest_of(
    model: StoredModel,
    source: Source,
    folder: Path,
    precision: Precision,
    reports: Mapping[Item, Report],
    golden_source: str,
) -> Manifest:
    """Describe the files that stand in ``folder/graphs``; the golden clip is still blank.

    Args:
        model: what was converted.
        source: where it comes from.
        folder: of the bundle.
        precision: of glance and focus.
        reports: by runtime and graph; every runtime has all stages. The parts of the glance are described for the
            runtimes that have both.
        golden_source: name of the video of the golden clip.
    """
    runtimes = tuple(dict.fromkeys(runtime for runtime, _ in reports))
    parted = [runtime for runtime in runtimes if all((runtime, part) in reports for part in PARTS)]

    def described(names: Iterable[Any], of: Sequence[Runtime]) -> dict[Any, dict[Runtime, GraphFile]]:
        return {
            name: _described(model, folder, name, precision, {runtime: reports[runtime, name] for runtime in of})
            for name in names
        }

    geometry = geometry_of(model.config)
    blank = FileRecord(file=GOLDEN_FRAMES, sha256="0" * 64, bytes=1)
    return Manifest(
        schema_version=1,
        name=source.name,
        preset=model.preset,
        geometry=geometry,
        labels=model.labels,
        stages=described(geometry.stage_names, runtimes),
        incremental=described(PARTS, parted) if parted else {},
        golden=Golden(source=golden_source, runtime=runtimes[0], frames=blank, answers=blank),
        provenance=_provenance(source, runtimes, joined(in_history(model.history))),
    )


def _described(
    model: StoredModel, folder: Path, graph: Graph, precision: Precision, reports: Mapping[Runtime, Report]
) -> dict[Runtime, GraphFile]:
    """Describe the files of one graph."""
    found: dict[Runtime, GraphFile] = {}
    for runtime, report in reports.items():
        own = graph_precision(model, graph, precision, back_end(runtime))
        module, example = module_of(model, graph, own)
        name = f"graphs/{graph_name(graph, runtime)}"
        inputs, outputs = back_end(runtime).load().tensor_specs(folder / name, (module.inputs, module.outputs))
        found[runtime] = GraphFile(
            **file_record(folder, name).model_dump(),
            precision=own,
            inputs=tuple(inputs),
            outputs=tuple(outputs),
            macs=_macs(module, example),
            delegates=report.delegates,
            delegated_share=round(report.delegated_share, 6),
        )
    return found


def _macs(module: nn.Module, example: tuple[Tensor, ...]) -> int:
    """Count the multiply-accumulates of one call."""
    return count_macs(module, lambda: module(*example))


def _provenance(source: Source, runtimes: tuple[Runtime, ...], seen: str) -> Provenance:
    """Name versions and clips, and a time only where one is asked for: the same inputs must give the same bytes."""
    packages = dict.fromkeys((*PACKAGES, *(name for runtime in runtimes for name in back_end(runtime).distributions)))
    clock = os.environ.get(REPRODUCIBLE_CLOCK)
    return Provenance(
        model=source.origin,
        model_sha256=source.sha256,
        packages={name: version(name) for name in packages},
        created=None if clock is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(clock))),
        seen=seen or None,
    )


def with_verdicts(
    manifest: Manifest, verdicts: Mapping[Runtime, Verdict], of_parts: Mapping[Runtime, Verdict]
) -> Manifest:
    """Keep the runtimes that were verified, and say by what; the parts of the glance have verdicts of their own.

    A runtime that is not among the verdicts was not verified.
    """
    stages = {stage: _verified(graphs, verdicts) for stage, graphs in manifest.stages.items()}
    parts = {part: _verified(graphs, of_parts) for part, graphs in manifest.incremental.items()}
    kept = parts if all(parts.values()) else {}
    return manifest.model_copy(update={"stages": stages, "incremental": kept})


def _verified(graphs: Mapping[Runtime, GraphFile], verdicts: Mapping[Runtime, Verdict]) -> dict[Runtime, GraphFile]:
    """Keep the files of verified runtimes."""
    return {
        runtime: graph.model_copy(update={"proved_by": verdicts[runtime].proved_by})
        for runtime, graph in graphs.items()
        if runtime in verdicts and verdicts[runtime].proved_by is not None
    }


def with_golden(manifest: Manifest, folder: Path, recognizer: Recognizer, clip: Clip) -> Manifest:
    """Store one clip and what every stage answers."""
    (folder / "golden").mkdir()
    frames = golden_frames(clip, manifest.geometry)
    np.savez_compressed(folder / GOLDEN_FRAMES, **frames)  # type: ignore[arg-type]
    golden_clip = clip_of_golden(frames)
    prediction = recognizer.recognize_clip(golden_clip)
    answers = golden_answers(golden_clip, prediction, manifest)
    np.savez_compressed(folder / GOLDEN_ANSWERS, **answers)  # type: ignore[arg-type]
    golden = Golden(
        source=manifest.golden.source,
        runtime=recognizer.runtime,  # type: ignore[arg-type]
        frames=file_record(folder, GOLDEN_FRAMES),
        answers=file_record(folder, GOLDEN_ANSWERS),
        label=prediction.label,
    )
    return manifest.model_copy(update={"golden": golden})
