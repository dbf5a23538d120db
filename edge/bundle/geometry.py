"""Geometry of a model: frame counts, sizes, normalization, and what decides where the focus looks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from adafocus.errors import BundleError

WHITE = 255
MAX_SIDE_PX = 4096
MAX_FRAMES = 4096
MAX_CLIP_BYTES = 512 << 20
# what the frames of a clip may take as they were decoded; larger ones are resized or shrunk when they are kept
MAX_WAITING_BYTES = 64 << 20

Stage = Literal["glance", "policy", "focus"]
Frames = Annotated[int, Field(ge=1, le=MAX_FRAMES)]
Side = Annotated[int, Field(ge=1, le=MAX_SIDE_PX)]
Share = Annotated[float, Field(ge=0, le=1)]
Deviation = Annotated[float, Field(ge=1e-6, le=1e6)]

STAGES: tuple[Stage, ...] = ("glance", "policy", "focus")
# where the policy is a rule and no network, it has no graph
STAGES_BY_MOTION: tuple[Stage, ...] = ("glance", "focus")


class Strict(BaseModel):
    """A part of a manifest: unknown keys, infinities and NaN are refused, and nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Geometry(Strict):
    """Frame counts, sizes in pixels, normalization and where the focus looks, as the network was trained.

    The fields from ``boxes_in`` on are not written where they have their defaults, so that earlier readers know every
    key of a bundle that is made as theirs were.

    Attributes:
        boxes_in: what boxes lie in, and patches are cut from: the centre ``square`` of ``frame_size``, or the whole
            ``frame`` as it was decoded.
        glance_fit: what the glance sees of a frame: the centre ``square``, the whole frame ``squeezed`` into a square,
            or the whole frame with its aspect, ``padded`` with the mean colour.
        policy: what says where the focus looks: a ``network``, or where pixels change (``motion``), without a network.
        focus_span: which candidates the focus looks at: by the ``weights`` of the policy network, evenly ``spread``,
            or the ``densest`` run, in which most changes.
        change_from: what counts as change: that from the ``previous`` candidate, or that from the ``median`` of all
            candidates, beyond what is usual at the place.
        box_min: smallest side of a box as a fraction of the short side of what boxes lie in; the side of a box that
            is placed by motion. None: not stated.
    """

    variant: Literal["long", "tsm", "x3d"]
    glance_frames: Frames
    candidate_frames: Frames
    focus_frames: Frames
    frame_size: Side
    short_side: Side
    glance_size: Side
    patch_size: Side
    mean: tuple[Share, Share, Share]
    std: tuple[Deviation, Deviation, Deviation]
    boxes_in: Literal["square", "frame"] = "square"
    glance_fit: Literal["square", "squeezed", "padded"] = "square"
    policy: Literal["network", "motion"] = "network"
    focus_span: Literal["weights", "spread", "densest"] = "weights"
    change_from: Literal["previous", "median"] = "previous"
    box_min: Annotated[float, Field(gt=0, le=1)] | None = None

    @property
    def stage_names(self) -> tuple[Stage, ...]:
        """Stages that a bundle of this geometry has graphs for, in the order in which they run."""
        return STAGES if self.policy == "network" else STAGES_BY_MOTION

    @property
    def share(self) -> float:
        """Side of the centre square as a fraction of a frame's short side."""
        return self.frame_size / self.short_side

    @property
    def mean_color(self) -> tuple[int, int, int]:
        """Mean color as red, green, blue in 0..255, which stands for what lies outside a frame."""
        red, green, blue = (round(WHITE * value) for value in self.mean)
        return red, green, blue

    @model_validator(mode="after")
    def _check(self) -> Geometry:
        """Refuse sizes that contradict each other, and clips that do not fit into memory."""
        if self.focus_frames > self.candidate_frames:
            raise BundleError(
                f"focus_frames is {self.focus_frames}, expected at most {self.candidate_frames} candidate frames."
            )
        if self.frame_size > self.short_side:
            raise BundleError(
                f"frame_size is {self.frame_size}, expected at most short_side, which is {self.short_side}."
            )
        self._check_looking()
        # frames that are kept as they were decoded are shrunk where they would take more
        kept = 3 * self.candidate_frames * self.frame_size**2 if self.boxes_in == "square" else MAX_WAITING_BYTES
        needed = 3 * self.glance_frames * self.glance_size**2 + kept
        if needed > MAX_CLIP_BYTES:
            raise BundleError(f"one clip would take {needed} bytes, expected at most {MAX_CLIP_BYTES}.")
        return self

    def _check_looking(self) -> None:
        """Refuse ways to look that contradict each other."""
        whole = {
            "glance_fit": ("squeezed", "padded"),
            "policy": ("motion",),
            "focus_span": ("densest",),
            "change_from": ("median",),
        }
        for name, values in whole.items():
            if self.boxes_in == "square" and getattr(self, name) in values:
                raise BundleError(
                    f"{name} is {getattr(self, name)!r} with boxes_in 'square', expected boxes_in 'frame', or {name} "
                    f"{type(self).model_fields[name].default!r}."
                )
        if self.policy == "motion" and self.focus_span == "weights":
            raise BundleError(
                "focus_span is 'weights' with policy 'motion', which gives no weights, expected focus_span 'spread' or "
                "'densest'."
            )
        if self.policy == "motion" and self.box_min is None:
            raise BundleError(
                "box_min is missing with policy 'motion', expected the side of a box as a fraction of the short side, "
                "above 0 and at most 1."
            )

    @model_serializer(mode="wrap")
    def _without_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Leave out what has its default."""
        fields = type(self).model_fields
        return {key: value for key, value in handler(self).items() if value != fields[key].default}
