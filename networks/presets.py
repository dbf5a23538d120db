"""Published and small configurations, as data."""

from __future__ import annotations

from typing import Any

from adafocus.errors import NetworkError
from adafocus.networks.config import NetworkConfig

IMAGENET: dict[str, Any] = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
KINETICS: dict[str, Any] = {"mean": (0.45, 0.45, 0.45), "std": (0.225, 0.225, 0.225)}
FRAME: dict[str, Any] = {"frame_size": 224, "short_side_px": 256, "box_min_px": 96}


def _long(patch_size: int) -> NetworkConfig:
    """Return the published ``long`` configuration with another patch size."""
    return NetworkConfig(
        variant="long",
        global_backbone="mobilenet_v2",
        local_backbone="resnet50",
        num_classes=200,
        glance_frames=16,
        candidate_frames=48,
        focus_frames=16,
        glance_size=224,
        patch_size=patch_size,
        head_hidden=4096,
        dropout=0.2,
        patches_per_call=2,
        **FRAME,
        **IMAGENET,
    )


def _tsm(focus_frames: int, patch_size: int, local: str = "resnet50", glance_size: int = 224) -> NetworkConfig:
    """Return a published ``tsm`` configuration: glance of 8 frames, three candidates for each focus frame."""
    return NetworkConfig(
        variant="tsm",
        global_backbone="mobilenet_v2",
        local_backbone=local,
        num_classes=174,
        glance_frames=8,
        candidate_frames=3 * focus_frames,
        focus_frames=focus_frames,
        glance_size=glance_size,
        patch_size=patch_size,
        **FRAME,
        **IMAGENET,
    )


def _by_motion(size: int) -> dict[str, Any]:
    """Return the sizes of a network whose focus sees the half of the whole frame's short side where pixels change."""
    return {
        "frame_size": size,
        "short_side_px": size,
        "glance_size": size,
        "patch_size": size,
        "box_min_px": size // 2,
        "box_max_px": size // 2,
        "boxes_in": "frame",
        "policy": "motion",
    }


PRESETS: dict[str, NetworkConfig] = {
    "long-mbv2-r50-p96": _long(96),
    "long-mbv2-r50-p128": _long(128),
    "long-mbv2-r50-p160": _long(160),
    "tsm-mbv2-r50-p96-8x8": _tsm(8, 96),
    # a glance of half the operations; the paper shrinks that of X3D so
    "tsm-mbv2-r50-p96-8x8-g160": _tsm(8, 96, glance_size=160),
    "tsm-mbv2-r50-p96-8x12": _tsm(12, 96),
    "tsm-mbv2-r50-p128-8x12": _tsm(12, 128),
    "tsm-mbv2-r50-p128-8x12-g160": _tsm(12, 128, glance_size=160),
    "tsm-mbv2-r50-p128-8x16": _tsm(16, 128),
    "tsm-mbv2-mbv2": _tsm(8, 128, "mobilenet_v2", 128),
    "tsm-mbv2-lite0": _tsm(8, 128, "efficientnet_lite0", 128),
    "x3d-s-l-p128": NetworkConfig(
        variant="x3d",
        global_backbone="x3d_s",
        local_backbone="x3d_l",
        num_classes=400,
        glance_frames=16,
        candidate_frames=96,
        focus_frames=32,
        glance_size=160,
        patch_size=128,
        **FRAME,
        **KINETICS,
    ),
    "x3d-xs-xs": NetworkConfig(
        variant="x3d",
        global_backbone="x3d_xs",
        local_backbone="x3d_xs",
        num_classes=400,
        glance_frames=4,
        candidate_frames=24,
        focus_frames=8,
        glance_size=160,
        patch_size=128,
        head_bias=True,
        **FRAME,
        **KINETICS,
    ),
    "x3d-xs-xs-frame": NetworkConfig(
        variant="x3d",
        global_backbone="x3d_xs",
        local_backbone="x3d_xs",
        num_classes=400,
        glance_frames=4,
        # twice the glance frames: every second one lies between two of them
        candidate_frames=8,
        focus_frames=4,
        focus_span="spread",
        head_bias=True,
        **_by_motion(160),
        **KINETICS,
    ),
    "tsm-mbv2-mbv2-frame": NetworkConfig(
        variant="tsm",
        global_backbone="mobilenet_v2",
        local_backbone="mobilenet_v2",
        num_classes=174,
        glance_frames=8,
        candidate_frames=16,
        focus_frames=8,
        focus_span="densest",
        **_by_motion(128),
        **IMAGENET,
    ),
}


def preset(name: str, **overrides: Any) -> NetworkConfig:
    """Look a preset up by name and apply overrides.

    Raises:
        NetworkError: no such preset, no such setting, or a combination that cannot be built.
    """
    if name not in PRESETS:
        raise NetworkError(f"There is no preset {name!r}; expected one of {', '.join(sorted(PRESETS))}.")
    return PRESETS[name].override(**overrides)
