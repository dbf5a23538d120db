"""Checkpoints of ``adafocus train``: a float network that can be trained on, with its shape, classes and history."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from adafocus import networks
from adafocus.calibration.datasets.fingerprints import in_history
from adafocus.calibration.inspection import CHECKPOINT_FORMAT
from adafocus.calibration.training.recipe import Recipe
from adafocus.calibration.training.tasks import build_task
from adafocus.calibration.weights_file import write_weights
from adafocus.errors import AdafocusError, CheckpointError
from adafocus.networks.checkpoints import refuse_other_files, refuse_unusable


@dataclass(frozen=True)
class TrainedNetwork:
    """A checkpoint in memory.

    Attributes:
        net: an ``AdaFocus`` or a ``VideoClassifier`` in inference mode.
        recipe: of its training.
        labels: class names.
        history: how it was made.
    """

    net: nn.Module
    recipe: Recipe
    labels: tuple[str, ...]
    history: dict[str, Any]


def save_checkpoint(path: Path, net: nn.Module, recipe: Recipe, labels: Sequence[str], history: dict[str, Any]) -> None:
    """Write a checkpoint; the file appears only when it is whole."""
    metadata = {
        "format": CHECKPOINT_FORMAT,
        "recipe": json.dumps(recipe.as_dict()),
        "labels": json.dumps(list(labels)),
        "history": json.dumps(history),
    }
    write_weights(path, net.state_dict(), metadata)


def is_checkpoint(path: Path) -> bool:
    """Return whether a file is a checkpoint of ``adafocus train``."""
    try:
        with safe_open(path, "pt") as file:
            return (file.metadata() or {}).get("format") == CHECKPOINT_FORMAT
    except (SafetensorError, OSError):
        return False


def seen_by(path: Path) -> set[str]:
    """Return the fingerprints of the clips that a checkpoint was made with; none of what is no such checkpoint."""
    if not is_checkpoint(path):
        return set()
    with safe_open(path, "pt") as file:
        try:
            return in_history(json.loads((file.metadata() or {})["history"]))
        except (KeyError, ValueError, AttributeError, RecursionError):
            return set()


def load_checkpoint(path: Path) -> TrainedNetwork:
    """Read a checkpoint and rebuild its network.

    Raises:
        AdafocusError: it is no checkpoint of ``adafocus train``, its tensors do not fit the network it names, or they
            are not finite.
    """
    if not path.is_file():
        raise AdafocusError(f"There is no checkpoint at {path}. Make one with adafocus train.")
    metadata, state = _read(path)
    try:
        recipe = Recipe.from_dict(json.loads(metadata["recipe"]))
        labels = tuple(json.loads(metadata["labels"]))
        history = json.loads(metadata["history"])
        task = build_task(recipe, len(labels))
    except (AdafocusError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise AdafocusError(
            f"{path} does not say which network it is of ({error}). It is damaged: train again, or take a copy."
        ) from error
    refuse_unusable(path, state)
    try:
        networks.load_state(task.net, state)
    except CheckpointError as error:
        raise AdafocusError(f"{path} does not fit the network that it names: {error}") from error
    return TrainedNetwork(task.net.eval(), recipe, labels, history)


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Return what a checkpoint says of itself, and its tensors."""
    advice = "Make one with adafocus train RECIPE."
    try:
        refuse_other_files(path)
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except CheckpointError as error:
        raise AdafocusError(f"{error} Expected a checkpoint of adafocus train. {advice}") from error
    except (SafetensorError, OSError) as error:
        raise AdafocusError(f"{path} is no checkpoint of adafocus train, or is damaged ({error}). {advice}") from error
    if metadata.get("format") != CHECKPOINT_FORMAT:
        raise AdafocusError(f"{path} is no checkpoint of adafocus train. {advice}")
    return metadata, state


def load_network(path: Path) -> TrainedNetwork:
    """Read a checkpoint whose network has a glance, a policy and a focus.

    Raises:
        AdafocusError: as :func:`load_checkpoint`, or it is of a classifier on whole frames.
    """
    trained = load_checkpoint(path)
    if not isinstance(trained.net, networks.AdaFocus):
        raise AdafocusError(f"{path} is a classifier on whole frames, which has no stages. Give that of a preset.")
    return trained
