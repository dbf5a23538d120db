"""Ablations of the policy: other boxes and other frames, set against the bundle's own at equal cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from adafocus.edge.bundle.geometry import Geometry
from adafocus.edge.bundle.manifest import Stage
from adafocus.edge.look import FRAMES_OF_SPANS
from adafocus.edge.recognizer import Boxes, Frames, Shape


@dataclass(frozen=True)
class Ablation:
    """Where the focus looks, or whether it is run at all, as in :meth:`Recognizer.recognize_clip`.

    Boxes of ``glance`` show the focus what the glance sees of a frame. ``seed`` is of what is drawn at random.
    """

    boxes: Boxes | Literal["glance"] = "policy"
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
    MOTION: Ablation(boxes="motion", frames="motion"),
    "motion boxes": Ablation(boxes="motion"),
    "motion frames": Ablation(frames="motion"),
    WITHOUT_POLICY: Ablation(boxes="centre", frames="uniform"),
    PLAIN: Ablation(boxes="glance", frames="uniform"),
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
    first: dict[tuple[str, str, str], str] = {}
    for name, ablation in wanted.items():
        first.setdefault(_looks(geometry, ablation), name)
    return {name: wanted[name] for name in first.values()}


def _looks(geometry: Geometry, ablation: Ablation) -> tuple[str, str, str]:
    """Return how boxes and frames are found when the bundle's own policy is put in place of ``policy``."""
    boxes: str = boxes_of(geometry, ablation)
    shape, by_motion = ablation.shape, geometry.policy == "motion"
    if by_motion and boxes == "policy":
        boxes = "motion"
        # such boxes are squares, perhaps of the patch's own size already
        shape = "deformable" if geometry.box_min == geometry.patch_size / geometry.frame_size else shape
    frames: str = ablation.frames
    return boxes, FRAMES_OF_SPANS[geometry.focus_span] if frames == "policy" else frames, shape


def boxes_of(geometry: Geometry, ablation: Ablation) -> Boxes | Literal["glance"]:
    """Return the boxes of an ablation; what the glance sees is the whole of what boxes lie in, but for a square.

    Of a whole frame the glance may see the centre square; only then ``glance`` remains, as its place depends on the
    frame.
    """
    if ablation.boxes == "glance" and (geometry.boxes_in, geometry.glance_fit) != ("frame", "square"):
        return "full"
    return ablation.boxes


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
