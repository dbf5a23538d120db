"""What a bundle is converted from: a classifier of one encoder becomes glance and focus of a network of motion."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from adafocus import networks
from adafocus.calibration.quantization.model_file import load_model
from adafocus.calibration.training.checkpoint import save_checkpoint
from adafocus.calibration.training.recipe import Classifier, Recipe
from adafocus.converters.model_source import as_model_file
from adafocus.errors import AdafocusError

PRESET = "tsm-mbv2-mbv2-frame"
LABELS = ("one", "two", "three")


@pytest.fixture
def classifier() -> networks.VideoClassifier:
    torch.manual_seed(3)
    return networks.build_classifier("mobilenet_v2", len(LABELS), networks.PRESETS[PRESET].shift_div).eval()


@pytest.mark.parametrize("trained_here", [True, False])
def test_a_classifier_becomes_a_network_of_motion(
    tmp_path: Path, classifier: networks.VideoClassifier, trained_here: bool
) -> None:
    origin, names = tmp_path / "classifier.safetensors", tmp_path / "labels.txt"
    names.write_text("\n".join(LABELS))
    if trained_here:
        save_checkpoint(origin, classifier, Recipe(classifier=Classifier("mobilenet_v2")), LABELS, {"steps": 7})
    else:
        save_file(classifier.state_dict(), origin)
    made = as_model_file(origin, tmp_path, "fp32", (), 1, PRESET, None if trained_here else names)
    model = load_model(made.path)
    assert (model.preset, model.labels, made.origin) == (PRESET, LABELS, origin.name)
    assert model.history["checkpoint"] == origin.name
    assert set(model.stages.modules()) == {"glance", "focus"}
    frames = torch.randn(1, 8, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        _, of_glance, context = model.stages.glance(frames[0])
        (final,) = model.stages.focus(frames[0], context)
        wanted = classifier(frames)
    assert torch.allclose(of_glance, wanted, atol=1e-4)
    assert torch.allclose(final, wanted, atol=1e-4)


@pytest.mark.parametrize(
    ("preset", "said"),
    [
        (None, "is a classifier of one encoder, and no preset is asked for. .*--preset x3d-xs-xs-frame"),
        ("tsm-mbv2-mbv2", "and the policy of tsm-mbv2-mbv2 would have to be trained"),
    ],
)
def test_a_classifier_is_refused_without_a_network_that_needs_no_policy(
    tmp_path: Path, classifier: networks.VideoClassifier, preset: str | None, said: str
) -> None:
    origin = tmp_path / "classifier.safetensors"
    save_checkpoint(origin, classifier, Recipe(classifier=Classifier("mobilenet_v2")), LABELS, {"steps": 7})
    with pytest.raises(AdafocusError, match=said):
        as_model_file(origin, tmp_path / "made", "fp32", (), 1, preset)


def test_a_classifier_of_another_backbone_is_refused(tmp_path: Path, classifier: networks.VideoClassifier) -> None:
    origin = tmp_path / "classifier.safetensors"
    save_checkpoint(origin, classifier, Recipe(classifier=Classifier("mobilenet_v2")), LABELS, {"steps": 7})
    with pytest.raises(AdafocusError, match="cannot be started from"):
        as_model_file(origin, tmp_path, "fp32", (), 1, "x3d-xs-xs-frame")
