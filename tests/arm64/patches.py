"""Runs on a device: the patches and small frames that it cuts and resizes out of stored frames, into one file.

python patches.py STORED.npz OUT.npz

STORED holds squares under ``frames``, whole frames under names that begin with ``whole``, and boxes under any others.
"""

from __future__ import annotations

import sys
from typing import Any, get_args

import numpy as np

from adafocus.edge.policy.motion import change_maps
from adafocus.edge.video.fitting import Fit, fit_glance, shrink
from adafocus.edge.video.patches import crop_patch, cut_patch
from adafocus.edge.video.preprocess import resize_square

PATCH_PX, SMALL_PX = 128, (112, 128, 160)
FILL = (116, 116, 116)
GLANCE_PX, SHARE, FACTORS = 160, 0.879, (2, 3)


def main(stored: str, out: str) -> None:
    """Write one array of patches for every array of boxes, and one of small frames for every way to make them."""
    with np.load(stored, allow_pickle=False) as content:
        given = {name: content[name] for name in content.files}
    frames, whole = given.pop("frames"), {name: given.pop(name) for name in list(given) if name.startswith("whole")}
    arrays: dict[str, Any] = {
        name: np.stack([crop_patch(frame, box, PATCH_PX, FILL) for frame in frames for box in boxes])
        for name, boxes in given.items()
    }
    arrays |= {f"small_{side}": np.stack([resize_square(frame, side) for frame in frames]) for side in SMALL_PX}
    for name, clip in whole.items():
        for boxes in given:
            arrays[f"{name}_{boxes}"] = np.stack(
                [cut_patch(frame, box, PATCH_PX, FILL) for frame in clip for box in given[boxes]]
            )
        for fit in get_args(Fit):
            arrays[f"{name}_{fit}"] = np.stack([fit_glance(frame, fit, GLANCE_PX, SHARE, FILL) for frame in clip])
        arrays |= {f"{name}_by_{factor}": np.stack([shrink(frame, factor) for frame in clip]) for factor in FACTORS}
        arrays[f"{name}_changes"] = change_maps(list(clip))
    np.savez(out, **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
