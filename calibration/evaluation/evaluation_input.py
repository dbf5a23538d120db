"""What the figures of an evaluation are computed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adafocus.calibration.evaluation.metrics import top_k_correct
from adafocus.calibration.predictions.collect import Predictions
from adafocus.calibration.predictions.ground_truth import GroundTruth
from adafocus.edge.bundle.manifest import Exits
from adafocus.edge.exits import confidences

# names in an evaluation file, beside those of the ablations
GLANCE, BASELINE = "glance alone", "float on whole frames"


@dataclass(frozen=True)
class PlainNetwork:
    """Predictions of a network that sees whole frames, evenly spread, and has no policy.

    Attributes:
        name: what to call it.
        frames: how many it sees of a clip.
        size_px: side of its input.
        logits: ``(n, K)`` float32, in the bundle's order of labels.
        macs: of one clip.
        ms: of one clip, without decoding.
        run_in: what ran it, such as ``litert, int8``.
        on_device: whether that was the code of the device, so that its milliseconds compare with the bundle's.
    """

    name: str
    frames: int
    size_px: int
    logits: NDArray[np.float32]
    macs: int
    ms: float
    run_in: str
    on_device: bool


@dataclass(frozen=True)
class EvaluationInput:
    """What figures are computed from.

    Attributes:
        policy: what the bundle's own policy is called.
        predictions: by ablation; of a random one, one for each seed.
        truth: of the n clips.
        exits: of the manifest.
        labels: of the bundle.
        groups: ``(n,)`` what is drawn together.
        paths: ``(n,)`` what to call the clips.
        baseline: a float classifier on whole frames, if one is to be set against the bundle.
        plain: networks on whole frames that give the plain curve, beside the bundle's own.
        positive: the label that is to be detected; None: whichever of two labels is not the normal one.
    """

    policy: str
    predictions: Mapping[str, tuple[Predictions, ...]]
    truth: GroundTruth
    exits: Exits
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    paths: tuple[str, ...]
    baseline: PlainNetwork | None = None
    plain: tuple[PlainNetwork, ...] = ()
    positive: str | None = None

    @property
    def own(self) -> Predictions:
        """Predictions with the bundle's own policy."""
        return self.predictions[self.policy][0]

    @property
    def confidence(self) -> NDArray[np.float64]:
        """``(n, exits)`` confidence with the bundle's own policy, by the manifest's criterion."""
        return confidences(self.own.logits, self.exits.criterion, self.exits.temperature)

    @property
    def seconds(self) -> NDArray[np.float64]:
        """``(n,)`` how long the videos last; empty where predictions of earlier versions do not say."""
        return next(
            (run.seconds for runs in self.predictions.values() for run in runs if run.seconds.size), np.empty(0)
        )

    @property
    def context(self) -> NDArray[np.float32]:
        """``(n, K)`` share of the glance in the last logits, the same whatever the policy; empty where it is none."""
        every = (run.context for runs in self.predictions.values() for run in runs)
        return next((context for context in every if context.size), np.empty((0, 0), np.float32))

    def hits(self) -> dict[str, NDArray[np.float64]]:
        """Return, by row, the ``(n,)`` shares of runs that get each clip right without exits."""
        found = {
            name: np.mean([top_k_correct(run.logits[:, -1], self.truth, 1) for run in runs], axis=0)
            for name, runs in self.predictions.items()
        }
        if self.baseline is not None:
            found[BASELINE] = top_k_correct(self.baseline.logits, self.truth, 1)
        return found
