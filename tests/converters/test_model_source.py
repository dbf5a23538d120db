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


@pytest.mark.parametrize("form", ["checkpoint", "model"])
@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("one", "three", "two"), r"calls class 2 'three', but .* calls it 'two'\. Leave --labels out"),
        (("one", "two"), "names 2 classes, but the network has 3"),
        (("One", "two", "three"), "calls class 1 'One'"),
        (LABELS, ""),
    ],
)
def test_class_names_that_a_network_was_not_trained_with_are_refused(
    tmp_path: Path, classifier: networks.VideoClassifier, form: str, names: tuple[str, ...], said: str
) -> None:
    origin, labels = tmp_path / "net.safetensors", tmp_path / "labels.txt"
    save_checkpoint(origin, classifier, Recipe(classifier=Classifier("mobilenet_v2")), LABELS, {"steps": 7})
    preset: str | None = PRESET
    (tmp_path / "made").mkdir()
    if form == "model":
        origin, preset = as_model_file(origin, tmp_path / "made", "fp32", (), 1, PRESET).path, None
    labels.write_text("\n".join(names))
    if said:
        with pytest.raises(AdafocusError, match=said):
            as_model_file(origin, tmp_path, "fp32", (), 1, preset, labels)
    else:
        assert as_model_file(origin, tmp_path, "fp32", (), 1, preset, labels).path.is_file()


def test_another_preset_than_a_trained_network_has_is_refused(
    tmp_path: Path, classifier: networks.VideoClassifier
) -> None:
    origin = tmp_path / "net.safetensors"
    save_checkpoint(origin, classifier, Recipe(classifier=Classifier("mobilenet_v2")), LABELS, {"steps": 7})
    (tmp_path / "made").mkdir()
    model = as_model_file(origin, tmp_path / "made", "fp32", (), 1, PRESET).path
    with pytest.raises(AdafocusError, match=f"is a network of the preset '{PRESET}', not of 'x3d-xs-xs'"):
        as_model_file(model, tmp_path, "fp32", (), 1, "x3d-xs-xs")
    assert as_model_file(model, tmp_path, "fp32", (), 1, PRESET).path == model
