"""A teacher beside the network that learns: at every step it is asked about the very pixels that the network sees."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from adafocus.calibration.teachers.answers import is_answers
from adafocus.calibration.teachers.loading import open_teacher
from adafocus.calibration.teachers.sparse_clips import SparseClips
from adafocus.calibration.training.checkpoint import seen_by
from adafocus.calibration.training.tasks import ClassifierTask, Task, classifier_config
from adafocus.edge.bundle.files import sha256_of
from adafocus.errors import AdafocusError
from adafocus.networks import NetworkConfig, VideoClassifier


class TeacherBeside:
    """The one checkpoint that a recipe with ``teacher_sees: view`` learns from (Beyer et al. 2022, arXiv 2106.05237).

    What is said of a clip once, before the training, soon is known by heart. What is said of every crop of it is not.

    Attributes:
        sha256: digest of its file.
        seen: fingerprints of the clips that it was made with.
    """

    def __init__(self, paths: Sequence[Path], labels: Sequence[str]) -> None:
        """Open it.

        Args:
            paths: of the only teacher.
            labels: K class names of the network that learns.

        Raises:
            AdafocusError: there are several, it is no checkpoint, or it knows other classes or needs other frames.
        """
        (path, *more), labels = paths, tuple(labels)
        if more:
            raise AdafocusError(
                f"The recipe's teacher_sees is view, which takes one teacher, found {len(paths)}. Give --teacher once."
            )
        if is_answers(path):
            raise AdafocusError(
                f"The recipe's teacher_sees is view, but {path} holds stored answers, which nobody can ask anything. "
                "Give --teacher the classifier's checkpoint, or set teacher_sees: clip."
            )
        teacher = open_teacher(path)
        if not isinstance(teacher.clips, SparseClips):
            raise AdafocusError(
                f"The teacher {path} sees dense clips only, not the frames of the network that learns. Store its "
                "answers with adafocus predict, and set teacher_sees: clip."
            )
        classes = teacher.net.head.fc.out_features
        if classes != len(labels):
            raise AdafocusError(f"{path} has {classes} classes, but the network {len(labels)}: check --labels.")
        if teacher.labels and teacher.labels != labels:
            raise AdafocusError(f"{path} knows other classes than the network, or in another order: check --labels.")
        self.sha256, self.seen = sha256_of(path), seen_by(path)
        self._net, self._config = teacher.net, classifier_config(teacher.clips.shape)

    def join(self, task: Task) -> None:
        """Let a classifier's training ask it.

        Raises:
            TypeError: the task is of a whole network, which no recipe with ``teacher_sees: view`` is.
        """
        if not isinstance(task, ClassifierTask):
            raise TypeError("only a classifier can learn from a teacher beside it")
        task.teacher = _Asked(self._net, task.config, self._config)


class _Asked(nn.Module):
    """A teacher that takes another network's input; it does not learn, and never is in training mode."""

    def __init__(self, net: VideoClassifier, given: NetworkConfig, wanted: NetworkConfig) -> None:
        super().__init__()
        self.net = net.requires_grad_(False)
        (mean, std), (own_mean, own_std) = (
            (torch.tensor(config.mean)[:, None, None], torch.tensor(config.std)[:, None, None])
            for config in (given, wanted)
        )
        self.register_buffer("scale", std / own_std, persistent=False)
        self.register_buffer("offset", (mean - own_mean) / own_std, persistent=False)
        self.train(False)

    def train(self, mode: bool = True) -> Self:
        """Stay in inference mode."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, frames: Tensor) -> Tensor:
        """Return logits ``(B, K)`` of normalized frames ``(B, T, 3, S, S)``."""
        logits: Tensor = self.net(frames * self.scale + self.offset)
        return logits
