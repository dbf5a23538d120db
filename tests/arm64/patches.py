"""Runs on a device: the digest of patches and small frames that it cuts and resizes out of stored frames.

python patches.py FRAMES.npz
"""

from __future__ import annotations

import hashlib
import sys

import numpy as np

from edge.crop import crop_patch
from edge.preprocess import resize_square

PATCH_PX, SMALL_PX = 128, (112, 128, 160)
FILL = (116, 116, 116)


def main(stored: str) -> None:
    """Print one digest for the patches and one for the small frames."""
    with np.load(stored, allow_pickle=False) as content:
        frames, boxes = content["frames"], content["boxes"]
    patches, small = hashlib.sha256(), hashlib.sha256()
    for frame in frames:
        for box in boxes:
            patches.update(crop_patch(frame, box, PATCH_PX, FILL).tobytes())
        for side in SMALL_PX:
            small.update(resize_square(frame, side).tobytes())
    print(f"patches {patches.hexdigest()}\nsmall frames {small.hexdigest()}")


if __name__ == "__main__":
    main(sys.argv[1])
