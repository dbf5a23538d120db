"""Runs on a device: the patches and small frames that it cuts and resizes out of stored frames, into one file.

python patches.py STORED.npz OUT.npz        STORED holds frames, and boxes under any other names
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from adafocus.edge.video.patches import crop_patch
from adafocus.edge.video.preprocess import resize_square

PATCH_PX, SMALL_PX = 128, (112, 128, 160)
FILL = (116, 116, 116)


def main(stored: str, out: str) -> None:
    """Write one array of patches for every array of boxes, and one of small frames for every side."""
    with np.load(stored, allow_pickle=False) as content:
        frames = content["frames"]
        arrays: dict[str, Any] = {
            name: np.stack([crop_patch(frame, box, PATCH_PX, FILL) for frame in frames for box in content[name]])
            for name in content.files
            if name != "frames"
        }
    arrays |= {f"small_{side}": np.stack([resize_square(frame, side) for frame in frames]) for side in SMALL_PX}
    np.savez(out, **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
