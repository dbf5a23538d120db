"""The geometry of a small clip, and whether two clips are the same."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from adafocus.edge.bundle.manifest import Geometry
from adafocus.edge.video.clip import Clip

GEOMETRY = Geometry(
    variant="x3d",
    glance_frames=4,
    candidate_frames=24,
    focus_frames=8,
    frame_size=224,
    short_side=256,
    glance_size=128,
    patch_size=128,
    mean=(0.45, 0.45, 0.45),
    std=(0.225, 0.225, 0.225),
)


def assert_same(one: Clip, other: Clip) -> None:
    for field in fields(Clip):
        if not field.name.endswith("_ms"):
            first, second = getattr(one, field.name), getattr(other, field.name)
            assert np.array_equal(first, second), field.name
