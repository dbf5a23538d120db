"""What can be trained, one table: a Uni-AdaFocus network, or one encoder on whole frames."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from adafocus import networks
from adafocus.calibration.datasets.augmentation import SCALES, inference_view, network_inputs, random_view
from adafocus.calibration.training.losses import Criterion, Target, losses, policy_losses
from adafocus.calibration.training.recipe import Classifier, Recipe
from adafocus.networks import AdaFocus, VideoClassifier
from adafocus.networks.variants import AdaFocusPerFrame

X3D_NAMES = tuple(name for name in networks.BACKBONES if name.startswith("x3d"))
# what the glance alone teaches
POLICIES = ("temporal_policy.", "spatial_policy.", "training_heads.feature_crop.")
Batch = tuple[Tensor, ...]


class Task(nn.Module):
    """A network with its losses.

    Attributes:
        net: what is trained.
        answers: names of the answers that validation judges.
    """

    net: nn.Module
    answers: tuple[str, ...]

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.criterion = Criterion(recipe.hard_weight, recipe.soft_weight, recipe.temperature, recipe.label_smoothing)

    @property
    @abstractmethod
    def short_side_px(self) -> int:
        """Short side that clips are cached with."""

    @abstractmethod
    def inputs(self, frames: NDArray[np.uint8], rng: np.random.Generator | None) -> Batch:
        """Tensors of one cached clip ``(n, H, W, 3)``: an augmented view, or without ``rng`` that of inference."""

    @abstractmethod
    def forward(self, batch: Batch, target: Target, generator: torch.Generator) -> dict[str, Tensor]:
        """Terms of the loss."""

    @abstractmethod
    def judge(self, batch: Batch) -> tuple[Tensor, ...]:
        """Logits ``(B, K)`` for each name of ``answers``, in inference mode."""

    @abstractmethod
    def parts(self) -> dict[str, list[str]]:
        """Part of a recipe's ``rates`` -> prefixes of its parameters' names in ``net``; the first that fits counts."""

    def encoders(self) -> Iterator[nn.Module]:
        """Modules whose batch norms a recipe may freeze."""
        for name, module in self.net.named_children():
            if name.endswith("encoder"):
                yield module


class AdaFocusTask(Task):
    """Glance, policies and focus trained together."""

    answers = ("glance", "final")

    def __init__(self, recipe: Recipe, num_classes: int) -> None:
        super().__init__(recipe)
        self.net: AdaFocus = networks.from_config(recipe.config(num_classes))

    @property
    def short_side_px(self) -> int:
        """That of the network."""
        return self.net.config.short_side_px

    def inputs(self, frames: NDArray[np.uint8], rng: np.random.Generator | None) -> Batch:
        """Glance ``(T_G, 3, S, S)`` and candidates ``(N, 3, F, F)``."""
        config = self.net.config
        shape = (frames.shape[1], frames.shape[2])
        if rng is None:
            return network_inputs(frames, inference_view(config, shape), config)
        view = random_view(
            config, shape, rng, flip=self.recipe.flip, shared=self.recipe.shared_views, scales=self.recipe.crop_scales
        )
        return network_inputs(frames, view, config)

    def forward(self, batch: Batch, target: Target, generator: torch.Generator) -> dict[str, Tensor]:
        """All losses of the method; where the policies alone learn, those that teach them."""
        glance, candidates = batch
        if not self._networks_learn():
            alone = self.net.policy_forward(glance, generator)
            return policy_losses(alone, target, self.criterion, self.recipe.size_weight)
        outputs = self.net.train_forward(candidates, glance, generator)
        per_frame = isinstance(self.net, AdaFocusPerFrame)
        return losses(outputs, target, self.criterion, self.recipe.size_weight, frame_by_frame=per_frame)

    def _networks_learn(self) -> bool:
        return any(
            parameter.requires_grad for name, parameter in self.net.named_parameters() if not name.startswith(POLICIES)
        )

    def judge(self, batch: Batch) -> tuple[Tensor, ...]:
        """The first and the last exit."""
        glance, candidates = batch
        answer = self.net.infer(candidates, glance)
        return answer.glance_logits, answer.logits

    def parts(self) -> dict[str, list[str]]:
        """As the official code groups them."""
        return {
            "temporal_policy": ["temporal_policy."],
            "spatial_policy": ["spatial_policy."],
            "glance": ["global_", "training_heads.feature_crop.", "training_heads.global_"],
            "focus": ["local_", "training_heads.local_"],
            "classifier": ["classifier."],
        }


class ClassifierTask(Task):
    """One encoder and its head on whole frames."""

    answers = ("final",)

    def __init__(self, recipe: Recipe, num_classes: int) -> None:
        super().__init__(recipe)
        if recipe.classifier is None:
            raise TypeError("the recipe names no classifier")
        self.shape = recipe.classifier
        self.feed = classifier_config(self.shape)
        self.net: VideoClassifier = networks.build_classifier(
            self.shape.backbone, num_classes, None if self.shape.backbone in X3D_NAMES else self.feed.shift_div
        )

    @property
    def short_side_px(self) -> int:
        """That of the recipe."""
        return self.shape.short_side_px

    def inputs(self, frames: NDArray[np.uint8], rng: np.random.Generator | None) -> Batch:
        """Frames ``(T, 3, S, S)``."""
        return (whole_frames(frames, self.feed, rng, flip=self.recipe.flip, scales=self.recipe.crop_scales),)

    def forward(self, batch: Batch, target: Target, generator: torch.Generator) -> dict[str, Tensor]:
        """The criterion alone."""
        return {"prediction": self.criterion(self.net(*batch), target)}

    def judge(self, batch: Batch) -> tuple[Tensor, ...]:
        """The only answer."""
        return (self.net(*batch),)

    def parts(self) -> dict[str, list[str]]:
        """Encoder and head learn at the focus' and the classifier's rates."""
        return {"focus": ["encoder."], "classifier": ["head."]}


def classifier_config(shape: Classifier) -> networks.NetworkConfig:
    """What a classifier is fed, as the candidates of a network of its size and of its backbone's statistics."""
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


def whole_frames(
    frames: NDArray[np.uint8],
    feed: networks.NetworkConfig,
    rng: np.random.Generator | None = None,
    *,
    flip: bool = True,
    scales: Sequence[float] = SCALES,
) -> Tensor:
    """Frames ``(T, 3, S, S)`` of a cached clip ``(n, H, W, 3)`` for a classifier: an augmented view, or the centre."""
    shape = (frames.shape[1], frames.shape[2])
    view = inference_view(feed, shape) if rng is None else random_view(feed, shape, rng, flip=flip, scales=scales)
    return network_inputs(frames, view, feed)[1]


def build_task(recipe: Recipe, num_classes: int) -> Task:
    """What a recipe trains."""
    return ClassifierTask(recipe, num_classes) if recipe.classifier is not None else AdaFocusTask(recipe, num_classes)
