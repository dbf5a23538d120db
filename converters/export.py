"""A model or a checkpoint becomes a bundle: convert the stages side by side, verify them on real clips, pack."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from adafocus.calibration.quantization.model_file import StoredModel, load_model
from adafocus.calibration.views.geometry import geometry_of
from adafocus.converters.backends.registry import WITHOUT_PAST, Report, back_end
from adafocus.converters.bundle_builder import manifest_of, with_golden, with_verdicts
from adafocus.converters.device_readme import readme_of
from adafocus.converters.graph_cache import GraphCache
from adafocus.converters.model_source import Source, as_model_file
from adafocus.converters.verification.parity import reference_stages
from adafocus.converters.verification.verdict import Verdict, opener_of, verify_parts, verify_runtime
from adafocus.converters.workers import Graph, Item, Outcome, convert_graphs, reports_of
from adafocus.edge.bundle.bundle import Bundle, write_bundle
from adafocus.edge.bundle.files import temporary_prefix
from adafocus.edge.bundle.manifest import PARTS, STAGES, Manifest, Part, Precision, Runtime
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.runtimes import open_graph
from adafocus.edge.video.clip import Clip, clip_windows
from adafocus.errors import AdafocusError, shell_word
from adafocus.networks.lowering import glance_parts

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """What to convert, for which runtimes, and how to verify it.

    Attributes:
        model: a model file or a checkpoint.
        out: the bundle to make, a folder or a name that ends in ``.zip``.
        precision: of the stages; one that an int8 model did not quantize stays float32.
        videos: real videos to verify it on; the golden clip is the first of them.
        windows: clips to cut from each video.
        runtimes: for which runtimes; the golden answers are those of the first that is verified by itself, or else by
            an evaluator.
        calibration: clip lists and videos for a checkpoint that is not quantized yet.
        calibration_clips: how many of them at most.
        preset: the checkpoint's configuration.
        labels: its class names.
        require_full_delegation: refuse stages that are not fully delegated.
        device: the kind of device whose README goes into the bundle; None: none does.
        incremental: also convert the glance in two parts, where the variant has them and the device takes them.
        exits: a bundle of the same model, whose calibrated exits and measured figures the new one takes over.
        cache: folder of converted graphs, from which those of unchanged stages are taken; None: all are converted.
    """

    model: Path
    out: Path
    precision: Precision
    videos: Sequence[Path]
    windows: int
    runtimes: Sequence[Runtime] = ("litert",)
    calibration: Sequence[Path] = ()
    calibration_clips: int = 200
    preset: str | None = None
    labels: Path | None = None
    require_full_delegation: bool = False
    incremental: bool = True
    exits: Path | None = None
    device: str | None = None
    cache: Path | None = None


@dataclass
class Exported:
    """What a conversion made and verified; reports by runtime and stage, verdicts by runtime.

    The parts of the glance have verdicts of their own, because a runtime is complete without them.
    """

    reports: dict[Item, Report] = field(default_factory=dict)
    verdicts: dict[Runtime, Verdict] = field(default_factory=dict)
    parts: dict[Runtime, Verdict] = field(default_factory=dict)
    bundle: Bundle | None = None
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Say whether any runtime, or the incremental glance of one, failed."""
        return any(verdict.state == "failed" for verdict in (*self.verdicts.values(), *self.parts.values()))


def export(request: Request) -> Exported:
    """Convert, verify, pack. Only what is verified goes into the bundle; where nothing is, none is written.

    Raises:
        AdafocusError: the source cannot be used, or a video cannot be read. Nothing is written.
    """
    started = time.perf_counter()
    runtimes = list(dict.fromkeys(back_end(name).runtime for name in request.runtimes))
    exported = Exported()
    with TemporaryDirectory(prefix=temporary_prefix("export")) as scratch:
        source = as_model_file(
            request.model, Path(scratch), request.precision, request.calibration, request.calibration_clips,
            request.preset, request.labels,
        )  # fmt: skip
        calibrated = None if request.exits is None else exits_of(request.exits, source)
        model = load_model(source.path)
        if request.precision == "int8" and not model.prepared:
            raise AdafocusError(f"{request.model} is not quantized. Export it with --precision fp32.")
        if request.device is not None and request.precision == "int8":
            unfit = [name for name in runtimes if model.grids not in back_end(name).grids]
            runtimes = [name for name in runtimes if name not in unfit]
            for name in unfit:
                logger.warning("%s is left out: it has no int8 kernels for %s grids.", name, model.grids)
        geometry = geometry_of(model.config)
        clips = [clip for video in request.videos for clip in clip_windows(video, geometry, request.windows)]
        if not clips:
            raise AdafocusError("There is no clip to verify the conversion on. Name a video: --verify VIDEO")
        converted = Path(scratch) / "graphs"
        parts = parts_for(request, model)
        stages = geometry.stage_names
        kept = None if request.cache is None else GraphCache(request.cache)
        with ThreadPoolExecutor(1) as meanwhile:
            made = meanwhile.submit(reference_stages, model, request.precision)
            outcomes = convert_graphs(source.path, converted, request.precision, runtimes, (*stages, *parts), kept)
        programs = made.result()
        for verdicts, graphs in ((exported.verdicts, stages), (exported.parts, parts)):
            verdicts |= {name: Verdict("failed", why) for name in runtimes if (why := _unmade(outcomes, name, graphs))}
        exported.reports = reports_of(outcomes)
        usable = [runtime for runtime in runtimes if runtime not in exported.verdicts]

        def fill(folder: Path) -> Manifest:
            shutil.copytree(converted, folder / "graphs")
            reports = {item: report for item, report in exported.reports.items() if item[0] in usable}
            manifest = manifest_of(model, source, folder, request.precision, reports, request.videos[0].name)
            manifest = manifest.model_copy(update=calibrated)
            bundle = Bundle(folder, manifest)
            for runtime in usable:
                refusal = partly_delegated(reports, runtime) if request.require_full_delegation else None
                exported.verdicts[runtime] = (
                    Verdict("failed", refusal)
                    if refusal
                    else verify_runtime(bundle, runtime, programs, clips, request.precision)
                )
            for runtime in manifest.incremental.get("encode", {}):
                if exported.verdicts[runtime].proved_by is not None:
                    exported.parts[runtime] = verify_parts(bundle, runtime, programs, clips, request.precision)
            packed = _packed(with_verdicts(manifest, exported.verdicts, exported.parts), folder, clips[0])
            readme = None if request.device is None else readme_of(request.device, packed)
            if readme is not None:
                (folder / "README.md").write_text(readme, encoding="utf-8")
            return packed

        if usable:
            try:
                exported.bundle = write_bundle(request.out, fill)
            except NothingVerifiedError:
                exported.bundle = None
    exported.verdicts = {runtime: exported.verdicts[runtime] for runtime in runtimes}
    exported.seconds = time.perf_counter() - started
    return exported


def parts_for(request: Request, model: StoredModel) -> tuple[Part, ...]:
    """Return the parts of the glance that a bundle gets: both or none."""
    unknown = request.device in WITHOUT_PAST and model.config.shift == "past"
    return PARTS if request.incremental and not unknown and glance_parts(model.stages) else ()


def exits_of(path: Path, source: Source) -> dict[str, Any]:
    """Return what a bundle says of exits and of accuracy, which holds for every bundle of the same model.

    Raises:
        AdafocusError: it is no bundle, is of another model, or its exits were not calibrated.
    """
    with Bundle.open(path) as bundle:
        manifest = bundle.manifest
    if manifest.provenance.model_sha256 != source.sha256:
        raise AdafocusError(
            f"{path} was made from {manifest.provenance.model}, whose SHA-256 is "
            f"{manifest.provenance.model_sha256[:12]}..., and not from {source.origin}. Thresholds of one model are "
            "wrong for another: export without --exits, then adafocus calibrate BUNDLE CLIPS"
        )
    if not manifest.exits.budgets:
        raise AdafocusError(
            f"{path} has no calibrated thresholds, expected some. Find them first: "
            f"adafocus calibrate {shell_word(path)} CLIPS"
        )
    return {"exits": manifest.exits, "measured": manifest.measured}


class NothingVerifiedError(AdafocusError):
    """No runtime's files could be verified, so there is nothing to pack."""


def _unmade(outcomes: Mapping[Item, Outcome], runtime: Runtime, graphs: Sequence[Graph]) -> str:
    """Return why graphs of a runtime could not be converted; empty where all were."""
    answers = {graph: outcomes[runtime, graph] for graph in graphs}
    return "; ".join(f"{graph}: {answer}" for graph, answer in answers.items() if isinstance(answer, str))


def partly_delegated(reports: Mapping[Item, Report], runtime: Runtime) -> str | None:
    """Return a sentence on the stages that are not fully delegated, or None."""
    split = [stage for stage in STAGES if (runtime, stage) in reports and not reports[runtime, stage].fully_delegated()]
    return f"not fully delegated: {', '.join(split)}" if split else None


def _packed(manifest: Manifest, folder: Path, clip: Clip) -> Manifest:
    """Drop the files of runtimes that were not verified and store the golden clip."""
    kinds = (*manifest.stages.values(), *manifest.incremental.values())
    kept = {graph.file for graphs in kinds for graph in graphs.values()}
    if not kept:
        raise NothingVerifiedError("No conversion could be verified, so no bundle is written.")
    for path in (folder / "graphs").iterdir():
        if f"graphs/{path.name}" not in kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    bundle = Bundle(folder, manifest)
    runtimes = bundle.runtimes()
    # what the runtime itself gives is worth more than what an evaluator gives in its place
    ran = [name for name in runtimes if all(graphs[name].proved_by == "runtime" for graphs in manifest.stages.values())]
    runtime = (ran or runtimes)[0]
    return with_golden(manifest, folder, Recognizer(bundle, runtime, 2, None, opener_of(runtime) or open_graph), clip)
