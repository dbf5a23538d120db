"""A model or a checkpoint becomes a bundle: convert the stages side by side, prove them on real clips, pack."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from adafocus.calibration.quantization.model_file import load_model
from adafocus.calibration.quantization.ptq import geometry_of
from adafocus.converters.backends.registry import TARGETS, Report
from adafocus.converters.bundle_builder import manifest_of, with_golden, with_verdicts
from adafocus.converters.model_source import as_model_file
from adafocus.converters.verification.parity import reference_stages
from adafocus.converters.verification.verdict import Verdict, opener_of, verify_parts, verify_runtime, whole_enough
from adafocus.converters.workers import AnyItem, Outcome, convert_graphs
from adafocus.edge.bundle.bundle import Bundle, write_bundle
from adafocus.edge.bundle.manifest import PARTS, STAGES, Manifest, Part, Precision, Runtime, Stage
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.runtimes import open_graph
from adafocus.edge.video.clip import Clip, clip_windows
from adafocus.errors import AdafocusError, MissingRuntimeError
from adafocus.networks.lowering import glance_parts

DEFAULT: Runtime = "litert"
CALIBRATION_CLIPS = 200


@dataclass(frozen=True)
class Request:
    """What to convert, for which runtimes, and how to prove it.

    Attributes:
        origin: a model file or a checkpoint.
        destination: the bundle to make, a folder or a name that ends in ``.zip``.
        precision: of glance and focus; the policy of an int8 bundle is float32.
        runtimes: for which runtimes; the golden answers are those of the first that is proved.
        videos: real videos to prove it on; the golden clip is the first of them.
        windows: clips to cut from each video.
        calibration: clip lists and videos for a checkpoint that is not quantized yet.
        calibration_clips: how many of them at most.
        preset: the checkpoint's configuration.
        labels: its class names.
        whole: refuse stages that are not taken whole by one delegate.
        incremental: also convert the glance in two parts, where the variant has them.
    """

    origin: Path
    destination: Path
    precision: Precision
    videos: Sequence[Path]
    windows: int
    runtimes: Sequence[Runtime] = (DEFAULT,)
    calibration: Sequence[Path] = ()
    calibration_clips: int = CALIBRATION_CLIPS
    preset: str | None = None
    labels: Path | None = None
    whole: bool = False
    incremental: bool = True


@dataclass
class Exported:
    """What a conversion made and proved; reports by runtime and stage, verdicts by runtime.

    The parts of the glance have verdicts of their own, because a runtime is whole without them.
    """

    reports: dict[AnyItem, Report] = field(default_factory=dict)
    verdicts: dict[Runtime, Verdict] = field(default_factory=dict)
    parts: dict[Runtime, Verdict] = field(default_factory=dict)
    bundle: Bundle | None = None
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether any runtime, or the incremental glance of one, failed."""
        return any(verdict.state == "failed" for verdict in (*self.verdicts.values(), *self.parts.values()))


def export(request: Request) -> Exported:
    """Convert, prove, pack. Only what is proved goes into the bundle; where nothing is, none is written.

    Raises:
        AdafocusError: the source cannot be used, or a video cannot be read. Nothing is written.
    """
    started = time.perf_counter()
    runtimes = _known(request.runtimes)
    exported = Exported()
    with TemporaryDirectory(prefix="adafocus-export-") as scratch:
        source = as_model_file(
            request.origin, Path(scratch), request.precision, request.calibration, request.calibration_clips,
            request.preset, request.labels,
        )  # fmt: skip
        model = load_model(source.path)
        if request.precision == "int8" and not model.prepared:
            raise AdafocusError(f"{request.origin} is not quantized. Export it with --precision fp32.")
        geometry = geometry_of(model.config)
        clips = [clip for video in request.videos for clip in clip_windows(video, geometry, request.windows)]
        if not clips:
            raise AdafocusError("There is no clip to prove the conversion on. Name a video: --prove VIDEO")
        converted = Path(scratch) / "graphs"
        parts = PARTS if request.incremental and glance_parts(model.stages) else ()
        outcomes = convert_graphs(source.path, converted, request.precision, runtimes, (*STAGES, *parts))
        for verdicts, graphs in ((exported.verdicts, STAGES), (exported.parts, parts)):
            verdicts |= {name: Verdict("failed", why) for name in runtimes if (why := _unmade(outcomes, name, graphs))}
        exported.reports = {item: outcome for item, outcome in outcomes.items() if isinstance(outcome, Report)}
        usable = [runtime for runtime in runtimes if runtime not in exported.verdicts]
        programs = reference_stages(model, request.precision)

        def fill(folder: Path) -> Manifest:
            shutil.copytree(converted, folder / "graphs")
            reports = exported.reports
            there = {(name, stage): reports[name, stage] for name in usable for stage in STAGES}
            extras = {(name, part): reports[name, part] for name in usable for part in parts if (name, part) in reports}
            manifest = manifest_of(model, source, folder, request.precision, there, request.videos[0].name, extras)
            bundle = Bundle(folder, manifest)
            for runtime in bundle.runtimes():
                reason = _refused(request, exported, runtime)
                exported.verdicts[runtime] = (
                    verify_runtime(bundle, runtime, programs, clips, request.precision)
                    if reason is None
                    else Verdict("failed", reason)
                )
            for runtime in manifest.incremental.get("encode", {}):
                if exported.verdicts[runtime].proved_by is not None:
                    exported.parts[runtime] = verify_parts(bundle, runtime, programs, clips, request.precision)
            return _packed(with_verdicts(manifest, exported.verdicts, exported.parts), folder, clips[0])

        if usable:
            try:
                exported.bundle = write_bundle(request.destination, fill)
            except NothingProvedError:
                exported.bundle = None
    exported.verdicts = {runtime: exported.verdicts[runtime] for runtime in runtimes}
    exported.seconds = time.perf_counter() - started
    return exported


class NothingProvedError(AdafocusError):
    """No runtime's files could be proved, so there is nothing to pack."""


def _known(runtimes: Sequence[Runtime]) -> list[Runtime]:
    for runtime in runtimes:
        if runtime not in TARGETS:
            raise MissingRuntimeError(f"There is no converter for {runtime!r}, expected one of {', '.join(TARGETS)}.")
    return list(dict.fromkeys(runtimes))


def _unmade(outcomes: Mapping[AnyItem, Outcome], runtime: Runtime, graphs: Sequence[Stage | Part]) -> str:
    """Why graphs of a runtime could not be converted; empty where all were."""
    answers = {graph: outcomes[runtime, graph] for graph in graphs}
    return "; ".join(f"{graph}: {answer}" for graph, answer in answers.items() if isinstance(answer, str))


def _refused(request: Request, exported: Exported, runtime: Runtime) -> str | None:
    """Why a runtime's files are not wanted although they are right, or None."""
    if not request.whole:
        return None
    return whole_enough([(stage, exported.reports[runtime, stage].whole()) for stage in STAGES])


def _packed(manifest: Manifest, folder: Path, clip: Clip) -> Manifest:
    """Drop the files of runtimes that were not proved and store the golden clip."""
    kinds = (*manifest.stages.values(), *manifest.incremental.values())
    kept = {graph.file for graphs in kinds for graph in graphs.values()}
    if not kept:
        raise NothingProvedError("No conversion could be proved, so no bundle is written.")
    for path in (folder / "graphs").iterdir():
        if f"graphs/{path.name}" not in kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    bundle = Bundle(folder, manifest)
    runtime = bundle.runtimes()[0]
    return with_golden(manifest, folder, Recognizer(bundle, runtime, 2, None, opener_of(runtime) or open_graph), clip)
