"""Measuring a bundle on labelled clips: the device code on video files, in every way of looking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adafocus.calibration.datasets import LabeledClip, read_clips
from adafocus.calibration.datasets.cache import BROKEN_SHARE_LIMIT
from adafocus.calibration.evaluation.comparison import compare, refuse_other_clips
from adafocus.calibration.evaluation.figures import Asked, figures_of
from adafocus.calibration.predictions.ablations import LEARNED, WAYS, runs_of
from adafocus.calibration.predictions.collect import Answers
from adafocus.calibration.predictions.ground_truth import read_label_map, truth_of
from adafocus.calibration.predictions.store import answers_of, graphs_sha256
from adafocus.calibration.report_file import FORMAT, KIND, read_evaluation
from adafocus.edge.bundle.manifest import STAGES
from adafocus.edge.device.host import read_facts
from adafocus.edge.device.install import runtime_version
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError

if TYPE_CHECKING:
    from adafocus.calibration.evaluation.baseline import WholeFrames


@dataclass(frozen=True)
class Request:
    """What to measure on.

    Attributes:
        clip_list: a clip set.
        split: of it.
        label_map: YAML from its labels to the bundle's, where they differ.
        limit: at most so many clips, spread evenly over the list; None: all.
        all_ways: every way of :data:`~adafocus.calibration.predictions.ablations.WAYS`, or the learned policy alone.
        seeds: how often ways that draw are run.
        groups_within_labels: groups are numbered within each label, as those of UCF-101 are.
        store: file that keeps the answers.
        baseline: checkpoint of a float classifier on whole frames.
        recipe: says how it looks at a clip, where it does not itself.
        compare: file of another evaluation of the same clips.
    """

    clip_list: Path
    split: str
    label_map: Path | None = None
    limit: int | None = None
    all_ways: bool = True
    seeds: int = 3
    groups_within_labels: bool = False
    store: Path | None = None
    baseline: Path | None = None
    recipe: Path | None = None
    compare: Path | None = None


@dataclass(frozen=True)
class Evaluation:
    """What was measured: plain figures, and the clips by the path that stands in them."""

    figures: dict[str, Any]
    clips: dict[str, LabeledClip]


def evaluate_bundle(recognizer: Recognizer, request: Request) -> Evaluation:
    """Run the clips and compute everything that is told of them.

    Raises:
        AdafocusError: the clip set, the label map, the baseline or the other evaluation cannot be read or do not fit, a
            label is unknown, too many clips are broken, or the store is of another run.
    """
    manifest = recognizer.bundle.manifest
    clips = _some(read_clips(request.clip_list, request.split), request.limit)
    names = read_label_map(request.label_map)
    # what is wrong is told before clips are run for hours
    truth_of(clips, manifest.labels, names)
    other = None if request.compare is None else _other(request, request.compare, clips)
    baseline = None if request.baseline is None else _baseline(request.baseline, request.recipe, manifest.labels)
    runs = {name: runs_of(name, request.seeds) for name in (WAYS if request.all_ways else (LEARNED,))}
    ways = {run: way for found in runs.values() for run, way in found.items()}
    found = answers_of(recognizer, clips, ways, request.store)
    answers = _same_clips({name: tuple(found[run] for run in ways) for name, ways in runs.items()})
    read = answers[LEARNED][0].clips
    paths = [_shown(clip.path, request.clip_list) for clip in read]
    asked = Asked(
        answers,
        truth_of(read, manifest.labels, names),
        manifest.exits,
        manifest.labels,
        tuple(f"{clip.label}/{clip.group}" if request.groups_within_labels else clip.group for clip in read),
        tuple(paths),
        None if baseline is None else baseline.ask(read),
    )
    head = {"kind": KIND, "format": FORMAT, "measured_on": _measured_on(recognizer, request, answers[LEARNED][0])}
    figures = {**head, **figures_of(asked)}
    if other is not None and request.compare is not None:
        figures["compared"] = compare(figures, other, request.compare)
    return Evaluation(figures, dict(zip(paths, read, strict=True)))


def _baseline(checkpoint: Path, recipe: Path | None, labels: tuple[str, ...]) -> WholeFrames:
    # the only part that needs PyTorch
    from adafocus.calibration.evaluation.baseline import WholeFrames

    return WholeFrames(checkpoint, recipe, labels)


def _other(request: Request, path: Path, clips: Sequence[LabeledClip]) -> dict[str, Any]:
    other = read_evaluation(path)
    broken = int(BROKEN_SHARE_LIMIT * len(clips))
    refuse_other_clips([_shown(clip.path, request.clip_list) for clip in clips], other, path, broken)
    return other


def _some(clips: Sequence[LabeledClip], limit: int | None) -> list[LabeledClip]:
    if limit is None or limit >= len(clips):
        return list(clips)
    return [clips[place] for place in np.linspace(0, len(clips) - 1, limit).round().astype(int)]


def _same_clips(answers: Mapping[str, tuple[Answers, ...]]) -> dict[str, tuple[Answers, ...]]:
    """Refuse ways that did not read the same clips, as a store that was filled at two moments may hold.

    Raises:
        AdafocusError: a clip could be read in one run and not in another.
    """
    read = {tuple(clip.path for clip in one.clips) for runs in answers.values() for one in runs}
    if len(read) > 1:
        raise AdafocusError(
            "Some clips could be read in one run and not in another. Delete the file of --answers and evaluate again."
        )
    return dict(answers)


def _shown(path: Path, clip_list: Path) -> str:
    """A clip's path as the list has it, which is the same on every machine."""
    folder = clip_list if clip_list.is_dir() else clip_list.parent
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()


def _measured_on(recognizer: Recognizer, request: Request, answers: Answers) -> dict[str, Any]:
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
        "broken": [Path(path).name for path in answers.broken],
        "runtime": recognizer.runtime,
        "runtime_version": runtime_version(recognizer.runtime),
        "threads": recognizer.threads,
        "adafocus_edge": version("adafocus-edge"),
        "machine": {
            key: facts[key] for key in ("processor", "processors", "board", "system", "architecture", "python")
        },
    }
