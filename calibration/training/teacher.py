"""The teacher: a classifier on whole frames, whose logits are the soft targets of another network."""

from __future__ import annotations

from pathlib import Path

import torch
from rich.progress import track
from torch import Tensor

from adafocus import networks
from adafocus.calibration.datasets import FrameCache
from adafocus.calibration.training.checkpoint import is_checkpoint, load_checkpoint
from adafocus.calibration.training.recipe import Classifier
from adafocus.calibration.training.resuming import digest
from adafocus.calibration.training.tasks import classifier_config, classifier_input
from adafocus.edge.bundle.files import replacing_file, sha256_of
from adafocus.errors import AdafocusError, CheckpointError
from adafocus.networks.backbones import build_backbone
from adafocus.networks.backbones.x3d import X3D
from adafocus.networks.checkpoints import load_exact, read_pickle
from adafocus.networks.heads import X3DHead


def load_teacher(path: Path, backbone: str) -> networks.VideoClassifier:
    """Read a classifier of ``adafocus train``, or a published X3D whose batch norms are folded.

    Args:
        path: of the checkpoint.
        backbone: of a published one.

    Raises:
        AdafocusError: it is neither.
    """
    if not path.is_file():
        raise AdafocusError(f"There is no teacher at {path}. Give --teacher the path of a classifier's checkpoint.")
    if is_checkpoint(path):
        trained = load_checkpoint(path)
        if not isinstance(trained.net, networks.VideoClassifier):
            raise AdafocusError(
                f"{path} is no classifier on whole frames. Train one: a recipe with the key classifier."
            )
        return trained.net
    trunk = build_backbone(backbone)
    if not isinstance(trunk, X3D):
        raise AdafocusError(f"A published teacher must be an X3D, the recipe names {backbone}.")
    classifier = networks.load_encoder(trunk, path).head
    hidden, channels = classifier["lin.weight"].shape[:2]
    head = X3DHead(channels, hidden, classifier["fc.weight"].shape[0], bias="lin.bias" in classifier, dropout=0.0)
    load_exact(head, classifier, "the head of an X3D")
    return networks.VideoClassifier(trunk, head).eval()


def _kept(store: Path) -> Tensor | None:
    """Return what was computed before; None where there is nothing, or it is damaged and so computed again."""
    if not store.is_file():
        return None
    try:
        kept = read_pickle(store)
    except CheckpointError:
        return None
    return kept if isinstance(kept, Tensor) and bool(kept.isfinite().all()) else None


@torch.no_grad()
def teacher_logits(cache: FrameCache, teacher: Path, shape: Classifier, classes: int, folder: Path) -> Tensor:
    """Return the teacher's logits ``(clips, K)``, mean over a clip and its mirror image, computed once for these clips.

    Raises:
        AdafocusError: the teacher has another number of classes.
    """
    usable = cache.usable()
    contents = ("" if index in cache.broken else cache.content_key(index) for index in range(len(cache.clips)))
    made_from = digest([sha256_of(teacher), repr(shape), *contents])
    store = folder / f"teacher-{made_from[:12]}.pt"
    kept = _kept(store)
    if kept is not None and kept.shape == (len(cache.clips), classes):
        return kept
    net, config = load_teacher(teacher, shape.backbone), classifier_config(shape)
    rows = torch.zeros(len(cache.clips), classes)
    for index in track(usable, "teacher"):
        view = classifier_input(cache.read(index), config)[None]
        logits = (net(view) + net(view.flip(-1)))[0] / 2
        if len(logits) != classes:
            raise AdafocusError(f"{teacher} has {len(logits)} classes, but the clips have {classes}: check --labels.")
        rows[index] = logits
    with replacing_file(store) as beside:
        torch.save(rows, beside)
    return rows
