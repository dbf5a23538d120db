"""Ground truth: the labels of clips in the classes of a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adafocus.calibration.datasets import LabeledClip
from adafocus.calibration.datasets.labeled_clip import plain_name
from adafocus.calibration.datasets.text_file import read_yaml
from adafocus.errors import AdafocusError

MAX_LISTED = 5


@dataclass(frozen=True)
class GroundTruth:
    """Classes of n clips.

    Attributes:
        targets: ``(n,)`` int64, class of each clip's first label.
        multi_hot: ``(n, K)`` bool, every class that the clip shows.
    """

    targets: NDArray[np.int64]
    multi_hot: NDArray[np.bool_]

    @property
    def classes(self) -> NDArray[np.int64]:
        """Classes that at least one clip shows, in order."""
        return np.flatnonzero(self.multi_hot.any(0))

    @property
    def multi_label(self) -> bool:
        """Whether any clip shows more than one class."""
        return bool((self.multi_hot.sum(1) > 1).any())


def read_label_map(path: Path | None) -> dict[str, str]:
    """Read a YAML file that maps labels of a clip list to those of a bundle; without a file, map none.

    Raises:
        AdafocusError: no such file, or it holds anything but lines ``clip label: bundle label``.
    """
    if path is None:
        return {}
    expected = "expected YAML with lines 'clip label: bundle label'."
    try:
        content = read_yaml(path)
    except (OSError, ValueError) as error:
        raise AdafocusError(f"The label map {path} cannot be read ({error}), {expected}") from error
    if not isinstance(content, dict) or not all(isinstance(name, str) for pair in content.items() for name in pair):
        raise AdafocusError(f"The label map {path} holds something else, {expected} Put quotes around numbers.")
    return content


def ground_truth(clips: Sequence[LabeledClip], labels: Sequence[str], label_map: dict[str, str]) -> GroundTruth:
    """Look the labels of clips up among the classes of a bundle.

    Args:
        clips: n of them.
        labels: K, of the bundle.
        label_map: clip label -> bundle label, for labels that differ.

    Raises:
        AdafocusError: a label that the bundle does not know.
    """
    class_of = {plain_name(label): number for number, label in enumerate(labels)}
    meant = {plain_name(label): plain_name(name) for label, name in label_map.items()}
    wanted = [[meant.get(label, label) for label in map(plain_name, clip.labels)] for clip in clips]
    unknown = sorted({label for row in wanted for label in row} - class_of.keys())
    if unknown:
        more = f" and {len(unknown) - MAX_LISTED} more" if len(unknown) > MAX_LISTED else ""
        raise AdafocusError(
            f"The clips show {', '.join(unknown[:MAX_LISTED])}{more}, but the bundle has no such label; its "
            f"{len(labels)} begin with {', '.join(labels[:MAX_LISTED])}. Give --label-map, a YAML file with lines "
            "'clip label: bundle label'."
        )
    multi_hot = np.zeros((len(clips), len(labels)), bool)
    for row, found in zip(multi_hot, wanted, strict=True):
        row[[class_of[label] for label in found]] = True
    return GroundTruth(np.array([class_of[row[0]] for row in wanted], np.int64), multi_hot)
