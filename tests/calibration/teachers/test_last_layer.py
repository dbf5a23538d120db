"""A last layer that is fitted to stored features in place of being trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from adafocus import networks
from adafocus.calibration.datasets import LabeledClip
from adafocus.calibration.datasets.cache_entry import content_key
from adafocus.calibration.teachers.answers import Answers, write_answers
from adafocus.calibration.teachers.last_layer import fit_last_layer
from adafocus.calibration.teachers.linear_fit import as_layer, classifier, log_probabilities
from adafocus.errors import AdafocusError

CHANNELS, GROUPS, VIEWS = 1280, 12, 2


def make_clips(folder: Path, labels: tuple[str, ...] = ("run", "swim")) -> list[LabeledClip]:
    """Write files in place of videos, three of each group; nobody decodes them."""
    clips = []
    for number in range(3 * GROUPS):
        path = folder / f"{number}.mp4"
        path.write_bytes(bytes([number]) * 50)
        clips.append(LabeledClip(path, (labels[number // 3 % len(labels)],), f"g{number // 3}", "train"))
    return clips


def views_of(clips: list[LabeledClip], labels: int = 2) -> np.ndarray:
    """Return features ``(n, v, C)`` of which a few say what a clip shows, the same ones in every view."""
    rng = np.random.default_rng(3)
    of_label = 4 * rng.normal(size=(labels, CHANNELS)) * (np.arange(CHANNELS) < 40)
    shown = [number // 3 % labels for number in range(len(clips))]
    return (of_label[shown][:, None] + rng.normal(size=(len(clips), VIEWS, CHANNELS)) + 3).astype(np.float32)


def store(folder: Path, clips: list[LabeledClip], views: np.ndarray, name: str = "features.npz") -> Path:
    rows = {
        content_key(clip.path): (np.zeros(4, np.float32), row.reshape(-1))
        for clip, row in zip(clips, views, strict=True)
    }
    path = folder / name
    write_answers(path, Answers(rows, (), {"checkpoint": "net"}, ("adafocus", "predict", "net.pth")))
    return path


@pytest.mark.parametrize("labels", [("run", "swim"), ("run", "swim", "wave")])
def test_the_last_layer_tells_clips_apart_that_it_was_not_fitted_to(tmp_path: Path, labels: tuple[str, ...]) -> None:
    clips = make_clips(tmp_path, labels)
    views = views_of(clips, len(labels))
    net = networks.build_classifier("mobilenet_v2", len(labels), None).eval()
    classes = [(labels.index(clip.label),) for clip in clips]
    # the last three groups, of which no two show the same, are left out
    fitted_to = list(range(3 * (GROUPS - 3)))
    line = fit_last_layer(net, [store(tmp_path, clips, views)], clips, fitted_to, classes, [tmp_path / "clips.csv"])
    assert "2 views" in line
    assert "100.0 % are right" in line
    with torch.no_grad():
        said = net.head.fc(torch.from_numpy(views[3 * (GROUPS - 3) :])).argmax(-1)
    assert said.tolist() == [[classes[number][0]] * VIEWS for number in range(3 * (GROUPS - 3), 3 * GROUPS)]


def test_views_of_two_files_count_as_those_of_one(tmp_path: Path) -> None:
    clips = make_clips(tmp_path)
    views = views_of(clips)
    classes = [(number // 3 % 2,) for number in range(len(clips))]
    layers = []
    for parts in ([views], [views[:, :1], views[:, 1:]]):
        stored = [store(tmp_path, clips, part, f"{number}.npz") for number, part in enumerate(parts)]
        torch.manual_seed(1)
        net = networks.build_classifier("mobilenet_v2", 2, None).eval()
        line = fit_last_layer(net, stored, clips, list(range(len(clips))), classes, [])
        assert f"{', '.join(path.name for path in stored)}, {VIEWS} views" in line
        layers.append(net.head.fc.weight)
    assert torch.equal(*layers)


@pytest.mark.parametrize("one_scale", [False, True])
def test_a_layer_says_the_probabilities_of_the_fit(one_scale: bool) -> None:
    rng = np.random.default_rng(1)
    for classes in (np.arange(60) % 2, np.arange(60) % 3, 2 * (np.arange(60) % 2)):
        rows = rng.normal(size=(60, 8)) * rng.uniform(0.1, 9, 8) + 5
        model = classifier(0.01, one_scale=one_scale).fit(rows, classes)
        weights, biases = as_layer(model, 3)
        scores = rows @ weights.T + biases
        wanted = log_probabilities(model, rows, 3)
        shown = np.unique(classes)
        found = scores[:, shown] - np.log(np.exp(scores[:, shown]).sum(1, keepdims=True))
        assert np.allclose(found, wanted[:, shown], atol=1e-9)
        assert set(scores.argmax(1)) <= set(shown)


def test_on_one_scale_a_feature_that_hardly_varies_hardly_counts() -> None:
    rng = np.random.default_rng(2)
    classes = np.arange(60) % 2
    telling = 2.0 * classes[:, None] - 1.0
    rows = np.concatenate((telling + 0.1 * rng.normal(size=(60, 1)), 0.01 * telling), 1)
    each, of_all = (as_layer(classifier(0.01, one_scale=one).fit(rows, classes), 2)[0] for one in (False, True))
    assert abs(each[1, 1] * 0.01) > 0.9 * abs(each[1, 0])
    assert abs(of_all[1, 1] * 0.01) < 0.01 * abs(of_all[1, 0])
    # features that do not vary at all have no scale
    assert np.isfinite(as_layer(classifier(0.01, one_scale=True).fit(np.ones((4, 2)), np.arange(4) % 2), 2)[0]).all()


def test_what_no_last_layer_can_be_fitted_to_is_refused(tmp_path: Path) -> None:
    clips = make_clips(tmp_path)
    stored = store(tmp_path, clips, views_of(clips))
    classes: list[tuple[int, ...]] = [(number // 3 % 2,) for number in range(len(clips))]
    everything = list(range(len(clips)))
    net = networks.build_classifier("mobilenet_v2", 2, None)
    with pytest.raises(AdafocusError, match="Give a recipe with the key classifier"):
        fit_last_layer(networks.build("tsm-mbv2-mbv2"), [stored], clips, everything, classes, [])
    with pytest.raises(AdafocusError, match=r"0\.mp4 shows .* expected exactly one class"):
        fit_last_layer(net, [stored], clips, everything, [(0, 1), *classes[1:]], [])
    odd = store(tmp_path, clips, views_of(clips)[:, :, :-1])
    with pytest.raises(AdafocusError, match="2558 features of a clip, expected 1280 for each view"):
        fit_last_layer(net, [odd], clips, everything, classes, [])
    clips[0].path.write_bytes(b"another video")
    with pytest.raises(AdafocusError, match=r"lacks the answers on 1 of 36 clips. Add them: adafocus predict net\.pth"):
        fit_last_layer(net, [stored], clips, everything, classes, [])
