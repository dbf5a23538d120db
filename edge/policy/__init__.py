"""The policy on the device: which frames are looked at, and which box of each."""

from adafocus.edge.policy.boxes import CENTRE, Boxes, Shape, decode_boxes, place_boxes
from adafocus.edge.policy.frames import (
    Frames,
    Seed,
    choose_frames,
    quantile_positions,
    select_frames,
    uniform_indices,
)

__all__ = [
    "CENTRE",
    "Boxes",
    "Frames",
    "Seed",
    "Shape",
    "choose_frames",
    "decode_boxes",
    "place_boxes",
    "quantile_positions",
    "select_frames",
    "uniform_indices",
]
