"""What clips show, in the classes of a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from adafocus.calibration.datasets import LabeledClip
from adafocus.errors import AdafocusError

SHOWN = 5


@dataclass(frozen=True)
class Truth:
    """Right answers for n clips.

    Attributes:
        first: ``(n,)`` int64, class of each clip's first label.
        all: ``(n, K)`` bool, every class that the clip shows.
    """

    first: NDArray[np.int64]
    all: NDArray[np.bool_]

    @property
    def classes(self) -> NDArray[np.int64]:
        """Classes that at least one clip shows, in order."""
        return np.flatnonzero(self.all.any(0))

    @property
    def multi_label(self) -> bool:
        """Whether any clip shows more than one class."""
        return bool((self.all.sum(1) > 1).any())


def read_label_map(path: Path | None) -> dict[str, str]:
    """Names of a clip list by those of a bundle, from a YAML file; without a file, none.

    Raises:
        AdafocusError: no such file, or it holds anything but lines ``clip label: bundle label``.
    """
    if path is None:
        return {}
    expected = "expected YAML with lines 'clip label: bundle label'."
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())
        raise AdafocusError(f"The label map {path} cannot be read ({why}), {expected}") from error
    if not isinstance(content, dict) or not all(isinstance(name, str) for pair in content.items() for name in pair):
        raise AdafocusError(f"The label map {path} holds something else, {expected} Put quotes around numbers.")
    return content


def truth_of(clips: Sequence[LabeledClip], labels: Sequence[str], names: dict[str, str]) -> Truth:
    """The classes of clips.

    Args:
        clips: n of them.
        labels: K, of the bundle.
        names: clip label -> bundle label, for labels that differ.

    Raises:
        AdafocusError: a label that the bundle does not know.
    """
    place = {label: number for number, label in enumerate(labels)}
    wanted = [[names.get(label, label) for label in clip.labels] for clip in clips]
    unknown = sorted({label for row in wanted for label in row} - place.keys())
    if unknown:
        more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
        raise AdafocusError(
            f"The clips show {', '.join(unknown[:SHOWN])}{more}, but the bundle has no such label; its {len(labels)} "
            f"begin with {', '.join(labels[:SHOWN])}. Give --label-map, a YAML file with lines 'clip label: bundle "
            "label'."
        )
    every = np.zeros((len(clips), len(labels)), bool)
    for row, found in zip(every, wanted, strict=True):
        row[[place[label] for label in found]] = True
    return Truth(np.array([place[row[0]] for row in wanted], np.int64), every)
