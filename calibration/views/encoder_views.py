"""What one encoder sees that is to serve as glance and as focus: several views of the same clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from adafocus.calibration.datasets.augmentation import MIDDLE, normalize, segment_members
from adafocus.calibration.views.geometry import geometry_of
from adafocus.calibration.views.native_frames import Pixels
from adafocus.calibration.views.whole_frames import (
    Augmentation,
    glance_pictures,
    patches_by_motion,
    random_glance,
    random_patches,
)
from adafocus.networks import NetworkConfig

# view of a glance -> how frames are fitted into it
FITS = {"square": "square", "whole": "squeezed", "padded": "padded"}
MOTION, RANDOM, MEAN = "motion", "random", "mean"


class EncoderViews:
    """The views of a classifier.

    Attributes:
        config: of a network whose glance and focus see them.
        outputs: names of the predictions that are validated: by each view, and by a glance and the focus together.
    """

    def __init__(self, config: NetworkConfig, names: Sequence[str]) -> None:
        """Draw among views by their names; a name that stands there twice is drawn twice as often.

        Raises:
            AdafocusError: no device takes frames of this shape.
        """
        geometry_of(config)
        self.config = config
        self._names = tuple(names)
        self._of_glance = {
            name: config.override(glance_fit=FITS[name]) for name in dict.fromkeys(names) if name in FITS
        }
        self._validated = (*self._of_glance, *(name for name in (MOTION,) if name in names))
        both = bool(self._of_glance) and MOTION in names
        # boxes anywhere are drawn, so they have no view to validate
        self.outputs = (*(self._validated or (MOTION,)), *((MEAN,) if both else ()))

    def drawn(self, frames: Pixels, rng: np.random.Generator, how: Augmentation) -> Tensor:
        """Draw a view of a cached clip ``(T, H, W, 3)`` to train on, ``(T, 3, S, S)``."""
        name = self._names[rng.integers(len(self._names))]
        flipped = how.flip and bool(rng.integers(2))
        if name in self._of_glance:
            return random_glance(frames, self._of_glance[name], rng, how, flipped)
        anywhere = replace(how, random_boxes=1.0 if name == RANDOM else 0.0)
        return random_patches(frames, self.config, rng, anywhere, flipped)

    def validated(self, frames: Pixels) -> tuple[Tensor, ...]:
        """Return the views of a cached clip that are validated, as a device makes them."""

        def sampled(count: int) -> Pixels:
            return frames[segment_members(np.full(count, MIDDLE), len(frames))]

        views: list[Tensor] = []
        for name in self.outputs:
            if name in self._of_glance:
                config = self._of_glance[name]
                views.append(normalize(glance_pictures(sampled(config.glance_frames), config), config))
            elif name == MOTION:
                patches = patches_by_motion(sampled(self.config.candidate_frames), self.config)
                views.append(normalize(patches, self.config))
        return tuple(views)

    def with_mean(self, logits: Sequence[Tensor]) -> list[Tensor]:
        """Add the logarithm of the mean probability by the first view of a glance and by motion."""
        if MEAN not in self.outputs:
            return list(logits)
        together = torch.stack((logits[0], logits[-1])).softmax(-1).mean(0).log()
        return [*logits, together]
