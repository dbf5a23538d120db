"""The last layer of a network, fitted to stored features in place of being trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from adafocus.calibration.datasets import LabeledClip
from adafocus.calibration.teachers.answers import clip_key, read_features, refuse_missing
from adafocus.calibration.teachers.linear_fit import Values, as_layer, best_strength, fit_views
from adafocus.calibration.training.data import Fold, split_folds
from adafocus.errors import AdafocusError
from adafocus.networks import VideoClassifier

FOLDS = 5


def fit_last_layer(
    net: nn.Module,
    paths: Sequence[Path],
    clips: Sequence[LabeledClip],
    training: Sequence[int],
    classes: Sequence[tuple[int, ...]],
    sources: Sequence[Path],
    *,
    one_scale: bool = False,
) -> str:
    """Put the linear classifier that fits stored features best into the last layer of a classifier, in place.

    The features of several views of a clip count as so many clips. How strongly weights are pulled towards zero is
    chosen by the mean log-probability on groups that were left out, of the mean over the views.

    Args:
        net: the classifier that ``adafocus predict`` was asked with, as far as its last layer.
        paths: files of its features; the views of all of them count side by side.
        clips: of the set.
        training: places among them of the clips to fit to.
        classes: of every clip.
        sources: clip sets, for what a sentence says.
        one_scale: whether all features are divided by one number, and not each by its own deviation.

    Returns:
        a line that says what was fitted, and how many clips are right when their group is left out.

    Raises:
        AdafocusError: the network is no classifier, the features are of another network or lack clips, a clip shows
            several classes, or there are too few groups.
    """
    if not isinstance(net, VideoClassifier):
        raise AdafocusError("--features fits the last layer of a classifier. Give a recipe with the key classifier.")
    width, count = net.head.fc.in_features, net.head.fc.out_features
    several = next((clips[index] for index in training if len(classes[index]) != 1), None)
    if several is not None:
        raise AdafocusError(
            f"{several.path} shows {', '.join(several.labels)}, expected exactly one class for every clip where "
            "--features is given. Leave --features out, and train."
        )
    keys = [clip_key(clips[index]) for index in training]
    # one row for each view of each clip
    views = np.concatenate([_views(path, keys, width, sources) for path in paths], 1)
    of_clips = np.array([classes[index][0] for index in training])
    shown = [clips[index] for index in training]
    parts = [split_folds(shown, Fold(number, FOLDS), 1) for number in range(1, FOLDS + 1)]
    strength, rows = best_strength(views, of_clips, count, parts, one_scale=one_scale)
    right = float((rows.argmax(1) == of_clips).mean())
    layer = as_layer(fit_views(strength, views, of_clips, one_scale=one_scale), count)
    weights, biases = (torch.from_numpy(values).float() for values in layer)
    with torch.no_grad():
        net.head.fc.weight.copy_(weights)
        net.head.fc.bias.copy_(biases)
    names = ", ".join(path.name for path in paths)
    return f"last layer fitted to {names}, {views.shape[1]} views; of groups left out {100 * right:.1f} % are right"


def _views(path: Path, keys: Sequence[str], width: int, sources: Sequence[Path]) -> Values:
    """Read the features of clips by their content from one file, ``(n, v, width)``.

    Raises:
        AdafocusError: they are of another network, or clips are missing.
    """
    answers = read_features(path)
    refuse_missing(path, answers, keys, sources)
    features = answers.features(keys).astype(np.float64)
    if features.shape[1] % width:
        raise AdafocusError(
            f"{path} holds {features.shape[1]} features of a clip, expected {width} for each view of it. Make them "
            "with the checkpoint that --start names: adafocus predict"
        )
    return features.reshape(len(keys), -1, width)
