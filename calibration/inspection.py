"""What a model file says of itself; nothing but its header is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

FORMAT = "adafocus-edge quantised model, version 1"


def describe(target: str) -> dict[str, Any] | None:
    """Describe a model file of ``adafocus train``; None where ``target`` is none."""
    path = Path(target)
    if path.suffix != ".safetensors" or not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
    except SafetensorError:
        return None
    if metadata.get("format") != FORMAT:
        return None
    history = json.loads(metadata["history"])
    return {
        "model": str(path),
        "kind": metadata["format"],
        "preset": metadata["preset"],
        "classes": len(json.loads(metadata["labels"])),
        "bytes": path.stat().st_size,
        "taught_on_clips": history.get("taught"),
        "packages": [f"{name} {number}" for name, number in history.get("packages", {}).items()],
        "next": f"adafocus export {path} --out bundle --prove VIDEO",
    }
