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
from adafocus.calibration.training.tasks import classifier_config, classifier_input
from adafocus.edge.bundle.files import replacing_file, sha256_of
from adafocus.errors import AdafocusError
from adafocus.networks.backbones import build_backbone
from adafocus.networks.backbones.x3d import X3D
from adafocus.networks.checkpoints import load_exact
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


@torch.no_grad()
def teacher_logits(cache: FrameCache, teacher: Path, shape: Classifier, classes: int, folder: Path) -> Tensor:
    """Return the teacher's logits ``(clips, K)``, mean over a clip and its mirror image, computed once and kept.

    Raises:
        AdafocusError: the teacher has another number of classes.
    """
    store = folder / f"teacher-{sha256_of(teacher)[:12]}.pt"
    if store.exists():
        kept = torch.load(store, weights_only=True)
        if len(kept) == len(cache.clips):
            return kept
    net, config = load_teacher(teacher, shape.backbone), classifier_config(shape)
    rows = torch.zeros(len(cache.clips), classes)
    for index in track(cache.usable(), "teacher"):
        view = classifier_input(cache.read(index), config)[None]
        logits = (net(view) + net(view.flip(-1)))[0] / 2
        if len(logits) != classes:
            raise AdafocusError(f"{teacher} has {len(logits)} classes, but the clips have {classes}: check --labels.")
        rows[index] = logits
    with replacing_file(store) as beside:
        torch.save(rows, beside)
    return rows
