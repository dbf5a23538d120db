"""Teachers from checkpoints: classifiers of ``adafocus train``, published X3D, and I3D."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from adafocus import networks
from adafocus.calibration.teachers.dense_clips import DenseClips
from adafocus.calibration.teachers.sparse_clips import SparseClips
from adafocus.calibration.training.checkpoint import is_checkpoint, load_checkpoint, seen_by
from adafocus.calibration.training.recipe import Classifier, Recipe
from adafocus.errors import AdafocusError, CheckpointError
from adafocus.networks.backbones import Backbone, build_backbone
from adafocus.networks.backbones.i3d import I3D
from adafocus.networks.backbones.x3d import X3D
from adafocus.networks.checkpoints import Loaded, load_exact, read_state
from adafocus.networks.heads import LinearHead, X3DHead

# what published checkpoints may be of; X3D-XS, -S and -M are one network
PUBLISHED = ("x3d_s", "x3d_l", "i3d")


@dataclass(frozen=True)
class Teacher:
    """A network whose answers can be learned from.

    Attributes:
        net: in inference mode.
        clips: how it sees them.
        labels: K class names; none where it does not name them.
        seen: fingerprints of the clips that it was made with.
    """

    net: networks.VideoClassifier
    clips: DenseClips | SparseClips
    labels: tuple[str, ...]
    seen: frozenset[str]


def load_teacher(path: Path, backbone: str | None = None) -> networks.VideoClassifier:
    """Read a classifier of ``adafocus train``, or a published X3D or I3D whose batch norms are folded.

    Args:
        path: of the checkpoint.
        backbone: of a published one; None where the file is to say.

    Raises:
        AdafocusError: it is neither.
    """
    if not path.is_file():
        raise AdafocusError(f"There is no teacher at {path}. Give the path of a classifier's checkpoint.")
    if is_checkpoint(path):
        return _trained(path)[0]
    trunk, loaded = _published(path, PUBLISHED if backbone is None else (backbone,))
    tensors = loaded.head
    classes = tensors["fc.weight"].shape[0]
    head: nn.Module
    if isinstance(trunk, X3D):
        hidden, channels = tensors["lin.weight"].shape[:2]
        head = X3DHead(channels, hidden, classes, bias="lin.bias" in tensors, dropout=0.0)
    else:
        head = LinearHead(trunk.channels, classes, dropout=0.0)
    load_exact(head, tensors, f"the head of {loaded.source}")
    return networks.VideoClassifier(trunk, head).eval()


def _trained(path: Path) -> tuple[networks.VideoClassifier, Recipe, tuple[str, ...]]:
    """Read a classifier of ``adafocus train`` with its recipe and its labels."""
    trained = load_checkpoint(path)
    if not isinstance(trained.net, networks.VideoClassifier):
        raise AdafocusError(f"{path} is no classifier on whole frames. Train one: a recipe with the key classifier.")
    return trained.net, trained.recipe, trained.labels


def _published(path: Path, names: Sequence[str]) -> tuple[Backbone, Loaded]:
    """Load the first of these backbones that a checkpoint fits; of none the error of the last one counts."""
    state = read_state(path)
    for name in names:
        trunk = build_backbone(name)
        if not isinstance(trunk, X3D | I3D):
            raise AdafocusError(f"A published teacher must be an X3D or an I3D, the recipe names {name}.")
        try:
            return trunk, networks.load_encoder(trunk, state)
        except CheckpointError as error:
            misfit = error
    if len(names) == 1:
        raise misfit
    raise AdafocusError(
        f"{path} is no teacher: expected a classifier of adafocus train, a published X3D or an I3D. {misfit}"
    ) from misfit


def open_teacher(path: Path, labels: Sequence[str] = (), **changes: Any) -> Teacher:
    """Read a teacher together with how it sees clips.

    Args:
        path: of the checkpoint.
        labels: class names of a published one, which does not name them.
        **changes: to how it sees clips: ``frames``, ``size`` (the short side in pixels that a square is cut from grows
            with it) and ``views``, as :class:`~adafocus.calibration.training.recipe.Classifier` has them; None for no
            change.

    Raises:
        AdafocusError: it is no teacher, cannot see clips so, or has another number of classes than labels.
    """
    if path.is_file() and is_checkpoint(path):
        net, recipe, named = _trained(path)
        if recipe.classifier is None:
            raise AdafocusError(f"{path} does not say how it sees clips. Train it again: adafocus train RECIPE")
        shape = recipe.classifier
    else:
        net, named, shape = load_teacher(path), tuple(labels), Classifier(PUBLISHED[0])
        classes = net.head.fc.out_features
        if named and len(named) != classes:
            raise AdafocusError(f"{path} has {classes} classes, but --labels names {len(named)}. Give its own.")
    seen = frozenset(seen_by(path))
    asked = {name: value for name, value in changes.items() if value}
    if isinstance(net.encoder, I3D):
        if "views" in asked:
            raise AdafocusError(f"{path} is I3D, which sees the centre square of dense clips. Leave --see out.")
        return Teacher(net, _changed(DenseClips(), asked), named, seen)
    return Teacher(net, SparseClips(_changed(shape, asked)), named, seen)


def _changed(shape: Any, changes: dict[str, Any]) -> Any:
    """Return how a teacher sees clips with changes; the part of a frame that it sees stays the same."""
    size = changes.get("size", shape.size)
    return replace(shape, **{"short_side_px": round(shape.short_side_px * size / shape.size), **changes})
