"""Ablations of the policy: other boxes and other frames, set against the bundle's own at equal cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import get_args

from adafocus.edge.bundle.manifest import Geometry, Stage
from adafocus.edge.recognizer import Boxes, Frames, Shape


@dataclass(frozen=True)
class Ablation:
    """Where the focus looks, or whether it is run at all, as in :meth:`Recognizer.recognize_clip`.

    ``seed`` is of what is drawn at random.
    """

    boxes: Boxes = "policy"
    frames: Frames = "policy"
    shape: Shape = "deformable"
    seed: int = 0
    stop_after: Stage = "focus"

    @property
    def random(self) -> bool:
        """Whether another seed gives other boxes or frames."""
        return "random" in (self.boxes, self.frames)


# what a bundle's own policy is called
LEARNED, MOTION = "learned policy", "motion"
# where a network without a policy would look
WITHOUT_POLICY = "centred and uniform"
# what the same weights give when they do not look selectively
PLAIN = "plain network"
OWN = Ablation()
GLANCE_ALONE = Ablation(stop_after="glance")
ABLATIONS: dict[str, Ablation] = {
    MOTION: Ablation(boxes="motion", frames="motion"),  # type: ignore[arg-type]
    "motion boxes": Ablation(boxes="motion"),  # type: ignore[arg-type]
    "motion frames": Ablation(frames="motion"),  # type: ignore[arg-type]
    WITHOUT_POLICY: Ablation(boxes="centre", frames="uniform"),
    PLAIN: Ablation(boxes="full", frames="uniform"),
    "centred boxes": Ablation(boxes="centre"),
    "random boxes": Ablation(boxes="random"),
    "whole frames": Ablation(boxes="full"),
    "fixed boxes": Ablation(shape="fixed"),
    "uniform frames": Ablation(frames="uniform"),
    "random frames": Ablation(frames="random"),
}


def policy_name(geometry: Geometry) -> str:
    """Return what the bundle's own policy is called: by a network that was trained, or by motion."""
    return MOTION if geometry.policy == "motion" else LEARNED


def ablations_of(geometry: Geometry, every: bool = True) -> dict[str, Ablation]:
    """Return what a bundle is run with: its own policy first, then all ablations that look elsewhere.

    Args:
        geometry: of the bundle. What would look where another row looks already is left out, such as motion boxes
            beside a policy of motion.
        every: all of them, or the own policy and the plain network alone.
    """
    own = policy_name(geometry)
    wanted = {own: OWN} | {name: value for name, value in ABLATIONS.items() if name != own and (every or name == PLAIN)}
    wanted = {
        name: value
        for name, value in wanted.items()
        if value.boxes in get_args(Boxes) and value.frames in get_args(Frames)
    }
    first: dict[tuple[str, str, str], str] = {}
    for name, ablation in wanted.items():
        first.setdefault(_looks(geometry, ablation), name)
    return {name: wanted[name] for name in first.values()}


def _looks(geometry: Geometry, ablation: Ablation) -> tuple[str, str, str]:
    """Return how boxes and frames are found when the bundle's own policy is put in place of ``policy``."""
    by_motion = geometry.policy == "motion"
    boxes = "motion" if by_motion and ablation.boxes == "policy" else ablation.boxes
    frames: str = ablation.frames
    if frames == "policy":
        frames = {"spread": "uniform", "densest": "motion"}.get(geometry.focus_span, "motion" if by_motion else frames)
    return boxes, frames, ablation.shape


def runs_of(name: str, ablation: Ablation, seeds: int) -> dict[str, Ablation]:
    """Return the runs of one ablation: itself, or one run for each seed where it is random.

    Args:
        name: of the ablation.
        ablation: where it looks.
        seeds: how often a random ablation is run.

    Returns:
        ablations by the name of the run.
    """
    if not ablation.random:
        return {name: ablation}
    return {f"{name}, seed {seed}": replace(ablation, seed=seed) for seed in range(seeds)}
