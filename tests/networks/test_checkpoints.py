"""Checkpoints that do not fit, are damaged, or want to run code."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from adafocus import networks
from adafocus.networks.checkpoints import read_state
from tests.helpers.small_networks import TINY, tiny


@pytest.mark.slow
@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_our_own_checkpoints_come_back(name: str, suffix: str, tmp_path: Path) -> None:
    net, other = tiny(name), networks.build(name, **TINY[name])
    path = tmp_path / f"own{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": net.state_dict(), "epoch": 3}, path)
    else:
        save_file(net.state_dict(), path)
    loaded = networks.load_state(other, path)
    assert loaded.source == f"adafocus-edge, {net.config.variant}"
    assert loaded.unused == ()
    assert all(torch.equal(value, other.state_dict()[key]) for key, value in net.state_dict().items())


def test_a_checkpoint_that_does_not_fit_names_keys_and_shapes() -> None:
    net = tiny("x3d-xs-xs")
    state = dict(net.state_dict())
    state.pop("global_head.fc.bias")
    state["extra"] = torch.zeros(1)
    state["local_head.fc.bias"] = torch.zeros(3)
    with pytest.raises(
        networks.CheckpointError, match=r"missing global_head\.fc\.bias.*unused extra.*\(3,\), expected \(7,\)"
    ):
        networks.load_state(net, state)


def test_a_checkpoint_of_another_variant_is_refused_by_name() -> None:
    with pytest.raises(networks.CheckpointError, match="adafocus-edge, x3d"):
        networks.load_state(tiny("tsm-mbv2-mbv2"), tiny("x3d-xs-xs").state_dict())
    with pytest.raises(networks.CheckpointError, match="two encoders"):
        networks.load_encoder(networks.build_backbone("x3d_xs"), tiny("x3d-xs-xs").state_dict())


def test_keys_of_no_known_kind_are_named() -> None:
    with pytest.raises(networks.CheckpointError, match=r"no known kind.*colour\.weight"):
        networks.load_state(tiny("x3d-xs-xs"), {"colour.weight": torch.zeros(1)})


class RunsCode:
    """Unpickled, it would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


def test_a_checkpoint_that_wants_to_run_code_is_refused(tmp_path: Path) -> None:
    path, mark = tmp_path / "evil.pth", tmp_path / "it_ran"
    torch.save({"state_dict": RunsCode(mark)}, path)
    with pytest.raises(networks.CheckpointError, match="not read"):
        networks.load_state(tiny("x3d-xs-xs"), path)
    assert not mark.exists()


@pytest.mark.parametrize("name", ["damaged.pth", "damaged.safetensors", "missing.pth", "numbers.pth"])
def test_what_is_no_checkpoint_is_refused_with_a_sentence(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name.startswith("damaged"):
        path.write_bytes(b"nothing of the kind" * 9)
    elif name.startswith("numbers"):
        torch.save([1, 2, 3], path)
    with pytest.raises(networks.CheckpointError, match=name):
        networks.load_state(tiny("x3d-xs-xs"), path)


def test_a_bias_that_a_folded_stem_has_no_place_for_must_be_zero(shared: Path) -> None:
    path = shared / "weights" / "x3d_xs_k400.safetensors"
    state = read_state(path) | {"stem_xy.bias": torch.zeros(24)}
    loaded = networks.load_encoder(networks.build_backbone("x3d_xs"), state)
    assert loaded.source == "X3D with folded batch norms"
    assert loaded.head.keys() == {"lin.weight", "lin.bias", "fc.weight", "fc.bias"}
    with pytest.raises(networks.CheckpointError, match=r"stem_xy\.bias is not zero"):
        networks.load_encoder(networks.build_backbone("x3d_xs"), state | {"stem_xy.bias": torch.ones(24)})


def test_a_folded_encoder_with_a_tensor_too_many_names_it(shared: Path) -> None:
    state = read_state(shared / "weights" / "mobilenet_v2_imagenet.safetensors") | {"colour": torch.zeros(1)}
    with pytest.raises(networks.CheckpointError, match="unused colour"):
        networks.load_encoder(networks.build_backbone("mobilenet_v2"), state)
