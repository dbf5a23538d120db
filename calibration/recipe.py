"""Recipes: everything that decides a training run, in one small file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from edge.errors import AdafocusError


@dataclass(frozen=True)
class Recipe:
    """Distillation of a float teacher into a quantised Uni-AdaFocus network.

    Attributes:
        preset: network preset.
        overrides: changes to the preset.
        teacher_frames: frames that the teacher sees of a clip.
        teacher_size: side of the teacher's input in pixels.
        teacher_short_side: short side that its crop is cut from.
        cached_frames: frames kept of every clip.
        calibration_clips: clips that decide the activation scales.
        policy_views: augmented views of every clip that the policy is first trained on.
        policy_epochs: passes over those views.
        epochs: passes over the clips in quantisation-aware training.
        warmup_steps: steps over which the learning rate rises to its peak.
        batch: clips per step.
        learning_rate: peak rate of AdamW, linear warm-up, cosine decay. A small one keeps what the start knows
            beyond the clips.
        policy_learning_rate: the same for the policy.
        size_weight: weight of the pull towards full-frame boxes.
        temperature: of the teacher's and the student's softmax.
        seed: of every random draw.
    """

    preset: str
    overrides: dict[str, Any] = field(default_factory=dict)
    teacher_frames: int = 16
    teacher_size: int = 160
    teacher_short_side: int = 182
    cached_frames: int = 32
    calibration_clips: int = 48
    policy_views: int = 2
    policy_epochs: int = 12
    epochs: int = 4
    warmup_steps: int = 10
    batch: int = 8
    learning_rate: float = 1e-4
    policy_learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    size_weight: float = 0.1
    temperature: float = 1.0
    seed: int = 1

    @classmethod
    def read(cls, path: Path) -> Recipe:
        """Read a YAML file of these fields.

        Raises:
            AdafocusError: no such file, or a key that is no field.
        """
        if not path.is_file():
            raise AdafocusError(f"There is no recipe at {path}. Give the path of a YAML file.")
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        known = {entry.name for entry in fields(cls)}
        unknown = set(content or {}) - known
        if unknown or not content or "preset" not in content:
            raise AdafocusError(
                f"{path} has the keys {', '.join(content or ['none'])}; expected 'preset' and any of "
                f"{', '.join(sorted(known))}."
            )
        return cls(**content)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for logs and model files."""
        return asdict(self)
