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
from adafocus.calibration.evaluation.figures import EvaluationInput, compute_figures
from adafocus.calibration.predictions.ablations import ABLATIONS, LEARNED, runs_of
from adafocus.calibration.predictions.collect import Predictions
from adafocus.calibration.predictions.ground_truth import ground_truth, read_label_map
from adafocus.calibration.predictions.store import graphs_sha256, load_or_collect
from adafocus.calibration.report_file import FORMAT, KIND, read_evaluation
from adafocus.edge.bundle.manifest import STAGES
from adafocus.edge.device.host import read_facts
from adafocus.edge.device.install import runtime_version
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError

if TYPE_CHECKING:
    from adafocus.calibration.evaluation.baseline import WholeFrameClassifier


@dataclass(frozen=True)
class Request:
    """What to measure on.

    Attributes:
        clip_list: a clip set.
        split: of it.
        label_map: YAML from its labels to the bundle's, where they differ.
        limit: at most so many clips, spread evenly over the list; None: all.
        ablations: whether to run all of :data:`~adafocus.calibration.predictions.ablations.ABLATIONS`, or the learned
            policy alone.
        seeds: how often random ablations are run.
        groups_within_labels: groups are numbered within each label, as those of UCF-101 are.
        predictions: file that keeps the predictions.
        baseline: checkpoint of a float classifier on whole frames.
        recipe: says how it samples a clip, where it does not itself.
        compare: file of another evaluation of the same clips.
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
    compare: Path | None = None


@dataclass(frozen=True)
class Evaluation:
    """What was measured: plain figures, and the clips by the path that stands in them."""

    figures: dict[str, Any]
    clips: dict[str, LabeledClip]


def evaluate_bundle(recognizer: Recognizer, request: Request) -> Evaluation:
    """Run the clips and compute everything that is reported of them.

    Raises:
        AdafocusError: the clip set, the label map, the baseline or the other evaluation cannot be read or do not fit, a
            label is unknown, too many clips are broken, or the stored predictions are of another run.
    """
    manifest = recognizer.bundle.manifest
    clips = _spread(read_clips(request.clip_list, request.split), request.limit)
    label_map = read_label_map(request.label_map)
    # what is wrong is told before clips are run for hours
    ground_truth(clips, manifest.labels, label_map)
    other = None if request.compare is None else _read_other(request, request.compare, clips)
    baseline = None if request.baseline is None else _open_baseline(request.baseline, request.recipe, manifest.labels)
    found = _predictions(recognizer, request, clips)
    learned = found[LEARNED][0]
    paths = [_listed_path(clip.path, request.clip_list) for clip in learned.clips]
    given = EvaluationInput(
        found,
        ground_truth(learned.clips, manifest.labels, label_map),
        manifest.exits,
        manifest.labels,
        learned.groups(request.groups_within_labels),
        tuple(paths),
        None if baseline is None else baseline.predict(learned.clips),
    )
    head = {"kind": KIND, "format": FORMAT, "measured_on": _measured_on(recognizer, request, learned)}
    figures = {**head, **compute_figures(given)}
    if other is not None and request.compare is not None:
        figures["compared"] = compare(figures, other, request.compare)
    return Evaluation(figures, dict(zip(paths, learned.clips, strict=True)))


def _open_baseline(checkpoint: Path, recipe: Path | None, labels: tuple[str, ...]) -> WholeFrameClassifier:
    """Open the classifier on whole frames, the only part that needs PyTorch."""
    from adafocus.calibration.evaluation.baseline import WholeFrameClassifier

    return WholeFrameClassifier(checkpoint, recipe, labels)


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
    runs = {name: runs_of(name, request.seeds) for name in (ABLATIONS if request.ablations else (LEARNED,))}
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


def _measured_on(recognizer: Recognizer, request: Request, learned: Predictions) -> dict[str, Any]:
    """Describe the bundle, the clips and the machine."""
    manifest = recognizer.bundle.manifest
    records = [recognizer.bundle.graph(stage, recognizer.runtime)[1] for stage in STAGES]  # type: ignore[arg-type]
    facts = asdict(read_facts())
    return {
        "model": manifest.name,
        "preset": manifest.preset,
        "model_sha256": manifest.provenance.model_sha256,
        "graphs_sha256": graphs_sha256(recognizer),
        "precision": "/".join(dict.fromkeys(record.precision for record in records)),
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
        "broken": [Path(path).name for path in learned.broken],
        "runtime": recognizer.runtime,
        "runtime_version": runtime_version(recognizer.runtime),
        "threads": recognizer.threads,
        "adafocus_edge": version("adafocus-edge"),
        "machine": {
            key: facts[key] for key in ("processor", "processors", "board", "system", "architecture", "python")
        },
    }
