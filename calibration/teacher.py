"""The teacher: a float X3D on full frames, whose soft answers are the target."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor

import networks
from calibration.clips import FrameCache
from calibration.recipe import Recipe
from calibration.views import normalise
from edge.preprocess import fit_frame
from networks.backbones import build_backbone
from networks.backbones.x3d import X3D
from networks.heads import X3DHead


class Teacher(networks.VideoClassifier):
    """A published X3D with its classifier, ready to answer."""

    def __init__(self, backbone: str, checkpoint: Path) -> None:
        trunk = build_backbone(backbone)
        if not isinstance(trunk, X3D):
            raise TypeError(f"the teacher must be an X3D, found {backbone}.")
        classifier = networks.load_x3d_trunk(trunk, checkpoint)
        hidden, channels = classifier["head_lin.weight"].shape
        head = X3DHead(channels, hidden, classifier["fc.weight"].shape[0], bias=True, dropout=0.0)
        head.lin.load_state_dict({"weight": classifier["head_lin.weight"], "bias": classifier["head_lin.bias"]})
        head.fc.load_state_dict({"weight": classifier["fc.weight"], "bias": classifier["fc.bias"]})
        super().__init__(trunk, head)
        self.eval()


def teacher_input(frames: NDArray[np.uint8], recipe: Recipe) -> Tensor:
    """Cached frames to ``(1, T, 3, S, S)``: uniform frames, short side resized, centre crop, Kinetics statistics."""
    count = recipe.teacher_frames
    chosen = ((np.arange(count) + 0.5) / count * len(frames)).astype(int)
    pixels = np.stack([fit_frame(frames[i], recipe.teacher_size, recipe.teacher_short_side) for i in chosen])
    return normalise(pixels, networks.PRESETS[recipe.preset])[None]


@torch.no_grad()
def soft_answers(cache: FrameCache, teacher: Teacher, recipe: Recipe, store: Path) -> Tensor:
    """The teacher's logits ``(clips, K)``, mean over a clip and its mirror image, computed once and kept.

    Clips that cannot be decoded have zeros.
    """
    if store.exists():
        return torch.load(store, weights_only=True)
    usable = cache.usable()
    answers = []
    for index in track(usable, "teacher"):
        view = teacher_input(cache.read(index), recipe)
        answers.append((teacher(view) + teacher(view.flip(-1))) / 2)
    stacked = torch.cat(answers)
    logits = stacked.new_zeros(len(cache.clips), stacked.shape[1])
    logits[usable] = stacked
    torch.save(logits, store)
    return logits
