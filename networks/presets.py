"""Published and small configurations, as data."""

from __future__ import annotations

from typing import Any

from networks.config import NetworkConfig

KINETICS_MEAN = (0.45, 0.45, 0.45)
KINETICS_STD = (0.225, 0.225, 0.225)

PRESETS: dict[str, NetworkConfig] = {
    "x3d-xs-xs": NetworkConfig(
        variant="x3d",
        global_backbone="x3d_xs",
        local_backbone="x3d_xs",
        num_classes=400,
        glance_frames=4,
        candidate_frames=24,
        focus_frames=8,
        frame_size=224,
        short_side_px=256,
        glance_size=160,
        patch_size=128,
        box_min_px=96,
        mean=KINETICS_MEAN,
        std=KINETICS_STD,
        head_bias=True,
    ),
}


def preset(name: str, **overrides: Any) -> NetworkConfig:
    """Look a preset up by name and apply overrides.

    Raises:
        ValueError: no such preset, no such setting, or a combination that cannot be built.
    """
    if name not in PRESETS:
        raise ValueError(f"there is no preset {name!r}; expected one of {', '.join(sorted(PRESETS))}.")
    return PRESETS[name].override(**overrides)
