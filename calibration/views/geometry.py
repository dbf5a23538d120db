"""The geometry of a network's shape: what the device knows of it."""

from __future__ import annotations

import reprlib

from pydantic import ValidationError

from adafocus.edge.bundle.manifest import Geometry
from adafocus.errors import AdafocusError
from adafocus.networks import NetworkConfig


def geometry_of(config: NetworkConfig) -> Geometry:
    """Return the part of a network's shape that the device needs.

    Raises:
        AdafocusError: it is beyond what a device takes.
    """
    try:
        return _geometry(config)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "shape"
        raise AdafocusError(
            f"The network's {place} is {reprlib.repr(first['input'])}: {first['msg'].lower()}. Correct the recipe."
        ) from error


def _geometry(config: NetworkConfig) -> Geometry:
    return Geometry(
        variant=config.variant,  # type: ignore[arg-type]
        glance_frames=config.glance_frames,
        candidate_frames=config.candidate_frames,
        focus_frames=config.focus_frames,
        frame_size=config.frame_size,
        short_side=config.short_side_px,
        glance_size=config.glance_size,
        patch_size=config.patch_size,
        mean=config.mean,
        std=config.std,
        boxes_in=config.boxes_in,  # type: ignore[arg-type]
        glance_fit=config.glance_fit,  # type: ignore[arg-type]
        policy=config.policy,  # type: ignore[arg-type]
        focus_span=config.focus_span,  # type: ignore[arg-type]
        change_from=config.change_from,  # type: ignore[arg-type]
        box_min=None if config.boxes_in == "square" else config.box_min,
    )
