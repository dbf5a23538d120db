"""Convert every preset by every converter, and say what became of each file. Takes hours, and resumes.

    python -m benchmarks.matrix --clips clips.csv --out results/conversions.yaml

Presets for which no trained weights are given get random ones whose batch norms are settled on real clips, so that
activations are alive; the figures say how exact and how fast the files are, not how good the network is.
"""

from __future__ import annotations

import json
import multiprocessing
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, get_args

import click
import numpy as np
import torch
import yaml
from rich.progress import track
from torch import nn

from adafocus import networks
from adafocus.calibration.datasets.augmentation import normalize
from adafocus.calibration.quantization.model_file import StoredModel, load_model
from adafocus.calibration.quantization.ptq import calibration_views, listed_videos
from adafocus.calibration.report_file import write_report
from adafocus.calibration.views.geometry import geometry_of
from adafocus.converters.backends.registry import BACK_ENDS
from adafocus.converters.bundle_builder import manifest_of
from adafocus.converters.model_source import Source, write_model
from adafocus.converters.verification.parity import reference_stages
from adafocus.converters.verification.verdict import Verdict, verify_runtime
from adafocus.converters.workers import Item, Outcome, convert_graphs, reports_of
from adafocus.edge.bundle.bundle import MANIFEST, Bundle
from adafocus.edge.bundle.files import replacing_file, sha256_of
from adafocus.edge.bundle.manifest import STAGES, Manifest, Precision, Runtime, Stage
from adafocus.edge.bundle.validation import parse_manifest
from adafocus.edge.runtimes import open_graph, unavailable
from adafocus.edge.video.clip import read_clip
from adafocus.errors import AdafocusError
from benchmarks.harness import PATH, SEED, Benchmark, console, medians, option, random_inputs

SETTLING_CLIPS = 2
CALIBRATION_CLIPS = 8
RECORD = "record.json"
FILE_KEYS = ("preset", "asked", "stage", "runtime")
WARM_UP, MIN_TURNS, TURNS, SECONDS = 2, 5, 15, 2.0
THREADS = (1, 2)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
TIMED: tuple[Runtime, ...] = ("litert", "onnx", "executorch")


def convert_preset(
    name: str,
    precision: Precision,
    runtimes: Sequence[Runtime],
    videos: Sequence[Path],
    clips: int,
    work: Path,
    model_path: Path | None = None,
) -> dict[str, Any]:
    """Convert and verify one preset, or one trained model; what is there already is not made again.

    Args:
        name: a preset, or the name of the trained model.
        precision: of glance and focus.
        runtimes: which converters.
        videos: real videos to calibrate on and to verify with.
        clips: how many of them to verify with.
        work: folder for files and records.
        model_path: a trained model file.
    """
    folder = work / f"{name}-{precision}"
    record = folder / RECORD
    if record.is_file():
        return json.loads(record.read_text(encoding="utf-8"))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    started = time.perf_counter()
    path = model_path or random_model(name, precision, videos, work)
    model = load_model(path)
    outcomes, bundle = bundle_without_golden(path, name, folder, precision, runtimes, videos[0].name)
    verdicts = _verdicts(bundle, model, precision, videos, clips)
    content = {
        "preset": model.preset,
        "name": name,
        "precision": precision,
        "seconds": round(time.perf_counter() - started),
        "files": [_file(bundle.manifest, item, outcomes[item], verdicts.get(item[0])) for item in outcomes],
        "runtimes": {runtime: _agreement(verdict) for runtime, verdict in verdicts.items()},
    }
    write_report(record, content)
    return content


def bundle_without_golden(
    model_path: Path, name: str, folder: Path, precision: Precision, runtimes: Sequence[Runtime], source: str
) -> tuple[dict[Item, Outcome], Bundle]:
    """Convert a model and describe the runtimes that have every stage; without a golden clip, so not for the device.

    Args:
        model_path: a model file.
        name: of the bundle.
        folder: for the files and the manifest.
        precision: of glance and focus.
        runtimes: which converters.
        source: what the manifest names as the source of its golden clip.

    Raises:
        AdafocusError: no runtime has every stage.
    """
    model = load_model(model_path)
    stages = geometry_of(model.config).stage_names
    outcomes = convert_graphs(model_path, folder / "graphs", precision, runtimes, stages)
    reports = reports_of(outcomes)
    complete = [runtime for runtime in runtimes if all((runtime, stage) in reports for stage in stages)]
    if not complete:
        failed = "; ".join(outcome for outcome in outcomes.values() if isinstance(outcome, str))
        raise AdafocusError(f"{name} cannot be converted for any of {', '.join(runtimes)}: {failed}.")
    kept = {item: report for item, report in reports.items() if item[0] in complete}
    origin = Source(model_path, name, model_path.name, sha256_of(model_path))
    manifest = manifest_of(model, origin, folder, precision, kept, source)
    with replacing_file(folder / MANIFEST) as beside:
        beside.write_text(manifest.model_dump_json(), encoding="utf-8")
    return outcomes, Bundle(folder, manifest)


def _verdicts(
    bundle: Bundle, model: StoredModel, precision: Precision, videos: Sequence[Path], clips: int
) -> dict[Runtime, Verdict]:
    """Verify every runtime of a bundle on some of the videos, spread over all."""
    chosen = [videos[i] for i in np.linspace(0, len(videos) - 1, clips).astype(int)]
    material = [read_clip(video, bundle.manifest.geometry) for video in chosen]
    programs = reference_stages(model, precision)
    return {runtime: verify_runtime(bundle, runtime, programs, material, precision) for runtime in bundle.runtimes()}


def _file(manifest: Manifest, item: Item, outcome: Outcome, verdict: Verdict | None) -> dict[str, Any]:
    """Return the record of one file."""
    runtime, stage = item
    base: dict[str, Any] = {"stage": stage, "runtime": runtime}
    if isinstance(outcome, str):
        return base | {"state": "failed", "why": outcome}
    if verdict is None:
        return base | {"state": "converted, not verified here", "why": "another stage failed"}
    graph = manifest.stages[stage][runtime]  # type: ignore[index]
    found = None if verdict.parity is None else verdict.parity.stages[stage]
    record = base | {
        "state": verdict.state,
        "precision": graph.precision,
        "bytes": graph.bytes,
        "gmac": round(graph.macs / 1e9, 4),
        "delegates": outcome.delegates,
        "delegated_macs": round(outcome.delegated_share, 4),
        "outside": outcome.left_out,
        "steps": None if found is None or graph.precision != "int8" else found.steps,
        "relative": None if found is None else float(f"{found.relative:.1e}"),
    }
    return record | ({"why": verdict.why} if verdict.why else {})


def _agreement(verdict: Verdict) -> dict[str, Any]:
    """Return how far a runtime's files agree with the trained program."""
    found = {"state": verdict.state, "why": verdict.why}
    if verdict.parity is None:
        return found
    parity = {key: value for key, value in asdict(verdict.parity).items() if key not in ("stages", "precision")}
    return found | parity | {"largest_box": float(f"{parity['largest_box']:.1e}")}


def random_model(name: str, precision: Precision, videos: Sequence[Path], work: Path, **changes: Any) -> Path:
    """Make a model file of a preset, or of one with other settings, with random weights; it is made once.

    Args:
        name: a preset.
        precision: ``int8`` quantizes it.
        videos: real videos to settle batch norms and to calibrate on.
        work: folder for the file.
        changes: settings of the preset to replace.
    """
    kind = "int8" if precision == "int8" else "float"
    path = work / f"{'-'.join([name, *(f'{key}-{value}' for key, value in changes.items())])}-{kind}.safetensors"
    if path.is_file():
        return path
    torch.manual_seed(SEED)
    net = networks.build(name, **changes)
    settle(net, videos)
    labels = tuple(f"class {index}" for index in range(net.config.num_classes))
    history = {"weights": f"random, seed {SEED}, batch norms settled on {SETTLING_CLIPS} clips"}
    write_model(path, net, name, labels, precision, videos, CALIBRATION_CLIPS, history)
    return path


@torch.no_grad()
def settle(net: networks.AdaFocus, videos: Sequence[Path]) -> None:
    """Let every batch norm take the statistics of real clips, so that a random network does not die away."""
    views = calibration_views(videos, net.config, SETTLING_CLIPS)
    candidates = torch.stack([normalize(np.asarray(frames), net.config) for _, frames in views])
    glance = torch.stack([normalize(frames, net.config) for frames, _ in views])
    norms = [part for part in net.modules() if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d)]
    net.eval()
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    net.infer(candidates, glance)
    net.eval()


def time_files(work: Path, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the median milliseconds of every file that runs here, by preset, stage, runtime, precision and threads.

    The precisions of a stage take turns, so that a busy moment of the machine meets them all. Each runtime has a
    process of its own: the idle threads of some wait busily and would spoil what another does.
    """
    found: dict[str, dict[str, float]] = {}
    context = multiprocessing.get_context("spawn")
    for name, stage in track(list(product(names, STAGES)), "timing"):
        for runtime in (runtime for runtime in TIMED if unavailable(runtime) is None):
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                spent = pool.submit(time_stage, work, name, stage, runtime).result()
            found.setdefault(f"{name} {stage}", {}).update(spent)
    return found


def time_stage(work: Path, name: str, stage: Stage, runtime: Runtime) -> dict[str, float]:
    """Return the median milliseconds of one stage in one runtime, by precision and threads."""
    spent: dict[str, float] = {}
    folders = {precision: work / f"{name}-{precision}" for precision in PRECISIONS}
    for threads in THREADS:
        calls: dict[str, Callable[[], object]] = {}
        for precision, folder in folders.items():
            if not (folder / MANIFEST).is_file():
                continue
            manifest = parse_manifest((folder / MANIFEST).read_text(encoding="utf-8"), folder)
            record = manifest.stages.get(stage, {}).get(runtime)
            if record is not None:
                graph = open_graph(runtime, folder / record.file, record, threads)
                calls[precision] = partial(graph.run, random_inputs(record))
        found = medians(calls, WARM_UP, TURNS, min_turns=MIN_TURNS, max_seconds=SECONDS)
        spent |= {f"{runtime} {precision} {threads}": value for precision, value in found.items()}
    return spent


def write_matrix(
    path: Path, records: Sequence[dict[str, Any]], times: dict[str, dict[str, float]], facts: dict[str, Any]
) -> None:
    """Write all records as YAML, each file with its times.

    What was written before and not made again stays, and so do the times of a file that is as large as it was.
    """
    earlier = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    made = {(record["name"], record["precision"]) for record in records}
    rows = [row for row in earlier.get("files", ()) if (row["preset"], row["asked"]) not in made]
    known = {(*(row[key] for key in FILE_KEYS), row.get("bytes")): row for row in earlier.get("files", ())}
    for record in records:
        for file in record["files"]:
            before = known.get((record["name"], record["precision"], file["stage"], file["runtime"], file.get("bytes")))
            spent = times.get(f"{record['name']} {file['stage']}", {})
            key = f"{file['runtime']} {record['precision']}"
            ms = {name: before[name] for name in (f"ms_{threads}" for threads in THREADS) if before and name in before}
            ms |= {f"ms_{threads}": spent[f"{key} {threads}"] for threads in THREADS if f"{key} {threads}" in spent}
            rows.append({"preset": record["name"], "asked": record["precision"], **file, **ms})
    agreement = [row for row in earlier.get("agreement", ()) if (row["preset"], row["precision"]) not in made]
    agreement += [
        {"preset": record["name"], "precision": record["precision"], "runtime": runtime, **found}
        for record in records
        for runtime, found in record["runtimes"].items()
    ]
    agreement.sort(key=lambda row: (row["preset"], row["precision"], row["runtime"]))
    rows.sort(key=lambda row: (row["preset"], row["asked"], STAGES.index(row["stage"]), row["runtime"]))
    write_report(path, {**facts, "agreement": agreement, "files": rows})


def run_matrix(
    names: Sequence[str],
    precisions: Sequence[Precision],
    sources: Sequence[Path],
    clips: dict[str, int],
    work: Path,
    models: dict[str, Path],
    out: Path | None,
    timed: bool,
) -> None:
    """Convert and verify what is asked for, then time and write everything that stands in ``work``.

    What is there already is not made again, so a second call goes on where the first stopped.
    """
    videos = listed_videos(sources)
    for name in names:
        for precision in precisions:
            count = clips.get(name, min(clips.values()))
            record = convert_preset(name, precision, tuple(BACK_ENDS), videos, count, work, models.get(name))
            states = {runtime: found["state"] for runtime, found in record["runtimes"].items()}
            console.print(f"{name} {precision}: {record['seconds']} s, {states}")
    records = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(work.glob(f"*/{RECORD}"))]
    times = time_files(work, sorted({record["name"] for record in records})) if timed else {}
    if out is not None:
        clips_of = [source.name for source in sources]
        facts = {"torch": str(torch.__version__), "turns": [MIN_TURNS, TURNS], "videos": clips_of}
        write_matrix(out, records, times, facts)
        console.print(f"wrote {out}")


@click.command(cls=Benchmark)
@click.option(
    "--clips", "sources", type=PATH, multiple=True, required=True, help="Use this clip list or video, repeatable."
)
@click.option("--preset", "names", multiple=True, help="Convert this preset instead of all, repeatable.")
@click.option("--model", "models", type=PATH, multiple=True, help="Convert this trained model file too, repeatable.")
@option("--precisions", default="int8,fp32,fp16", help="Convert to these precisions, separated by commas.")
@option("--verify-clips", default=4, type=click.IntRange(1), help="Verify most presets on this many clips.")
@click.option("--many", multiple=True, help="Verify this preset on --many-clips, repeatable.")
@option("--many-clips", default=50, type=click.IntRange(1), help="Verify the presets of --many on this many clips.")
@option("--work", type=PATH, default=Path(".cache/matrix"), help="Keep files and records in this folder.")
@click.option("--time/--no-time", "timed", default=True, help="Time every file that runs here with 1 and 2 threads.")
@click.option("--out", type=PATH, help="Write everything to this YAML file.")
def main(
    sources: tuple[Path, ...],
    names: tuple[str, ...],
    models: tuple[Path, ...],
    precisions: str,
    verify_clips: int,
    many: tuple[str, ...],
    many_clips: int,
    work: Path,
    timed: bool,
    out: Path | None,
) -> None:
    """Convert every preset for every runtime and say what became of each file. Takes hours; resumes."""
    trained = {model.stem: model for model in models}
    every = names or (*trained, *networks.PRESETS)
    counts = {"": verify_clips, **dict.fromkeys(many, many_clips)}
    run_matrix(every, precisions.split(","), sources, counts, work, trained, out, timed)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
