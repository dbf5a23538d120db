"""Clip sets: which videos there are, what they show, and a cache of their decoded frames."""

from adafocus.calibration.datasets.cache import CacheSettings, FrameCache
from adafocus.calibration.datasets.clip_sets import is_clip_set, read_clips, read_sets
from adafocus.calibration.datasets.labeled_clip import LabeledClip, spread_evenly

__all__ = ["CacheSettings", "FrameCache", "LabeledClip", "is_clip_set", "read_clips", "read_sets", "spread_evenly"]
