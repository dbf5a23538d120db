"""One evaluation against another on the same clips: int8 against float, model against model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adafocus.calibration.evaluation.metrics import GroupBootstrap, difference, percent
from adafocus.errors import AdafocusError


def compare(figures: dict[str, Any], other: dict[str, Any], other_path: Path) -> dict[str, Any]:
    """Compare two evaluations clip by clip, without exits.

    Args:
        figures: of this evaluation.
        other: what :func:`~adafocus.calibration.report_file.read_evaluation` read.
        other_path: from where, for the sentences.

    Returns:
        ``points`` that this one is ahead in top-1, with ``interval``; how often both give the same label; how many of
        the selected frames are the same, None where the two select another number of frames or among others; and how
        much their boxes overlap (intersection over union), None where there are none to compare.

    Raises:
        AdafocusError: the other evaluation is of other clips, or of other labels for them.
    """
    ours, theirs = (_by_path(found) for found in (figures, other))
    refuse_other_clips(ours, other, other_path)
    differ = [path for path, row in ours.items() if set(row["labels"]) != set(theirs[path]["labels"])]
    if differ:
        path = differ[0]
        raise AdafocusError(
            f"{path} shows {', '.join(ours[path]['labels'])}, but in {other_path} {', '.join(theirs[path]['labels'])}. "
            "Evaluate both bundles with the same CLIPS and --label-map."
        )
    pairs = [(row, theirs[path]) for path, row in ours.items()]
    bootstrap = GroupBootstrap([row["group"] for row, _ in pairs])
    correct, other_correct = (np.array([float(row["right"]) for row in rows]) for rows in zip(*pairs, strict=True))
    same_frames = [
        len(set(one["frames"]) & set(two["frames"])) / len(one["frames"])
        for one, two in pairs
        if len(one["frames"]) == len(two["frames"]) and one["frames"]
    ]
    comparable = len(same_frames) == len(pairs) and _candidates(figures) == _candidates(other)
    return {
        "with": other["measured_on"]["model"],
        "with_runtime": other["measured_on"]["runtime"],
        "with_precision": other["measured_on"]["precision"],
        "file": other_path.name,
        "clips": len(pairs),
        **difference(correct, other_correct, bootstrap),
        "gained": int((correct > other_correct).sum()),
        "lost": int((correct < other_correct).sum()),
        "same_label_percent": percent(float(np.mean([one["best"] == two["best"] for one, two in pairs]))),
        "same_frames_percent": percent(float(np.mean(same_frames))) if comparable else None,
        "box_overlap_percent": _box_overlap(pairs),
    }


def _box_overlap(pairs: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> float | None:
    """Return the mean overlap of boxes, first with first; None where a clip has other numbers of them, or none."""
    found = []
    for one, other in pairs:
        # files of earlier versions have no boxes
        ours, theirs = (np.array(row.get("boxes", ()), float).reshape(-1, 4) for row in (one, other))
        if len(ours) != len(theirs) or not len(ours):
            return None
        starts = np.maximum(ours[:, :2], theirs[:, :2])
        ends = np.minimum(ours[:, :2] + ours[:, 2:], theirs[:, :2] + theirs[:, 2:])
        common = np.prod(np.maximum(ends - starts, 0.0), axis=1)
        found.append(common / (np.prod(ours[:, 2:], axis=1) + np.prod(theirs[:, 2:], axis=1) - common))
    return percent(float(np.mean(found)))


def refuse_other_clips(ours: Collection[str], other: dict[str, Any], other_path: Path, allowed: int = 0) -> None:
    """Refuse an evaluation of other clips.

    Args:
        ours: paths of this evaluation's clips.
        other: the other evaluation.
        other_path: from where.
        allowed: so many clips may be in only one of the two, as before it is known which can be read.

    Raises:
        AdafocusError: more are.
    """
    theirs = _by_path(other)
    apart = sorted(theirs.keys() ^ set(ours))
    if len(apart) > allowed:
        raise AdafocusError(
            f"{other_path} is of {len(theirs)} clips and this evaluation of {len(ours)}; {apart[0]} is in only one of "
            "them. Only the same clips can be compared: evaluate both bundles with the same CLIPS, --split and --limit."
        )


def _by_path(figures: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the rows of single clips by their paths."""
    return {row["path"]: row for row in figures["each_clip"]}


def _candidates(figures: dict[str, Any]) -> int:
    """Return how many candidate frames the focus selects from."""
    return int(figures["measured_on"]["candidate_frames"])
