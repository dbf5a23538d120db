"""A model or a checkpoint becomes a bundle: convert the stages side by side, prove them on real clips, pack."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from calibration.model_file import load_model
from calibration.post_training import geometry_of
from converters.conversion import Item, convert_stages
from converters.packing import manifest_of, with_golden, with_verdicts
from converters.parity import reference_stages
from converters.report import Report
from converters.source import as_model_file
from converters.targets import TARGETS
from converters.verification import Verdict, opener_of, verify_runtime, whole_enough
from edge.bundle import Bundle, write_bundle
from edge.clip import Clip, clip_windows
from edge.errors import AdafocusError, MissingRuntimeError
from edge.manifest import STAGES, Manifest, Precision, Runtime
from edge.recognizer import Recognizer
from edge.runtimes import open_graph

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
        calibration: clip lists and videos for a checkpoint that is not quantised yet.
        calibration_clips: how many of them at most.
        preset: the checkpoint's configuration.
        labels: its class names.
        whole: refuse stages that are not taken whole by one delegate.
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


@dataclass
class Exported:
    """What a conversion made and proved; reports by runtime and stage, verdicts by runtime."""

    reports: dict[Item, Report] = field(default_factory=dict)
    verdicts: dict[Runtime, Verdict] = field(default_factory=dict)
    bundle: Bundle | None = None
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether any runtime failed."""
        return any(verdict.state == "failed" for verdict in self.verdicts.values())


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
            raise AdafocusError(f"{request.origin} is not quantised. Export it with --precision fp32.")
        geometry = geometry_of(model.config)
        clips = [clip for video in request.videos for clip in clip_windows(video, geometry, request.windows)]
        if not clips:
            raise AdafocusError("There is no clip to prove the conversion on. Name a video: --prove VIDEO")
        converted = Path(scratch) / "graphs"
        outcomes = convert_stages(source.path, converted, request.precision, runtimes)
        for runtime in runtimes:
            answers = {stage: outcomes[runtime, stage] for stage in STAGES}
            reasons = [f"{stage}: {answer}" for stage, answer in answers.items() if isinstance(answer, str)]
            if reasons:
                exported.verdicts[runtime] = Verdict("failed", "; ".join(reasons))
        exported.reports = {item: outcome for item, outcome in outcomes.items() if isinstance(outcome, Report)}
        programs = reference_stages(model, request.precision)

        def fill(folder: Path) -> Manifest:
            shutil.copytree(converted, folder / "graphs")
            there = {item: report for item, report in exported.reports.items() if item[0] not in exported.verdicts}
            manifest = manifest_of(model, source, folder, request.precision, there, request.videos[0].name)
            bundle = Bundle(folder, manifest)
            for runtime in bundle.runtimes():
                reason = _refused(request, exported, runtime)
                exported.verdicts[runtime] = (
                    verify_runtime(bundle, runtime, programs, clips, request.precision)
                    if reason is None
                    else Verdict("failed", reason)
                )
            return _packed(with_verdicts(manifest, exported.verdicts), folder, clips[0])

        if any(runtime not in exported.verdicts for runtime in runtimes):
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


def _refused(request: Request, exported: Exported, runtime: Runtime) -> str | None:
    """Why a runtime's files are not wanted although they are right, or None."""
    if not request.whole:
        return None
    return whole_enough([(stage, exported.reports[runtime, stage].whole()) for stage in STAGES])


def _packed(manifest: Manifest, folder: Path, clip: Clip) -> Manifest:
    """Drop the files of runtimes that were not proved and store the golden clip."""
    kept = {graph.file for graphs in manifest.stages.values() for graph in graphs.values()}
    if not kept:
        raise NothingProvedError("No conversion could be proved, so no bundle is written.")
    for path in (folder / "graphs").iterdir():
        if f"graphs/{path.name}" not in kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    bundle = Bundle(folder, manifest)
    runtime = bundle.runtimes()[0]
    return with_golden(manifest, folder, Recognizer(bundle, runtime, 2, None, opener_of(runtime) or open_graph), clip)
