"""The networks that every converter is given, and the clips that they see."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adafocus import networks
from adafocus.calibration.datasets import LabeledClip, read_clips, spread_evenly
from adafocus.calibration.datasets.augmentation import normalize
from adafocus.calibration.datasets.cache_entry import content_key
from adafocus.calibration.teachers.loading import load_teacher
from adafocus.calibration.training.recipe import Classifier
from adafocus.calibration.training.tasks import classifier_config
from adafocus.edge.bundle.files import replacing_file
from adafocus.edge.video.clip import sample_video
from adafocus.edge.video.preprocess import fit_frame
from adafocus.networks import VideoClassifier
from adafocus.networks.lowering.encoders import lower_encoder
from adafocus.networks.lowering.heads import lower_head
from benchmarks import speed
from benchmarks.harness import console

SEED = 3
LABELS = 400
MAX_CALIBRATION_CLIPS = 40
RANDOM_CLIPS = 8
SHAPE = Classifier("x3d_s", frames=4)


def _x3d(weights: Path) -> VideoClassifier:
    return load_teacher(weights, SHAPE.backbone)


def _tsm(weights: Path) -> VideoClassifier:
    """Build it with random weights: none that know actions are published in a form that can be had here."""
    torch.manual_seed(SEED)
    return networks.build_classifier("mobilenet_v2", LABELS, shift_div=8)


@dataclass(frozen=True)
class Subject:
    """One network, a plain classifier of 400 labels on whole frames.

    Attributes:
        name: of the network, with frames and pixels.
        frames: that it sees of a clip.
        side_px: of a frame.
        labeled: whether its weights know the labels, so that its answers mean something.
        load: builds it from the file of published weights.
    """

    name: str
    frames: int
    side_px: int
    labeled: bool
    load: Callable[[Path], VideoClassifier]

    def net(self, weights: Path) -> VideoClassifier:
        """Return the float network as it is published, for inference.

        Without gradients its depth-wise convolutions are PyTorch's own, not the form that is quicker to train.
        """
        return self.load(weights).eval().requires_grad_(False)

    def lowered(self, weights: Path) -> speed.Classifier:
        """Return the graph that this project makes of it."""
        net = self.net(weights)
        encoder = lower_encoder(net.encoder, self.frames, self.side_px)
        return speed.Classifier(encoder, lower_head(net.head, float_logits=True), float_logits=True).eval()

    def inputs(self, views: Views, split: str) -> list[Tensor]:
        """Return clips of a split, ``(1, T, 3, S, S)``; random numbers where the weights are random, too."""
        if self.labeled:
            config = classifier_config(SHAPE)
            return [normalize(frames, config)[None] for frames in getattr(views, split)]
        random = torch.Generator().manual_seed(SEED)
        shape = (1, self.frames, 3, self.side_px, self.side_px)
        return [torch.randn(shape, generator=random) for _ in range(RANDOM_CLIPS)]


X3D = Subject("X3D-XS 4x160", SHAPE.frames, SHAPE.size, True, _x3d)
TSM = Subject("MobileNetV2-TSM 8x224, random weights", 8, 224, False, _tsm)
SUBJECTS = (X3D, TSM)


@dataclass(frozen=True)
class Views:
    """What a plain network of :data:`SHAPE` sees of clips, ``(n, T, S, S, 3)`` uint8 RGB.

    Attributes:
        train: clips to calibrate on.
        val: clips to be right about.
    """

    train: NDArray[np.uint8]
    val: NDArray[np.uint8]

    @classmethod
    def read(cls, path: Path) -> Views:
        """Read a file of :func:`kept_views`."""
        with np.load(path) as found:
            return cls(found["train"], found["val"])


def listed_clips(clip_list: Path) -> tuple[list[LabeledClip], list[LabeledClip]]:
    """Return clips to calibrate on, spread over the training split, and all of the validation split.

    Raises:
        AdafocusError: there is no such list, or nothing in a split of it.
    """
    return spread_evenly(read_clips(clip_list, "train"), MAX_CALIBRATION_CLIPS), list(read_clips(clip_list, "val"))


def kept_views(train: Sequence[LabeledClip], val: Sequence[LabeledClip], folder: Path) -> Path:
    """Decode clips as the evaluation of a plain network does, once; return the file that keeps the frames.

    Raises:
        AdafocusError: a clip cannot be read.
    """
    contents = "".join(content_key(clip.path) for clip in (*train, *val))
    path = folder / f"views-{hashlib.sha256(contents.encode()).hexdigest()[:12]}.npz"
    if not path.exists():
        console.print(f"decoding {len(train) + len(val)} clips")
        fit = partial(fit_frame, frame_size=SHAPE.size, short_side=SHAPE.short_side_px)
        arrays: dict[str, Any] = {
            name: np.stack([sample_video(clip.path, SHAPE.frames, fit) for clip in clips])
            for name, clips in (("train", train), ("val", val))
        }
        folder.mkdir(parents=True, exist_ok=True)
        with replacing_file(path) as beside, beside.open("wb") as file:
            np.savez(file, **arrays)
    return path
