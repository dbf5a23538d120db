"""Frame sources, one file each: whatever yields frames in order."""

from __future__ import annotations

from edge.sources.video_file import VideoFile

__all__ = ["VideoFile"]
