"""Ablations of the policy: other boxes and other frames, set against the learned ones at equal cost."""

from __future__ import annotations

from dataclasses import dataclass, replace

from adafocus.edge.recognizer import Boxes, Frames, Shape


@dataclass(frozen=True)
class Ablation:
    """Where the focus looks, as in :meth:`Recognizer.recognize_clip`; ``seed`` is of what is drawn at random."""

    boxes: Boxes = "policy"
    frames: Frames = "policy"
    shape: Shape = "deformable"
    seed: int = 0

    @property
    def random(self) -> bool:
        """Whether another seed gives other boxes or frames."""
        return "random" in (self.boxes, self.frames)


LEARNED = "learned policy"
# where a network without a policy would look
WITHOUT_POLICY = "centred and uniform"
ABLATIONS: dict[str, Ablation] = {
    LEARNED: Ablation(),
    WITHOUT_POLICY: Ablation(boxes="centre", frames="uniform"),
    "centred boxes": Ablation(boxes="centre"),
    "random boxes": Ablation(boxes="random"),
    "whole frames": Ablation(boxes="full"),
    "fixed boxes": Ablation(shape="fixed"),
    "uniform frames": Ablation(frames="uniform"),
    "random frames": Ablation(frames="random"),
}


def runs_of(name: str, seeds: int) -> dict[str, Ablation]:
    """Return the runs of one ablation: itself, or one run for each seed where it is random.

    Args:
        name: of :data:`ABLATIONS`.
        seeds: how often a random ablation is run.

    Returns:
        ablations by the name of the run.
    """
    ablation = ABLATIONS[name]
    if not ablation.random:
        return {name: ablation}
    return {f"{name}, seed {seed}": replace(ablation, seed=seed) for seed in range(seeds)}
