"""Sparse clips: a few frames spread over the whole video, as classifiers of ``adafocus train`` and X3D see them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from adafocus.calibration.datasets.cache import fit_short_side
from adafocus.calibration.training.recipe import Classifier
from adafocus.calibration.training.tasks import classifier_config, classifier_input, views_config
from adafocus.calibration.views.encoder_views import EncoderViews
from adafocus.calibration.views.whole_frames import native_short_side
from adafocus.edge.video.clip import sample_video


@dataclass(frozen=True)
class SparseClips:
    """How a teacher sees clips sparsely.

    Attributes:
        shape: of its input. Where it has views, a clip is seen by each of them that can be validated.
    """

    shape: Classifier

    def read(self, path: Path, views: int) -> list[tuple[Tensor, ...]]:
        """Return views of a video whose frames lie between those of each other.

        Returns:
            ``views`` of them; each is one input ``(T, 3, S, S)``, float32, normalized, or one for each of the views of
            the shape.

        Raises:
            VideoError: not a video, or no frame of it can be decoded.
        """
        if not self.shape.views:
            config = classifier_config(self.shape)
            short_side = self.shape.short_side_px
            frames = sample_video(path, views * self.shape.frames, lambda frame: fit_short_side(frame, short_side))
            return [(classifier_input(frames[view::views], config),) for view in range(views)]
        config = views_config(self.shape)
        looks, most = EncoderViews(config, self.shape.views), native_short_side(config)

        def fitted(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
            """Make a frame smaller that is larger than anything that is cut out of it."""
            return frame if min(frame.shape[:2]) <= most else fit_short_side(frame, most)

        frames = sample_video(path, views * config.candidate_frames, fitted)
        return [looks.validated(frames[view::views]) for view in range(views)]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for what answers were made from."""
        return {**asdict(self.shape), "views": list(self.shape.views)}
