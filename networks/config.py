"""The shape of a network, as data: everything a preset fixes and a user may override."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from numbers import Real
from typing import Any

from adafocus.errors import NetworkError

# variant -> whether the focus takes its patches a few at a time, so that an exit after some of them saves time
VARIANTS = {"long": True, "tsm": False, "x3d": False}
COUNTS = (
    "num_classes",
    "glance_frames",
    "candidate_frames",
    "focus_frames",
    "frame_size",
    "short_side_px",
    "glance_size",
    "patch_size",
    "box_min_px",
    "spatial_hidden",
    "temporal_hidden",
    "head_hidden",
    "shift_div",
    "patches_per_call",
)
# field -> its values, the usual one first
CHOICES = {
    "boxes_in": ("square", "frame"),
    "glance_fit": ("square", "squeezed", "padded"),
    "policy": ("network", "motion"),
    "focus_span": ("weights", "spread", "densest"),
    "change_from": ("previous", "median"),
    "shift": ("both", "past"),
}


@dataclass(frozen=True)
class NetworkConfig:
    """One Uni-AdaFocus configuration (arXiv 2412.11228).

    Frame counts follow the paper: ``glance_frames`` is T_G, ``candidate_frames`` is N and ``focus_frames`` is T_L.
    Sizes are square sides in pixels. ``box_min_px`` and ``box_max_px`` bound the sides of a focus box measured in a
    frame of ``frame_size``; without the latter a box may cover the whole frame. ``short_side_px`` is what a frame's
    short side is resized to before the centre crop of ``frame_size``. ``head_hidden`` is the width inside the heads
    of the ``x3d`` variant and of the two MLPs of the ``long`` variant; ``shift_div`` is the share of the channels that
    the ``tsm`` variant shifts each way; ``patches_per_call`` is how many patches the focus graph of the ``long``
    variant takes at once.

    ``shift`` says what the glance of the ``tsm`` variant sees of other frames: those on ``both`` sides, as published,
    or the ``past`` alone, as in the published TSM for online video, so that a stream encodes each frame once. The focus
    sees both sides of its patches either way.

    The other fields say where the focus looks. ``boxes_in``: boxes lie in the centre ``square``, as published, or
    in the whole ``frame``, from which patches are cut at its own resolution; ``box_min_px`` and ``box_max_px`` divided
    by ``frame_size`` are then fractions of the frame's short side. ``glance_fit``: the glance sees the centre
    ``square``, whose side is short side x ``frame_size`` / ``short_side_px``, or the whole frame, ``squeezed`` into a
    square or ``padded`` to one. ``policy``: a ``network``, or ``motion``, which puts a square of ``box_min`` where
    pixels change and has no parameters. ``focus_span``: focus frames by the ``weights`` of the policy network, evenly
    ``spread`` over the candidates, or the ``densest`` run of candidates, in which most changes. ``change_from``: what
    counts as change, that from the ``previous`` candidate, or that from the ``median`` of all candidates, beyond what
    is usual at the place.
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
    box_max_px: int | None = None
    shift_div: int = 8
    patches_per_call: int = 1
    boxes_in: str = "square"
    glance_fit: str = "square"
    policy: str = "network"
    focus_span: str = "weights"
    change_from: str = "previous"
    shift: str = "both"

    def __post_init__(self) -> None:
        """Refuse what cannot be built.

        Raises:
            NetworkError: the sentence names the field, the value found and what was expected.
        """
        if self.variant not in VARIANTS:
            raise NetworkError(f"variant is {self.variant!r}, expected one of {', '.join(VARIANTS)}.")
        for name in COUNTS:
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise NetworkError(f"{name} is {value!r}, expected a whole number of at least 1.")
        if self.focus_frames > self.candidate_frames:
            raise NetworkError(
                f"focus_frames is {self.focus_frames}, but only {self.candidate_frames} candidate_frames exist to "
                "choose from: lower focus_frames or raise candidate_frames."
            )
        if not 1 <= self.box_min_px <= self.box_max_side_px <= self.frame_size:
            raise NetworkError(
                f"box_min_px is {self.box_min_px} and box_max_px {self.box_max_side_px}, expected 1 <= box_min_px <= "
                f"box_max_px <= frame_size ({self.frame_size}), the side of the frame a box must fit into."
            )
        if self.short_side_px < self.frame_size:
            raise NetworkError(
                f"short_side_px is {self.short_side_px}, expected at least frame_size ({self.frame_size}), which is "
                "cropped from it."
            )
        if self.takes_patches_in_steps and self.focus_frames % self.patches_per_call:
            raise NetworkError(
                f"patches_per_call is {self.patches_per_call}, expected a divisor of focus_frames "
                f"({self.focus_frames})."
            )
        if not 0.0 <= self.dropout < 1.0:
            raise NetworkError(f"dropout is {self.dropout}, expected at least 0 and less than 1.")
        if not self.temperature > 0.0:
            raise NetworkError(f"temperature is {self.temperature}, expected more than 0.")
        if not _are_three_numbers(self.mean):
            raise NetworkError(f"mean is {self.mean}, expected three numbers.")
        if not _are_three_numbers(self.std) or min(self.std) <= 0.0:
            raise NetworkError(f"std is {self.std}, expected three numbers above 0.")
        self._check_looking()

    def _check_looking(self) -> None:
        """Refuse ways to look that there are not, or that contradict each other."""
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise NetworkError(f"{name} is {getattr(self, name)!r}, expected one of {', '.join(known)}.")
        whole_frame = {
            "glance_fit": ("squeezed", "padded"),
            "policy": ("motion",),
            "focus_span": ("densest",),
            "change_from": ("median",),
        }
        for name, values in whole_frame.items():
            if self.boxes_in != "frame" and getattr(self, name) in values:
                raise NetworkError(
                    f"{name} is {getattr(self, name)!r} with boxes_in {self.boxes_in!r}, expected boxes_in 'frame', or "
                    f"{name} {CHOICES[name][0]!r}."
                )
        if self.shift == "past" and self.variant != "tsm":
            raise NetworkError(
                f"shift is 'past' with variant {self.variant!r}, which has no temporal shift, expected variant 'tsm' "
                "or shift 'both'."
            )
        if not self.has_policy_network and self.focus_span == "weights":
            raise NetworkError(
                "focus_span is 'weights' with policy 'motion', which gives no weights, expected focus_span 'spread' or "
                "'densest'."
            )

    @property
    def has_policy_network(self) -> bool:
        """Whether a network says where the focus looks, and not a rule."""
        return self.policy == "network"

    @property
    def box_max_side_px(self) -> int:
        """Largest side of a focus box in pixels of the frame."""
        return self.frame_size if self.box_max_px is None else self.box_max_px

    @property
    def box_min(self) -> float:
        """Smallest side of a focus box as a fraction of the square, or of the short side of the whole frame."""
        return self.box_min_px / self.frame_size

    @property
    def box_max(self) -> float:
        """Largest side of a focus box likewise."""
        return self.box_max_side_px / self.frame_size

    @property
    def takes_patches_in_steps(self) -> bool:
        """Whether the focus can stop after some of its patches."""
        return VARIANTS[self.variant]

    @property
    def patches_in_one_call(self) -> int:
        """Patches that the focus graph takes at once."""
        return self.patches_per_call if self.takes_patches_in_steps else self.focus_frames

    def as_dict(self) -> dict[str, Any]:
        """Return plain values; what was published without a choice is written without it, as it always was."""
        usual = {name: known[0] for name, known in CHOICES.items()}
        return {name: value for name, value in asdict(self).items() if name not in usual or value != usual[name]}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> NetworkConfig:
        """Undo :meth:`as_dict`, also after a round trip through JSON."""
        fields: dict[str, Any] = {}
        for name, value in content.items():
            fields[name] = tuple(value) if isinstance(value, list) else value
        return cls(**fields)

    def override(self, **changes: Any) -> NetworkConfig:
        """Return a copy with fields replaced.

        Raises:
            NetworkError: a name is no field of this class, or the result cannot be built.
        """
        unknown = sorted(set(changes) - set(self.__dataclass_fields__))
        if unknown:
            raise NetworkError(
                f"Unknown setting {', '.join(unknown)}; expected {', '.join(self.__dataclass_fields__)}."
            )
        return replace(self, **changes)


def _are_three_numbers(value: object) -> bool:
    """Return whether a value is one finite number for each channel."""
    if not isinstance(value, Sequence) or len(value) != 3:
        return False
    return all(isinstance(entry, Real) and math.isfinite(entry) for entry in value)
