"""Evaluate a bundle on labeled clips: the device code on video files, with all ablations of the policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adafocus.calibration.datasets import LabeledClip, read_clips
from adafocus.calibration.datasets.cache import BROKEN_SHARE_LIMIT
from adafocus.calibration.evaluation.comparison import compare, refuse_other_clips
from adafocus.calibration.evaluation.detection import positive_label
from adafocus.calibration.evaluation.evaluation_input import EvaluationInput, PlainNetwork
from adafocus.calibration.evaluation.figures import compute_figures
from adafocus.calibration.evaluation.protocol import TEST, kind_of, read_touches, record_touch, refuse_known
from adafocus.calibration.predictions.ablations import GLANCE_ALONE, ablations_of, policy_name, runs_of
from adafocus.calibration.predictions.collect import Predictions, collect
from adafocus.calibration.predictions.ground_truth import ground_truth, read_label_map
from adafocus.calibration.predictions.store import graphs_sha256, load_or_collect
from adafocus.calibration.report_file import FORMAT, KIND, read_evaluation
from adafocus.edge.device.host import read_facts
from adafocus.edge.device.install import runtime_version
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError

if TYPE_CHECKING:
    from adafocus.calibration.evaluation.baseline import View, WholeFrameClassifier

DEFAULT_LOG = Path(".cache/touches.yaml")


@dataclass(frozen=True)
class Request:
    """What to measure on.

    Attributes:
        clip_list: a clip set.
        split: of it.
        label_map: YAML from its labels to the bundle's, where they differ.
        limit: at most so many clips, spread evenly over the list; None: all.
        ablations: whether to run all of :data:`~adafocus.calibration.predictions.ablations.ABLATIONS`, or the bundle's
            own policy and the plain network alone.
        seeds: how often random ablations are run.
        groups_within_labels: groups are numbered within each label, as those of UCF-101 are.
        predictions: file that keeps the predictions.
        baseline: checkpoint of a float classifier on whole frames.
        recipe: says how it samples a clip, where it does not itself.
        view: of the baseline, such as ``8x160``, any number; empty: all of
            :data:`~adafocus.calibration.evaluation.baseline.VIEWS`, and the one that it was trained for.
        plain: bundles whose glance alone is a plain network.
        compare: file of another evaluation of the same clips.
        positive: the label that is to be detected.
        seen: clip sets that the model was made with, beside the other splits of ``clip_list``.
        touch_log: notes how often a test was run.
    """

    clip_list: Path
    split: str
    label_map: Path | None = None
    limit: int | None = None
    ablations: bool = True
    seeds: int = 3
    groups_within_labels: bool = False
    predictions: Path | None = None
    baseline: Path | None = None
    recipe: Path | None = None
    view: tuple[str, ...] = ()
    plain: tuple[Path, ...] = ()
    compare: Path | None = None
    positive: str | None = None
    seen: tuple[Path, ...] = ()
    touch_log: Path = DEFAULT_LOG


@dataclass(frozen=True)
class Evaluation:
    """What was measured: plain figures, and the clips by the path that stands in them."""

    figures: dict[str, Any]
    clips: dict[str, LabeledClip]


def evaluate_bundle(recognizer: Recognizer, request: Request) -> Evaluation:
    """Run the clips and compute everything that is reported of them.

    Raises:
        AdafocusError: the clip set, the label map, a plain network or the other evaluation cannot be read or do not
            fit, a label is unknown, too many clips are broken, the stored predictions are of another run, or the split
            is called a test and holds what the model was made with.
    """
    manifest = recognizer.bundle.manifest
    whole_split = read_clips(request.clip_list, request.split)
    clips = _spread(whole_split, request.limit)
    label_map = read_label_map(request.label_map)
    # what is wrong is told before clips are run for hours
    ground_truth(clips, manifest.labels, label_map)
    positive_label(manifest.labels, request.positive)
    protocol: dict[str, Any] = {"kind": kind_of(request.split), "split": clips[0].split}
    if protocol["kind"] == TEST:
        refuse_known(whole_split, request.clip_list, request.seen, manifest)
        read_touches(request.touch_log)
    other = None if request.compare is None else _read_other(request, request.compare, clips)
    baseline = _open_baseline(request, manifest.labels)
    others = [_open_plain(path, recognizer) for path in request.plain]
    found = _predictions(recognizer, request, clips)
    own = found[policy_name(manifest.geometry)][0]
    paths = [_listed_path(clip.path, request.clip_list) for clip in own.clips]
    floats = [] if baseline is None else baseline[0].predict(own.clips, baseline[1])
    given = EvaluationInput(
        policy_name(manifest.geometry),
        found,
        ground_truth(own.clips, manifest.labels, label_map),
        manifest.exits,
        manifest.labels,
        own.groups(request.groups_within_labels),
        tuple(paths),
        floats[0] if floats else None,
        (*(_glance_of(one, manifest.labels, own.clips) for one in others), *floats[1:]),
        request.positive,
    )
    measured_on = _measured_on(recognizer, request, own)
    figures = compute_figures(given, _run_in(recognizer))
    if protocol["kind"] == TEST:
        sha256 = measured_on["graphs_sha256"]
        protocol = record_touch(request.touch_log, whole_split, request.clip_list, manifest.name, sha256)
    figures = {"kind": KIND, "format": FORMAT, "measured_on": measured_on, "protocol": protocol, **figures}
    if other is not None and request.compare is not None:
        figures["compared"] = compare(figures, other, request.compare)
    return Evaluation(figures, dict(zip(paths, own.clips, strict=True)))


def _open_baseline(request: Request, labels: tuple[str, ...]) -> tuple[WholeFrameClassifier, tuple[View, ...]] | None:
    """Open the classifier on whole frames, the only part that runs PyTorch, and its views; its own view is the first.

    None where none is asked for.
    """
    if request.baseline is None:
        return None
    from adafocus.calibration.evaluation.baseline import VIEWS, View, WholeFrameClassifier

    views = tuple(map(View.parse, request.view)) or VIEWS
    classifier = WholeFrameClassifier(request.baseline, request.recipe, labels)
    return classifier, tuple(dict.fromkeys((classifier.view, *views)))


def _open_plain(path: Path, recognizer: Recognizer) -> Recognizer:
    """Open a bundle whose glance is a plain network, as the bundle that is evaluated was opened.

    Raises:
        AdafocusError: it cannot be opened, or knows other labels.
    """
    opened = Recognizer.open(path, recognizer.runtime, recognizer.threads)
    apart = sorted(set(opened.bundle.manifest.labels) ^ set(recognizer.bundle.manifest.labels))
    if apart:
        raise AdafocusError(
            f"{path} and the bundle differ in the label {apart[0]!r}. Give a --plain of the same labels."
        )
    return opened


def _glance_of(recognizer: Recognizer, labels: tuple[str, ...], clips: Sequence[LabeledClip]) -> PlainNetwork:
    """Run the glance of a bundle alone, by the code of the device.

    Raises:
        AdafocusError: a clip could not be read this time.
    """
    manifest = recognizer.bundle.manifest
    geometry, order = manifest.geometry, [manifest.labels.index(label) for label in labels]
    found = collect(recognizer, clips, {manifest.name: GLANCE_ALONE})[manifest.name]
    if found.broken:
        raise AdafocusError(f"A clip could be read before, and not this time: {next(iter(found.broken.values()))}")
    name = f"{manifest.name}, {geometry.glance_frames} x {geometry.glance_size} px"
    frames, size, macs, ms = geometry.glance_frames, geometry.glance_size, found.exit_macs[0], found.exit_ms[:, 0]
    logits = found.logits[:, 0][:, order]
    return PlainNetwork(name, frames, size, logits, int(macs), float(ms.mean()), _run_in(recognizer), True)


def _run_in(recognizer: Recognizer) -> str:
    """Say what runs a bundle."""
    return f"{recognizer.runtime}, {_precision(recognizer)}"


def _precision(recognizer: Recognizer) -> str:
    """Name the precisions of a bundle's stages, each once."""
    bundle = recognizer.bundle
    stages = bundle.manifest.geometry.stage_names
    records = [bundle.graph(stage, recognizer.runtime)[1] for stage in stages]  # type: ignore[arg-type]
    return "/".join(dict.fromkeys(record.precision for record in records))


def _read_other(request: Request, path: Path, clips: Sequence[LabeledClip]) -> dict[str, Any]:
    """Read the other evaluation and refuse one of other clips; a few may turn out to be broken."""
    other = read_evaluation(path)
    broken = int(BROKEN_SHARE_LIMIT * len(clips))
    refuse_other_clips([_listed_path(clip.path, request.clip_list) for clip in clips], other, path, broken)
    return other


def _spread(clips: Sequence[LabeledClip], limit: int | None) -> list[LabeledClip]:
    """Return at most ``limit`` clips, spread evenly over the list."""
    if limit is None or limit >= len(clips):
        return list(clips)
    return [clips[place] for place in np.linspace(0, len(clips) - 1, limit).round().astype(int)]


def _predictions(
    recognizer: Recognizer, request: Request, clips: Sequence[LabeledClip]
) -> dict[str, tuple[Predictions, ...]]:
    """Collect the predictions by ablation, of a random one for each seed.

    Raises:
        AdafocusError: a clip could be read in one run and not in another, as in a file that was filled at two moments.
    """
    wanted = ablations_of(recognizer.bundle.manifest.geometry, request.ablations)
    runs = {name: runs_of(name, ablation, request.seeds) for name, ablation in wanted.items()}
    every = {run: ablation for some in runs.values() for run, ablation in some.items()}
    found = load_or_collect(recognizer, clips, every, request.predictions)
    if len({tuple(clip.path for clip in run.clips) for run in found.values()}) > 1:
        raise AdafocusError(
            "Some clips could be read in one run and not in another. Delete the file of --predictions and evaluate "
            "again."
        )
    return {name: tuple(found[run] for run in some) for name, some in runs.items()}


def _listed_path(path: Path, clip_list: Path) -> str:
    """Return a clip's path as the list has it, which is the same on every machine."""
    folder = clip_list if clip_list.is_dir() else clip_list.parent
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()


def _measured_on(recognizer: Recognizer, request: Request, own: Predictions) -> dict[str, Any]:
    """Describe the bundle, the clips and the machine."""
    manifest = recognizer.bundle.manifest
    facts = asdict(read_facts())
    return {
        "model": manifest.name,
        "preset": manifest.preset,
        "model_sha256": manifest.provenance.model_sha256,
        "graphs_sha256": graphs_sha256(recognizer),
        "precision": _precision(recognizer),
        "glance_frames": manifest.geometry.glance_frames,
        "candidate_frames": manifest.geometry.candidate_frames,
        "focus_frames": manifest.geometry.focus_frames,
        "clip_list": request.clip_list.name,
        "split": request.split,
        "label_map": None if request.label_map is None else request.label_map.name,
        "limit": request.limit,
        "groups_within_labels": request.groups_within_labels,
        "seeds": request.seeds,
        "baseline": None if request.baseline is None else request.baseline.name,
        "plain": [path.name for path in request.plain],
        "broken": [Path(path).name for path in own.broken],
        "runtime": recognizer.runtime,
        "runtime_version": runtime_version(recognizer.runtime),
        "threads": recognizer.threads,
        "adafocus_edge": version("adafocus-edge"),
        "machine": {
            key: facts[key] for key in ("processor", "processors", "board", "system", "architecture", "python")
        },
    }
