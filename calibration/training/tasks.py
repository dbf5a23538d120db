"""What can be trained: a Uni-AdaFocus network, or one encoder on whole frames."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from adafocus import networks
from adafocus.calibration.datasets import CacheSettings
from adafocus.calibration.datasets.augmentation import SCALES, inference_view, network_inputs, random_view
from adafocus.calibration.training.losses import Criterion, Target, losses, policy_losses
from adafocus.calibration.training.recipe import Classifier, Recipe
from adafocus.calibration.views.encoder_views import EncoderViews
from adafocus.calibration.views.geometry import geometry_of
from adafocus.calibration.views.whole_frames import Augmentation, device_view, native_short_side, training_view
from adafocus.networks import AdaFocus, VideoClassifier
from adafocus.networks.backbones.shift import look_back_only
from adafocus.networks.variants import AdaFocusPerFrame

X3D_NAMES = tuple(name for name in networks.BACKBONES if name.startswith("x3d"))
# parameters whose losses need the glance alone
POLICIES = ("temporal_policy.", "spatial_policy.", "training_heads.feature_crop.")
# of one clip, or of several: clips that cut patches themselves stay a list
Batch = tuple[Any, ...]


class Task(nn.Module):
    """A network with its losses.

    Attributes:
        net: what is trained.
        outputs: names of the logits that are validated.
    """

    net: nn.Module
    outputs: tuple[str, ...]

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.criterion = Criterion(
            recipe.hard_weight,
            recipe.soft_weight,
            recipe.temperature,
            recipe.label_smoothing,
            recipe.teacher_temperature,
        )

    @property
    @abstractmethod
    def cache_settings(self) -> CacheSettings:
        """How clips are cached."""

    @abstractmethod
    def inputs(self, frames: NDArray[np.uint8], rng: np.random.Generator | None) -> Batch:
        """Return the inputs from a cached clip ``(n, H, W, 3)``: augmented, or without ``rng`` those of inference."""

    @abstractmethod
    def forward(self, batch: Batch, target: Target, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the terms of the loss."""

    @abstractmethod
    def predict(self, batch: Batch) -> tuple[Tensor, ...]:
        """Return logits ``(B, K)`` for each name of ``outputs``, in inference mode."""

    @abstractmethod
    def parts(self) -> dict[str, list[str]]:
        """Map each part of a recipe's ``rates`` to prefixes of its parameters' names; the first that fits counts."""

    def encoders(self) -> Iterator[nn.Module]:
        """Yield the modules whose batch norms a recipe may freeze."""
        for name, module in self.net.named_children():
            if name.endswith("encoder"):
                yield module


class AdaFocusTask(Task):
    """Glance, policies and focus trained together."""

    outputs = ("glance", "final")

    def __init__(self, recipe: Recipe, num_classes: int) -> None:
        super().__init__(recipe)
        self.net: AdaFocus = networks.from_config(recipe.config(num_classes))

    @property
    def cache_settings(self) -> CacheSettings:
        """Keep frames with the network's short side, or as they were decoded where boxes lie in them."""
        config = self.net.config
        if config.boxes_in == "frame":
            # no device takes other shapes, and that is told before clips are decoded
            geometry_of(config)
            return CacheSettings(self.recipe.cached_frames, native_short_side(config), native=True)
        return CacheSettings(self.recipe.cached_frames, config.short_side_px)

    def inputs(self, frames: NDArray[np.uint8], rng: np.random.Generator | None) -> Batch:
        """Return glance ``(T_G, 3, S, S)`` and candidates ``(N, 3, F, F)``, or what the network takes instead."""
        config = self.net.config
        if config.boxes_in == "frame":
            if rng is None:
                return device_view(frames, config)
            return training_view(frames, config, rng, augmentation_of(self.recipe))
        shape = (frames.shape[1], frames.shape[2])
        if rng is None:
            return network_inputs(frames, inference_view(config, shape), config)
        view = random_view(
            config, shape, rng, flip=self.recipe.flip, shared=self.recipe.shared_views, scales=self.recipe.crop_scales
        )
        return network_inputs(frames, view, config)

    def forward(self, batch: Batch, target: Target, generator: torch.Generator) -> dict[str, Tensor]:
        """Return all terms of the loss; where the policies alone are trained, only theirs."""
        glance, candidates = batch
        if not self._trains_networks():
            sizes = None if isinstance(candidates, Tensor) else [clip.size for clip in candidates]
            policies = self.net.policy_forward(glance, generator, sizes)
            return policy_losses(policies, target, self.criterion, self.recipe.size_weight)
        outputs = self.net.train_forward(candidates, glance, generator)
        per_frame = isinstance(self.net, AdaFocusPerFrame)
        return losses(outputs, target, self.criterion, self.recipe.size_weight, frame_by_frame=per_frame)

    def _trains_networks(self) -> bool:
        return any(
            parameter.requires_grad for name, parameter in self.net.named_parameters() if not name.startswith(POLICIES)
        )

    def predict(self, batch: Batch) -> tuple[Tensor, ...]:
        """Return the logits of the first and of the last exit."""
        glance, candidates = batch
        result = self.net.infer(candidates, glance)
        return result.glance_logits, result.logits

    def parts(self) -> dict[str, list[str]]:
        """Group parameters as the official code does."""
        return {
            "temporal_policy": ["temporal_policy."],
            "spatial_policy": ["spatial_policy."],
            "glance": ["global_", "training_heads.feature_crop.", "training_heads.global_"],
            "focus": ["local_", "training_heads.local_"],
            "classifier": ["classifier."],
        }


class ClassifierTask(Task):
    """One encoder and its head on whole frames, or on what a glance and a focus see of them.

    Attributes:
        teacher: what is asked at every step about the frames that are learned from, ``(B, T, 3, S, S)`` to logits
            ``(B, K)``; None where targets come with the clips.
    """

    outputs = ("final",)

    def __init__(self, recipe: Recipe, num_classes: int) -> None:
        super().__init__(recipe)
        if recipe.classifier is None:
            raise TypeError("the recipe names no classifier")
        self.shape = recipe.classifier
        self.config = classifier_config(self.shape)
        self.teacher: nn.Module | None = None
        self.views = None
        if self.shape.views:
            self.views = EncoderViews(views_config(self.shape), self.shape.views)
            self.outputs = self.views.outputs
        self.net: VideoClassifier = networks.build_classifier(
            self.shape.backbone, num_classes, None if self.shape.backbone in X3D_NAMES else self.config.shift_div
        )
        if self.shape.shift == "past":
            look_back_only(self.net)

    @property
    def cache_settings(self) -> CacheSettings:
        """Keep frames with the recipe's short side, or as they were decoded where views are cut out of them."""
        if self.views is not None:
            return CacheSettings(self.recipe.cached_frames, native_short_side(self.views.config), native=True)
        return CacheSettings(self.recipe.cached_frames, self.shape.short_side_px)

    def inputs(self, frames: NDArray[np.uint8], rng: np.random.Generator | None) -> Batch:
        """Return frames ``(T, 3, S, S)``; of inference those of every view that is validated."""
        if rng is not None:
            frames = random_run(frames, self.recipe.shortest_run, rng)
        if self.views is not None:
            if rng is None:
                return self.views.validated(frames)
            return (self.views.drawn(frames, rng, augmentation_of(self.recipe)),)
        return (classifier_input(frames, self.config, rng, flip=self.recipe.flip, scales=self.recipe.crop_scales),)

    def forward(self, batch: Batch, target: Target, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the only term."""
        if self.teacher is not None:
            target = target._replace(teacher_logits=self.teacher(*batch))
        return {"prediction": self.criterion(self.net(*batch), target)}

    def predict(self, batch: Batch) -> tuple[Tensor, ...]:
        """Return the only logits, or those of every view and of both views together."""
        logits = [self.net(part) for part in batch]
        return tuple(logits if self.views is None else self.views.with_mean(logits))

    def parts(self) -> dict[str, list[str]]:
        """Give the encoder the rate of the focus and the head that of the classifier."""
        return {"focus": ["encoder."], "classifier": ["head."]}


def random_run(frames: NDArray[np.uint8], shortest: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a run of a clip's frames ``(n, H, W, 3)`` that starts anywhere, of at least this share of them."""
    least = math.ceil(shortest * len(frames))
    length = int(rng.integers(least, len(frames), endpoint=True)) if least < len(frames) else len(frames)
    begin = int(rng.integers(0, len(frames) - length, endpoint=True)) if length < len(frames) else 0
    return frames[begin : begin + length]


def classifier_config(shape: Classifier) -> networks.NetworkConfig:
    """Return a configuration whose candidate frames are the classifier's input: its size and its mean and deviation."""
    like = "x3d-xs-xs" if shape.backbone in X3D_NAMES else "tsm-mbv2-mbv2"
    return networks.preset(
        like,
        glance_frames=1,
        candidate_frames=shape.frames,
        focus_frames=1,
        frame_size=shape.size,
        short_side_px=shape.short_side_px,
        glance_size=shape.size,
        patch_size=shape.size,
        box_min_px=1,
    )


def views_config(shape: Classifier) -> networks.NetworkConfig:
    """Return the configuration of a network whose glance and focus see what a classifier with views learns."""
    return classifier_config(shape).override(
        glance_frames=shape.frames,
        candidate_frames=shape.candidate_frames or 2 * shape.frames,
        focus_frames=shape.frames,
        box_min_px=max(1, round(shape.box_side * shape.size)),
        box_max_px=max(1, round(shape.box_side * shape.size)),
        boxes_in="frame",
        policy="motion",
        focus_span=shape.focus_span,
    )


def augmentation_of(recipe: Recipe) -> Augmentation:
    """Return how views of whole frames are varied."""
    return Augmentation(recipe.flip, recipe.crop_scales, recipe.box_jitter, recipe.random_boxes)


def classifier_input(
    frames: NDArray[np.uint8],
    config: networks.NetworkConfig,
    rng: np.random.Generator | None = None,
    *,
    flip: bool = True,
    scales: Sequence[float] = SCALES,
) -> Tensor:
    """Return a classifier's input ``(T, 3, S, S)`` from a cached clip ``(n, H, W, 3)``; the centre without ``rng``."""
    shape = (frames.shape[1], frames.shape[2])
    view = inference_view(config, shape) if rng is None else random_view(config, shape, rng, flip=flip, scales=scales)
    return network_inputs(frames, view, config)[1]


def build_task(recipe: Recipe, num_classes: int) -> Task:
    """Build the task that a recipe describes."""
    return ClassifierTask(recipe, num_classes) if recipe.classifier is not None else AdaFocusTask(recipe, num_classes)
