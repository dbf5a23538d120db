"""Checkpoints: read safely, recognize, translate, load, describe."""

from __future__ import annotations

from adafocus.networks.checkpoints.formats import FORMATS, OWN_CLASSIFIER, CheckpointFormat
from adafocus.networks.checkpoints.loading import (
    Loaded,
    load_encoder,
    load_exact,
    load_state,
    recognize_state,
    translate_state,
)
from adafocus.networks.checkpoints.reading import read_pickle, read_state, refuse_other_files, refuse_unusable

__all__ = [
    "FORMATS",
    "OWN_CLASSIFIER",
    "CheckpointFormat",
    "Loaded",
    "load_encoder",
    "load_exact",
    "load_state",
    "read_pickle",
    "read_state",
    "recognize_state",
    "refuse_other_files",
    "refuse_unusable",
    "translate_state",
]
