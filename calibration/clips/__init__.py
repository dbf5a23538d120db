"""Clip sets: which videos there are, what they show, and a cache of their decoded frames."""

from adafocus.calibration.clips.cache import CacheSettings, FrameCache
from adafocus.calibration.clips.labelled import LabelledClip
from adafocus.calibration.clips.reading import is_clip_set, read_clips

__all__ = ["CacheSettings", "FrameCache", "LabelledClip", "is_clip_set", "read_clips"]
