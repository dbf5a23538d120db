"""A tiny run: made-up videos, a small network, a recipe of a few steps."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import yaml

RECIPE = {
    "preset": "tsm-mbv2-mbv2",
    "overrides": {
        "frame_size": 64,
        "short_side_px": 72,
        "glance_size": 32,
        "patch_size": 32,
        "box_min_px": 24,
        "glance_frames": 2,
        "candidate_frames": 4,
        "focus_frames": 2,
        "spatial_hidden": 8,
        "temporal_hidden": 8,
    },
    "cached_frames": 4,
    "epochs": 2,
    "batch": 4,
    "learning_rate": 0.01,
    "validate_every": 1,
}
CLASSES = ("bright", "dark")


def write_recipe(folder: Path, **changes: object) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({**RECIPE, **changes}))
    return path


def write_clips(folder: Path, training: int = 12, validation: int = 4) -> Path:
    """Write videos of bright and of dark noise, and their list."""
    rng = np.random.default_rng(0)
    lines = ["path,label,group,split"]
    for number in range(training + validation):
        label = CLASSES[number % 2]
        writer = cv2.VideoWriter(str(folder / f"{number}.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 8, (96, 80))
        for _ in range(6):
            level = 200 if label == "bright" else 50
            writer.write(np.clip(rng.normal(level, 20, (80, 96, 3)), 0, 255).astype(np.uint8))
        writer.release()
        lines.append(f"{number}.avi,{label},g{number},{'train' if number < training else 'val'}")
    path = folder / "clips.csv"
    path.write_text("\n".join(lines) + "\n")
    return path
