"""Describe a model file or a float checkpoint from its header, for ``adafocus inspect``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from adafocus.errors import AdafocusError, shell_word

FORMAT = "adafocus-edge quantised model, version 1"
CHECKPOINT_FORMAT = "adafocus-edge float checkpoint, version 1"


def describe(target: str) -> dict[str, Any] | None:
    """Describe a model file or a float checkpoint; None where ``target`` is neither.

    Raises:
        AdafocusError: it is one of them, but does not say what it is of.
    """
    path = Path(target)
    if path.suffix != ".safetensors" or not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError):
        return None
    describers: dict[str | None, Callable[[Path, dict[str, str]], dict[str, Any]]] = {
        FORMAT: _model,
        CHECKPOINT_FORMAT: _checkpoint,
    }
    describer = describers.get(metadata.get("format"))
    try:
        return None if describer is None else describer(path, metadata)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise AdafocusError(
            f"{path} does not say which network it is of ({error}). It is damaged: make it again with adafocus train "
            "or adafocus quantize."
        ) from error


def _model(path: Path, metadata: dict[str, str]) -> dict[str, Any]:
    """Describe a model file of ``adafocus quantize``."""
    history = json.loads(metadata["history"])
    return {
        "model": str(path),
        "kind": metadata["format"],
        "preset": metadata["preset"],
        "classes": len(json.loads(metadata["labels"])),
        "bytes": path.stat().st_size,
        "trained_on_clips": history.get("training", history).get("taught"),
        "packages": [f"{name} {number}" for name, number in history.get("packages", {}).items()],
        "next": f"adafocus export {shell_word(path)} --out bundle --verify VIDEO",
    }


def _checkpoint(path: Path, metadata: dict[str, str]) -> dict[str, Any]:
    """Describe a float checkpoint of ``adafocus train``."""
    recipe, history = json.loads(metadata["recipe"]), json.loads(metadata["history"])
    whole = recipe["classifier"] is not None
    verb = "train RECIPE --teacher" if whole else "quantize"
    return {
        "checkpoint": str(path),
        "kind": metadata["format"],
        "network": f"{recipe['classifier']['backbone']} on whole frames" if whole else recipe["preset"],
        "classes": len(json.loads(metadata["labels"])),
        "bytes": path.stat().st_size,
        "steps": history.get("steps"),
        "validation": history.get("validation"),
        "next": f"adafocus {verb} {shell_word(path)}{'' if whole else ' --clips CLIPS'}",
    }
