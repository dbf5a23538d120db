"""Candidate frames of one clip at their own size, for networks that say where to look in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from adafocus.calibration.datasets.augmentation import normalize
from adafocus.calibration.views.geometry import geometry_of
from adafocus.edge.look import Changes, boxes_in_room
from adafocus.edge.video.patches import cut_patch
from adafocus.networks import NetworkConfig
from adafocus.networks.looking import Frames, Size

Pixels = NDArray[np.uint8]
# frames (H, W, 3) of one size, each by itself or in one array
Pictures = Pixels | Sequence[Pixels]


class NativeFrames(Frames):
    """Frames ``(H, W, 3)`` uint8 RGB of one size, out of which patches are cut as the device cuts them."""

    def __init__(self, frames: Pictures, config: NetworkConfig) -> None:
        """Hold the N candidates of a clip for a network of this shape."""
        self._frames, self._config = frames, config

    @property
    def size(self) -> Size:
        """Height and width in pixels."""
        height, width = self._frames[0].shape[:2]
        return height, width

    def densest(self, count: int) -> Tensor:
        """Return the ``(count,)`` consecutive candidates in which most changes."""
        changes = Changes(list(self._frames), geometry_of(self._config).change_from)
        return torch.from_numpy(changes.densest(count, self._config.box_min))

    def cut(self, boxes: Tensor, indices: Tensor) -> Tensor:
        """Cut patches ``(n, 3, P, P)``, normalized; see :class:`adafocus.networks.looking.Frames`."""
        given = boxes.detach().float().cpu().numpy()
        places = boxes_in_room(given, self.size)
        chosen = indices.tolist()
        return normalize(
            cut_patches(self._frames, chosen, np.resize(places, (len(chosen), 4)), self._config), self._config
        )


def cut_patches(frames: Pictures, chosen: Sequence[int], boxes: ArrayLike, config: NetworkConfig) -> Pixels:
    """Cut boxes ``(n, 4)``, fractions of the frame, out of n chosen frames into patches ``(n, P, P, 3)``."""
    fill = geometry_of(config).mean_color
    pairs = zip(chosen, np.asarray(boxes), strict=True)
    return np.stack([cut_patch(frames[number], box, config.patch_size, fill) for number, box in pairs])
