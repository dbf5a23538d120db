"""The losses of Uni-AdaFocus (arXiv 2412.11228), from labels, a teacher, or both.

Every term has one form: the cross-entropy of logits with the clip's label, or their divergence from a teacher's logits
for the same clip. Which parameters a term trains is decided by the stop-gradients of ``AdaFocus.train_forward``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from adafocus.networks import EncoderOutputs, PolicyOutputs


class Target(NamedTuple):
    """The targets of a batch.

    Attributes:
        classes: ``(B,)`` int64; -1 where a clip has no label.
        teacher_logits: ``(B, K)``, or None without a teacher.
    """

    classes: Tensor
    teacher_logits: Tensor | None = None


@dataclass(frozen=True)
class Criterion:
    """Distance of logits from a target.

    Attributes:
        hard_weight: of the cross-entropy with the labels.
        soft_weight: of the divergence from the teacher, times the squared temperature.
        temperature: of both softmaxes in the divergence.
        label_smoothing: of the cross-entropy.
        teacher_temperature: of the teacher's logits before that; below 1 it makes the teacher surer than it was.
    """

    hard_weight: float = 1.0
    soft_weight: float = 0.0
    temperature: float = 1.0
    label_smoothing: float = 0.0
    teacher_temperature: float = 1.0

    def __call__(self, logits: Tensor, target: Target) -> Tensor:
        """Return the mean over clips and heads of logits ``(B, K)`` or ``(B, H, K)``."""
        heads = logits.float().reshape(len(logits), -1, logits.shape[-1])
        flat = heads.flatten(0, 1)
        count = heads.shape[1]
        loss = flat.new_zeros(())
        if self.hard_weight > 0.0 and bool((target.classes >= 0).any()):
            labels = target.classes.repeat_interleave(count)
            loss = loss + self.hard_weight * F.cross_entropy(
                flat, labels, ignore_index=-1, label_smoothing=self.label_smoothing
            )
        if self.soft_weight > 0.0 and target.teacher_logits is not None:
            teacher = target.teacher_logits.float().repeat_interleave(count, 0) / self.teacher_temperature
            loss = loss + self.soft_weight * kl_divergence(flat, teacher, self.temperature)
        return loss


def kl_divergence(logits: Tensor, target_logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Return the Kullback-Leibler divergence of softened ``(n, K)`` logits from others, times the squared temperature.

    The factor keeps gradients of one size whatever the temperature is (Hinton et al. 2015, arXiv 1503.02531).
    """
    log_probabilities = (logits / temperature).log_softmax(-1)
    target = (target_logits / temperature).log_softmax(-1)
    return temperature**2 * F.kl_div(log_probabilities, target, reduction="batchmean", log_target=True)


def size_penalty(raw_boxes: Tensor) -> Tensor:
    """Return the mean squared distance of raw heights and widths ``(..., 4)`` from 1, the largest box."""
    return (raw_boxes[..., 2:] - 1.0).square().mean()


def losses(
    outputs: EncoderOutputs, target: Target, criterion: Criterion, size_weight: float, *, frame_by_frame: bool
) -> dict[str, Tensor]:
    """Return every term of the training loss; their sum is minimized.

    Args:
        outputs: of ``AdaFocus.train_forward``; the last three terms are there where the policy is a network.
        target: of the batch.
        criterion: of every term but the size.
        size_weight: of the size term.
        frame_by_frame: whether auxiliary heads have a loss on every frame (``long``) or on their mean over frames.

    Returns:
        ``prediction``, ``glance``, ``local``, ``temporal``, ``spatial`` and ``size``.
    """

    def auxiliary(frames: Tensor) -> Tensor:
        return criterion(frames if frame_by_frame else frames.mean(1), target)

    return {
        "prediction": torch.stack([criterion(part, target) for part in outputs.prediction]).mean(),
        "glance": auxiliary(outputs.glance_frames),
        "local": torch.stack([auxiliary(part) for part in outputs.local_frames]).mean(),
        **(policy_losses(outputs, target, criterion, size_weight) if isinstance(outputs, PolicyOutputs) else {}),
    }


def policy_losses(
    outputs: PolicyOutputs, target: Target, criterion: Criterion, size_weight: float
) -> dict[str, Tensor]:
    """Return the terms ``temporal``, ``spatial`` and ``size``, which train the policies; see :func:`losses`."""
    return {
        "temporal": criterion(outputs.expected, target),
        "spatial": criterion(outputs.feature_crop, target),
        "size": size_weight * size_penalty(outputs.raw_boxes),
    }
