"""What is drawn at random of a planted set: which backgrounds belong to a group, and where and when a clip is shown."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adafocus.calibration.datasets import LabeledClip
from adafocus.errors import AdafocusError

# sides of a planted clip, as shares of those of the frame
SIZES = (0.20, 0.45)
# how long a video of the set lasts
SECONDS = (8.0, 12.0)
BETWEEN_GROUPS = "+"


@dataclass(frozen=True)
class Pool:
    """Groups of planted clips that share backgrounds, which no other pool has: together they are one group.

    Attributes:
        name: of the joined group.
        split: of all its clips.
        clips: to be planted.
        backgrounds: clips to plant into.
    """

    name: str
    split: str
    clips: tuple[LabeledClip, ...]
    backgrounds: tuple[LabeledClip, ...]


@dataclass(frozen=True)
class Draw:
    """Where and when one clip is shown.

    Attributes:
        share: its sides as a share of those of the frame.
        top: 0..1 of the room that its height leaves.
        left: 0..1 of the room that its width leaves.
        seconds: how long the whole video lasts.
        start: 0..1 of the time that it leaves.
        backgrounds: a clip for every cell of the wall, row by row.
        phases: 0..1, where in its own time each of them begins.
    """

    share: float
    top: float
    left: float
    seconds: float
    start: float
    backgrounds: tuple[LabeledClip, ...]
    phases: tuple[float, ...]


def pools_of(
    clips: Sequence[LabeledClip], backgrounds: Sequence[LabeledClip], cells: int, seed: int
) -> tuple[Pool, ...]:
    """Deal whole groups of backgrounds to groups of planted clips, whatever these show.

    Every group of clips has backgrounds of its own where there are enough of them. Otherwise groups of one split share
    backgrounds, two, three and more at a time, and become one group.

    Args:
        clips: to be planted.
        backgrounds: to plant into; their splits do not count.
        cells: backgrounds that one video shows at once, so each pool needs as many.
        seed: of the draw.

    Raises:
        AdafocusError: there are too few backgrounds for so many splits.
    """
    rng = np.random.default_rng(seed)
    by_split: dict[str, dict[str, list[LabeledClip]]] = defaultdict(lambda: defaultdict(list))
    for clip in clips:
        by_split[clip.split][clip.group].append(clip)
    behind: dict[str, list[LabeledClip]] = defaultdict(list)
    for clip in backgrounds:
        behind[clip.group].append(clip)
    order = {split: _shuffled(sorted(groups), rng) for split, groups in sorted(by_split.items())}
    dealt_from = _shuffled(sorted(behind), rng)
    most = max(map(len, order.values()))
    for together in range(1, most + 1):
        shared = [
            (split, names[start : start + together])
            for split, names in order.items()
            for start in range(0, len(names), together)
        ]
        dealt = _dealt(dealt_from, behind, len(shared))
        if min(map(len, dealt)) >= cells:
            return tuple(
                _pool(split, names, by_split[split], own) for (split, names), own in zip(shared, dealt, strict=True)
            )
    raise AdafocusError(
        f"There are {len(backgrounds)} backgrounds in {len(behind)} groups for clips of {len(order)} splits, expected "
        f"{cells} or more for each split, of its own groups. Add backgrounds, lower --calm, or give a smaller --wall."
    )


def _shuffled(names: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Return names in an order that is drawn."""
    return [names[place] for place in rng.permutation(len(names))]


def _dealt(
    order: Sequence[str], behind: Mapping[str, Sequence[LabeledClip]], hands: int
) -> list[tuple[LabeledClip, ...]]:
    """Deal groups of backgrounds, the largest first, each to whoever has the fewest clips."""
    dealt: list[list[LabeledClip]] = [[] for _ in range(hands)]
    for name in sorted(order, key=lambda name: -len(behind[name])):
        min(dealt, key=len).extend(behind[name])
    return [tuple(hand) for hand in dealt]


def _pool(
    split: str, names: Sequence[str], groups: Mapping[str, Sequence[LabeledClip]], backgrounds: tuple[LabeledClip, ...]
) -> Pool:
    """Join groups of one split."""
    clips = tuple(clip for name in sorted(names) for clip in groups[name])
    return Pool(BETWEEN_GROUPS.join(sorted(names)), split, clips, backgrounds)


def draw(name: str, pool: Pool, cells: int, seed: int) -> Draw:
    """Draw where, when and among what one clip is shown; its labels do not count, nor do the other clips.

    Args:
        name: of the clip in its list.
        pool: that it belongs to.
        cells: backgrounds to show at once.
        seed: of the set.
    """
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    share, seconds = rng.uniform(*SIZES), rng.uniform(*SECONDS)
    top, left, start = rng.random(3).tolist()
    phases: NDArray[np.float64] = rng.random(cells)
    places = rng.permutation(len(pool.backgrounds))[:cells]
    shown = tuple(pool.backgrounds[place] for place in places)
    return Draw(float(share), top, left, float(seconds), start, shown, tuple(phases.tolist()))
