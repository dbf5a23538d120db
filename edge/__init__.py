"""The device side of adafocus-edge: bundles, runtimes, frame sources and the recogniser. Never imports torch."""

from __future__ import annotations

from edge.recognizer import Prediction, Recognizer

__all__ = ["Prediction", "Recognizer"]
