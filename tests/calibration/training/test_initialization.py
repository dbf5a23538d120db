"""Initial weights: what fits is loaded, what does not is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from adafocus import networks
from adafocus.calibration.training.initialization import initialize, measure_folded_norms, parse_starts
from adafocus.calibration.training.recipe import Classifier, Recipe
from adafocus.calibration.training.tasks import build_task
from adafocus.errors import AdafocusError

X3D, MOBILENET = "x3d_xs_k400.safetensors", "mobilenet_v2_imagenet.safetensors"


def test_both_encoders_and_heads_start_from_a_published_x3d(shared: Path) -> None:
    net = networks.build("x3d-xs-xs", std=(0.25, 0.25, 0.25))
    told = initialize(net, {"all": shared / "weights" / X3D})
    assert "X3D" in told[0]
    assert torch.equal(net.global_encoder.stem_xy.weight, net.local_encoder.stem_xy.weight)
    other = networks.build("x3d-xs-xs")
    initialize(other, {"all": shared / "weights" / X3D})
    assert torch.allclose(net.global_encoder.stem_xy.weight, other.global_encoder.stem_xy.weight * 0.25 / 0.225)
    assert torch.equal(other.global_head.fc.weight * 2.0, other.global_aux_head.fc.weight)


def test_other_classes_keep_the_hidden_layer_and_a_fresh_last_one(shared: Path) -> None:
    net = networks.build("x3d-xs-xs", 21)
    before = net.global_head.fc.weight.clone()
    initialize(net, {"glance": shared / "weights" / X3D})
    assert torch.equal(net.global_head.fc.weight, before)
    assert torch.equal(net.global_head.lin.weight, net.global_aux_head.lin.weight)
    assert not torch.equal(net.global_head.lin.weight, net.local_head.lin.weight)


def test_a_folded_mobilenet_answers_as_its_classifier_expects(shared: Path) -> None:
    """The network of the tsm variant without its shift sees a piano in a clip of a piano."""
    import csv

    from adafocus.calibration.datasets.augmentation import normalize
    from adafocus.edge.video.clip import sample_video
    from adafocus.edge.video.preprocess import fit_frame
    from adafocus.networks.checkpoints import read_state

    path = shared / "weights" / MOBILENET
    encoder = networks.build_backbone("mobilenet_v2").eval()
    networks.load_encoder(encoder, path)
    state = read_state(path)
    with (shared / "clips" / "ucf6.csv").open(newline="") as file:
        row = next(row for row in csv.DictReader(file) if row["label"] == "PlayingPiano")
    frames = sample_video(shared / "clips" / row["path"], 4, lambda frame: fit_frame(frame, 224, 256))
    pixels = normalize(frames, networks.PRESETS["tsm-mbv2-mbv2"])
    with torch.no_grad():
        pooled = encoder(pixels[None]).mean((1, 3, 4))
    logits = pooled @ state["classifier.weight"].float().T + state["classifier.bias"].float()
    grand_piano, upright_piano = 579, 881
    assert int(logits.argmax()) in (grand_piano, upright_piano)


def test_another_normalization_of_the_same_pixels_gives_the_same_features(shared: Path) -> None:
    grey: dict[str, Any] = {"mean": (0.4549, 0.4549, 0.4549), "std": (0.251, 0.251, 0.251)}
    one, other = networks.build("tsm-mbv2-mbv2"), networks.build("tsm-mbv2-mbv2", **grey)
    for net in (one, other):
        initialize(net.eval(), {"all": shared / "weights" / MOBILENET})
    pixels = torch.rand(1, 2, 3, 64, 64, generator=torch.Generator().manual_seed(0))

    def stem(net: networks.AdaFocus) -> torch.Tensor:
        mean, std = (torch.tensor(part)[:, None, None] for part in (net.config.mean, net.config.std))
        return net.global_encoder.stem((pixels[0] - mean) / std)[:, :, 1:-1, 1:-1]

    with torch.no_grad():
        assert torch.allclose(stem(one), stem(other), atol=1e-4)


def test_a_checkpoint_of_the_whole_network_with_other_classes_leaves_its_last_layers_out(tmp_path: Path) -> None:
    shape = {"glance_size": 32, "patch_size": 32, "frame_size": 64, "short_side_px": 72, "box_min_px": 24}
    first, second = networks.build("tsm-mbv2-mbv2", 5, **shape), networks.build("tsm-mbv2-mbv2", 3, **shape)
    save_file(first.state_dict(), tmp_path / "first.safetensors")
    (told,) = initialize(second, {"all": tmp_path / "first.safetensors"})
    assert "of other classes left out" in told
    assert torch.equal(first.local_encoder.stem.conv.weight, second.local_encoder.stem.conv.weight)
    assert second.global_head.fc.weight.shape[0] == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [(("nowhere.pth",), "no checkpoint"), (("glance=a", "glance=a"), "no checkpoint"), (("focus=b.pth",), "b.pth")],
)
def test_starts_that_are_none_are_refused(given: tuple[str, ...], said: str) -> None:
    with pytest.raises(AdafocusError, match=said):
        parse_starts(given)


def test_an_encoder_of_another_kind_is_refused(shared: Path) -> None:
    with pytest.raises(AdafocusError, match="this encoder is none"):
        initialize(networks.build("tsm-mbv2-mbv2"), {"all": shared / "weights" / X3D})
    with pytest.raises(AdafocusError, match="this encoder is none"):
        initialize(networks.build("x3d-xs-xs"), {"focus": shared / "weights" / MOBILENET})


def test_a_classifier_starts_from_the_same_file(shared: Path) -> None:
    task = build_task(Recipe(classifier=Classifier("mobilenet_v2", 4, 64, 72)), 3)
    initialize(task.net, {"all": shared / "weights" / MOBILENET})
    with torch.no_grad():
        assert task.net.eval()(torch.randn(1, 4, 3, 64, 64)).shape == (1, 3)


@pytest.mark.parametrize(("backbone", "preset"), [("x3d_xs", "x3d-xs-xs"), ("mobilenet_v2", "tsm-mbv2-mbv2")])
def test_both_encoders_and_heads_start_from_a_classifier_on_whole_frames(
    tmp_path: Path, backbone: str, preset: str
) -> None:
    net = networks.build(preset, 3)
    shift = None if backbone == "x3d_xs" else networks.PRESETS[preset].shift_div
    classifier = networks.build_classifier(backbone, 3, shift)
    save_file(classifier.state_dict(), tmp_path / "classifier.safetensors")
    (told,) = initialize(net, {"all": tmp_path / "classifier.safetensors"})
    assert "adafocus train" in told
    for encoder, head, auxiliary in (
        (net.global_encoder, net.global_head, net.global_aux_head),
        (net.local_encoder, net.local_head, net.training_heads.local_aux),
    ):
        for name, value in classifier.encoder.state_dict().items():
            assert torch.equal(value, encoder.state_dict()[name]), name
        assert torch.equal(0.5 * classifier.head.fc.weight, head.fc.weight)
        assert torch.equal(classifier.head.fc.bias, auxiliary.fc.bias)
    again = networks.build_classifier(backbone, 3, shift)
    initialize(again, {"all": tmp_path / "classifier.safetensors"})
    assert torch.equal(again.head.fc.weight, classifier.head.fc.weight)


def test_the_glance_has_the_share_of_the_last_prediction_that_the_recipe_gives_it(tmp_path: Path) -> None:
    torch.manual_seed(3)
    classifier = networks.build_classifier("mobilenet_v2", 7, 8)
    save_file(classifier.state_dict(), tmp_path / "classifier.safetensors")
    net = networks.build("tsm-mbv2-mbv2-frame", 7)
    initialize(net, {"all": tmp_path / "classifier.safetensors"}, glance_share=0.25)
    with torch.no_grad():
        assert torch.equal(net.global_head.fc.weight, 0.25 * classifier.head.fc.weight)
        assert torch.equal(net.local_head.fc.weight, 0.75 * classifier.head.fc.weight)
        assert torch.equal(net.global_aux_head.fc.weight, classifier.head.fc.weight)


@pytest.mark.parametrize("backbone", ["mobilenet_v2", "x3d_xs"])
def test_folded_norms_that_are_trained_start_with_the_statistics_of_clips(shared: Path, backbone: str) -> None:
    """The features stay; in training they are those of a network whose norms normalize."""
    weights = {"mobilenet_v2": MOBILENET, "x3d_xs": X3D}
    task = build_task(Recipe(classifier=Classifier(backbone, 4, 64, 72)), 3)
    initialize(task.net, {"all": shared / "weights" / weights[backbone]})
    encoder = task.net.get_submodule("encoder").eval()
    clips = torch.randn(8, 4, 3, 64, 64, generator=torch.Generator().manual_seed(0))

    def features(training: bool) -> torch.Tensor:
        with torch.no_grad():
            return encoder.train(training)(clips)

    before, untrained = features(False), features(True)
    initialize(task.net, {"all": shared / "weights" / weights[backbone]})
    # norms that no clip reaches stay as they are
    assert measure_folded_norms(encoder, lambda: None) == 0
    measured = measure_folded_norms(encoder, lambda: encoder.eval()(clips))
    assert measured == sum("running_var" in name for name in encoder.state_dict())
    scale = float(before.abs().max())
    assert torch.allclose(features(False), before, atol=1e-3 * scale)
    assert torch.allclose(features(True), before, atol=0.05 * scale)
    assert not torch.allclose(untrained, before, atol=0.05 * scale)
    assert not measure_folded_norms(encoder, lambda: pytest.fail("nothing is folded any more"))
