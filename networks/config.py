"""The shape of a network, as data: everything a preset fixes and a user may override."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

VARIANTS = ("x3d",)


@dataclass(frozen=True)
class NetworkConfig:
    """One Uni-AdaFocus configuration (arXiv 2412.11228).

    Frame counts follow the paper: ``glance_frames`` is T_G, ``candidate_frames`` is N and ``focus_frames`` is T_L.
    Sizes are square sides in pixels. ``box_min_px`` is the smallest side of a focus box measured in a frame of
    ``frame_size``; the largest is ``frame_size`` itself. ``short_side_px`` is what a frame's short side is resized to
    before the centre crop of ``frame_size``.
    """

    variant: str
    global_backbone: str
    local_backbone: str
    num_classes: int
    glance_frames: int
    candidate_frames: int
    focus_frames: int
    frame_size: int
    short_side_px: int
    glance_size: int
    patch_size: int
    box_min_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    spatial_hidden: int = 128
    temporal_hidden: int = 64
    head_hidden: int = 2048
    head_bias: bool = False
    dropout: float = 0.5
    temperature: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot be built.

        Raises:
            ValueError: the sentence names the field, the value found and what was expected.
        """
        if self.variant not in VARIANTS:
            raise ValueError(f"variant is {self.variant!r}, expected one of {', '.join(VARIANTS)}.")
        for name in ("num_classes", "glance_frames", "candidate_frames", "focus_frames", "frame_size", "patch_size"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} is {value!r}, expected a whole number of at least 1.")
        if self.focus_frames > self.candidate_frames:
            raise ValueError(
                f"focus_frames is {self.focus_frames}, but only {self.candidate_frames} candidate_frames exist to "
                "choose from: lower focus_frames or raise candidate_frames."
            )
        if not 1 <= self.box_min_px <= self.frame_size:
            raise ValueError(
                f"box_min_px is {self.box_min_px}, expected 1 to frame_size ({self.frame_size}), the side of the "
                "frame a box must fit into."
            )
        if self.short_side_px < self.frame_size:
            raise ValueError(
                f"short_side_px is {self.short_side_px}, expected at least frame_size ({self.frame_size}), which is "
                "cropped from it."
            )

    @property
    def box_min(self) -> float:
        """Smallest side of a focus box as a fraction of the frame."""
        return self.box_min_px / self.frame_size

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> NetworkConfig:
        """The inverse of :func:`dataclasses.asdict`, also after a journey through JSON."""
        fields: dict[str, Any] = {}
        for name, value in content.items():
            fields[name] = tuple(value) if isinstance(value, list) else value
        return cls(**fields)

    def override(self, **changes: Any) -> NetworkConfig:
        """Return a copy with fields replaced.

        Raises:
            ValueError: a name is no field of this class, or the result cannot be built.
        """
        unknown = sorted(set(changes) - set(self.__dataclass_fields__))
        if unknown:
            raise ValueError(f"unknown setting {', '.join(unknown)}; expected {', '.join(self.__dataclass_fields__)}.")
        return replace(self, **changes)
