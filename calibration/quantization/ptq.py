"""Post-training quantization: activation scales from real clips, weights as they are."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from torch.fx import GraphModule

from adafocus.calibration.datasets import LabeledClip, is_clip_set, read_sets, spread_evenly
from adafocus.calibration.datasets.augmentation import normalize
from adafocus.calibration.datasets.cache import fit_short_side
from adafocus.calibration.quantization.quantized_network import QuantizedNetwork, stage_inputs
from adafocus.calibration.views.geometry import geometry_of
from adafocus.calibration.views.native_frames import NativeFrames
from adafocus.calibration.views.whole_frames import native_short_side, patches_by_motion
from adafocus.edge.video.clip import Clip, read_clip
from adafocus.errors import AdafocusError
from adafocus.networks import NetworkConfig
from adafocus.networks.lowering import LoweredStages

ENOUGH_CLIPS = 100
NO_CLIPS = (
    "There is no clip to calibrate on, and int8 scales cannot be guessed. Name a clip list or videos: "
    "--calibration clips.csv"
)

logger = logging.getLogger(__name__)
# glance and candidates as a device reads them; in place of candidates the patches of a policy of motion
Views = tuple[NDArray[np.uint8], NDArray[np.uint8] | NativeFrames]


def listed_videos(sources: Sequence[Path], split: str | None = None) -> list[Path]:
    """List the videos that are named one by one or in clip sets, which are one set together.

    Raises:
        AdafocusError: a clip set cannot be read, the sets do not go together, or they have no clip of this split.
    """
    named = [source for source in sources if is_clip_set(source)]
    listed = dict(zip(named, read_sets(named, split), strict=True)) if named else {}
    return [path for source in sources for path in _videos(source, listed.get(source))]


def _videos(source: Path, clips: Sequence[LabeledClip] | None) -> list[Path]:
    """Return the videos of a clip set, or the video itself."""
    return [source] if clips is None else [clip.path for clip in clips]


def calibration_views(sources: Sequence[Path], config: NetworkConfig, max_clips: int) -> list[Views]:
    """Read glance and candidate frames of at most ``max_clips`` clips, spread evenly over all that are named.

    Raises:
        AdafocusError: there is no clip, or one of them cannot be read.
    """
    videos = listed_videos(sources)
    if not videos:
        raise AdafocusError(NO_CLIPS)
    chosen = spread_evenly(videos, max_clips)
    if len(chosen) < ENOUGH_CLIPS:
        logger.warning(
            "Calibrating on %d clips, at least %d are advised: scales of rare values may be too small.",
            len(chosen),
            ENOUGH_CLIPS,
        )
    geometry = geometry_of(config)
    clips = (read_clip(video, geometry) for video in track(chosen, "calibration clips"))
    return [(clip.glance, _looked_at(clip, config)) for clip in clips]


def _looked_at(clip: Clip, config: NetworkConfig) -> NDArray[np.uint8] | NativeFrames:
    """Return what the network takes of the candidates of a clip, none larger than is needed."""
    if config.boxes_in == "square":
        return np.asarray(clip.candidates)
    frames = list(clip.candidates)
    if not config.has_policy_network:
        return patches_by_motion(frames, config)
    side = native_short_side(config)
    return NativeFrames([fit_short_side(frame, min(side, *frame.shape[:2])) for frame in frames], config)


def quantize_stages(stages: LoweredStages, views: Sequence[Views]) -> dict[str, GraphModule]:
    """Prepare glance and focus and fix their scales: the glance on its frames, the focus on the policy's own patches.

    The float network decides what the focus sees, as it does after training.
    """
    if not views:
        raise AdafocusError(NO_CLIPS)
    config = stages.config
    inputs = stage_inputs(
        stages,
        (
            (normalize(glance, config), frames if isinstance(frames, NativeFrames) else normalize(frames, config))
            for glance, frames in track(views, "float stages")
        ),
    )
    network = QuantizedNetwork(stages)
    network.calibrate(inputs)
    return network.prepared()
