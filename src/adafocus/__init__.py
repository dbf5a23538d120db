"""Adaptive video recognition on small devices: glance, policy, focus, early exits (Uni-AdaFocus, arXiv 2412.11228).

The names below are loaded when they are first used, so that ``import adafocus`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adafocus.edge.bundle.bundle import Bundle
    from adafocus.edge.prediction import Prediction
    from adafocus.edge.recognizer import Recognizer
    from adafocus.edge.video.clip import clip_from_frames, read_clip
    from adafocus.errors import AdafocusError

__all__ = ["AdafocusError", "Bundle", "Prediction", "Recognizer", "clip_from_frames", "read_clip"]

_HOMES = {
    "AdafocusError": "adafocus.errors",
    "Bundle": "adafocus.edge.bundle.bundle",
    "Prediction": "adafocus.edge.prediction",
    "Recognizer": "adafocus.edge.recognizer",
    "clip_from_frames": "adafocus.edge.video.clip",
    "read_clip": "adafocus.edge.video.clip",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'adafocus' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
