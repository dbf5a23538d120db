"""The teacher: a classifier on whole frames, whose answers are the soft targets of another network."""

from __future__ import annotations

from pathlib import Path

import torch
from rich.progress import track
from torch import Tensor

from adafocus import networks
from adafocus.calibration.datasets import FrameCache
from adafocus.calibration.training.checkpoint import is_checkpoint, load_checkpoint
from adafocus.calibration.training.recipe import Classifier
from adafocus.calibration.training.tasks import classifier_config, whole_frames
from adafocus.edge.bundle.files import replacing_file, sha256_of
from adafocus.errors import AdafocusError
from adafocus.networks.backbones import build_backbone
from adafocus.networks.backbones.x3d import X3D
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
    classifier = networks.load_x3d_trunk(trunk, path)
    hidden, channels = classifier["head_lin.weight"].shape
    head = X3DHead(channels, hidden, classifier["fc.weight"].shape[0], bias=True, dropout=0.0)
    head.lin.load_state_dict({"weight": classifier["head_lin.weight"], "bias": classifier["head_lin.bias"]})
    head.fc.load_state_dict({"weight": classifier["fc.weight"], "bias": classifier["fc.bias"]})
    return networks.VideoClassifier(trunk, head).eval()


@torch.no_grad()
def teacher_logits(cache: FrameCache, teacher: Path, shape: Classifier, classes: int, folder: Path) -> Tensor:
    """The teacher's logits ``(clips, K)``, mean over a clip and its mirror image, computed once and kept.

    Raises:
        AdafocusError: the teacher knows another number of classes.
    """
    store = folder / f"teacher-{sha256_of(teacher)[:12]}.pt"
    if store.exists():
        kept = torch.load(store, weights_only=True)
        if len(kept) == len(cache.clips):
            return kept
    net, feed = load_teacher(teacher, shape.backbone), classifier_config(shape)
    rows = torch.zeros(len(cache.clips), classes)
    for index in track(cache.usable(), "teacher"):
        view = whole_frames(cache.read(index), feed)[None]
        answer = (net(view) + net(view.flip(-1)))[0] / 2
        if len(answer) != classes:
            raise AdafocusError(f"{teacher} knows {len(answer)} classes, but the clips have {classes}: check --labels.")
        rows[index] = answer
    with replacing_file(store) as beside:
        torch.save(rows, beside)
    return rows
