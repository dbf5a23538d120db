"""Checkpoints that do not fit, are damaged, or want to run code."""

from __future__ import annotations

import argparse
import logging
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from adafocus import networks
from adafocus.networks.checkpoints import OWN_CLASSIFIER, read_state, recognize_state
from adafocus.networks.checkpoints.inspection import describe_checkpoint
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


TEXTS = {
    "denied.pth": b"access denied\n",
    "code.pth": b"error code: 1015\n",
    "limit.ckpt": b"rate limit exceeded",
    "json.pt": b'{"message": "Not Found"}',
    "notepad.pth": b"\xef\xbb\xbfno such file",
    "utf16.pth": "no such file".encode("utf-16"),
    "cut.safetensors": ("é" * 2000).encode(),
}
OTHERS = {
    "page.pth": (b"\n<!DOCTYPE html><html><title>Sign in</title></html>", "web page"),
    "page.safetensors": (b"<html>404", "web page"),
    "bucket.pth": (b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", "web page"),
    "lfs.pth": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git lfs pull"),
    "lfs.safetensors": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git lfs pull"),
    "none.pth": (b"", "empty"),
    "none.safetensors": (b"", "empty"),
    "blank.pt": (b"\n \n", "nothing but blanks"),
    "packed.pth": (b"\x1f\x8b\x08\x00rest", "gzip"),
    "keras.pth": (b"\x89HDF\r\n\x1a\n", "HDF5"),
    "array.pth": (b"\x93NUMPY\x01\x00", "NumPy"),
    "zeros.pth": (bytes(100), "not read"),
    "start.pth": (b"\x80\x02}q\x00", "not read"),
    "noise.pth": (bytes(range(128, 256)) * 9, "not read"),
    "noise.safetensors": (bytes(range(128, 256)) * 9, "no safetensors file"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_in_place_of_a_checkpoint_is_quoted(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(TEXTS[name])
    with pytest.raises(networks.CheckpointError, match=rf"{name} is no checkpoint: it is text and begins with '\S"):
        read_state(path)


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_of_another_kind_is_called_by_its_name(name: str, tmp_path: Path) -> None:
    content, said = OTHERS[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(networks.CheckpointError, match=said):
        describe_checkpoint(path)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["photos/1.jpg", "photos/2.jpg"], r"zip archive with photos/1\.jpg, photos/2\.jpg"),
        ([], "zip archive without a file"),
        (["net/data.pkl", "net/constants.pkl", "net/code/net.py"], "TorchScript"),
        (["net/data.pkl"], "not read"),
    ],
)
def test_a_zip_that_is_no_checkpoint_says_what_it_holds(names: list[str], said: str, tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"something")
    with pytest.raises(networks.CheckpointError, match=said):
        read_state(path)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("name", ["net.pth", "old.pth", "net.safetensors"])
def test_a_checkpoint_that_is_cut_short_is_refused(name: str, share: float, tmp_path: Path) -> None:
    path, state = tmp_path / name, {"a.weight": torch.ones(64, 64), "b.weight": torch.ones(64)}
    if name == "net.safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=name == "net.pth")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(networks.CheckpointError, match=name):
        read_state(path)


@pytest.mark.parametrize("module", ["os", "pathlib", "argparse"])
def test_an_object_that_would_run_code_is_named(module: str, tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    value: object = RunsCode(tmp_path / "it_ran") if module == "pathlib" else None
    if module == "os":
        path.write_bytes(b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.")
    else:
        value = value or argparse.Namespace(lr=0.1)
        torch.save({"state_dict": {"a": torch.ones(1)}, "args": value}, path)
    with pytest.raises(networks.CheckpointError, match=r"not read.*torch\.save|not read.*safetensors"):
        read_state(path)
    assert not (tmp_path / "it_ran").exists()


def test_the_form_is_told_by_the_content_and_not_by_the_name(tmp_path: Path) -> None:
    state = {"a.weight": torch.ones(2)}
    save_file(state, tmp_path / "a.pth")
    torch.save(state, tmp_path / "b.bin")
    for name in ("a.pth", "b.bin"):
        assert read_state(tmp_path / name).keys() == state.keys()


STATE = {"encoder.a.weight": torch.ones(3, 2), "head.fc.weight": torch.zeros(2, 3)}


def under(prefix: str) -> dict[str, Tensor]:
    return {prefix + key: value for key, value in STATE.items()}


WRAPPED: dict[str, object] = {
    "parallel": under("module."),
    "compiled": under("_orig_mod."),
    "both": under("module._orig_mod."),
    "part compiled": {"encoder._orig_mod.a.weight": torch.ones(3, 2), "head.module.fc.weight": torch.zeros(2, 3)},
    "sharded": under("_fsdp_wrapped_module._checkpoint_wrapped_module."),
    "lightning": {"state_dict": under("model.") | {"criterion.weight": torch.ones(2)}, "epoch": 3, "callbacks": {}},
    "lightning, compiled": {"state_dict": under("model._orig_mod.")},
    "lightning, other name": {"state_dict": under("student.")},
    "lightning, deep": {"state_dict": under("system.net.")},
    "lightning, with an average": {"state_dict": under("model.") | under("ema_model.")},
    "model": {"model": STATE, "epoch": 5, "optimizer": {"state": {0: {"step": torch.ones(1)}}, "param_groups": []}},
    "model_state_dict": {"model_state_dict": STATE, "epoch": 5, "loss": torch.tensor(0.5)},
    "ema": {"ema": STATE, "updates": 9},
    "ema, nested": {"ema": {"module": under("module."), "decay": 0.9}},
    "other key": {"generator": STATE, "epoch": 5},
    "averaged": {"n_averaged": torch.tensor(5), **under("module.")},
    "with numbers": {**STATE, "epoch": 5, "name": "net"},
    "ordered": OrderedDict(STATE),
    "half": {key: value.half() for key, value in STATE.items()},
}


@pytest.mark.parametrize("name", WRAPPED)
def test_what_training_programs_wrap_around_a_network_is_taken_off(name: str, tmp_path: Path) -> None:
    torch.save(WRAPPED[name], tmp_path / "net.pth")
    found, state = recognize_state(read_state(tmp_path / "net.pth"))
    assert found.name == OWN_CLASSIFIER
    assert {key: tuple(value.shape) for key, value in state.items()} == {
        key: tuple(value.shape) for key, value in STATE.items()
    }


AVERAGED = {key: value + 1 for key, value in STATE.items()}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"model": STATE, "ema": AVERAGED}, "under model and again under ema; those under model"),
        ({"ema_state_dict": {f"module.{key}": value for key, value in AVERAGED.items()}, "state_dict": STATE},
         "under state_dict and again under ema_state_dict; those under state_dict"),
        ({"net": {"model": STATE, "model_ema": AVERAGED}}, "under model and again under model_ema"),
        ({"model": STATE, "ema": {"decay": torch.ones(1)}}, ""),
        ({"model": STATE, "optimizer": {"state": {0: {"step": torch.ones(1)}}}, "state": {"a": torch.ones(1)}}, ""),
    ],
)  # fmt: skip
def test_of_two_sets_of_weights_it_is_said_which_are_used(content: object, told: str, tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save(content, path)
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("adafocus.networks.checkpoints.unwrapping")
    logger.addHandler(handler)
    try:
        states = [read_state(path) for _ in range(2)]
    finally:
        logger.removeHandler(handler)
    assert all(torch.equal(state["head.fc.weight"], STATE["head.fc.weight"]) for state in states)
    # once, however often the file is read
    assert len(said) == bool(told)
    assert told in "".join(said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([1, 2, 3], "type list"),
        (torch.ones(3), "one tensor"),
        (None, "NoneType"),
        ({}, "empty dict"),
        ({"epoch": 3, "shadow_params": [torch.ones(1)]}, "its keys are epoch, shadow_params"),
        ({"student": STATE, "teacher": STATE}, "its keys are student, teacher"),
        ({0: torch.ones(1), 1: torch.ones(2)}, "names its tensors 0, 1"),
        ({"state_dict": {0: torch.ones(1)}}, "names its tensors 0"),
        ({**under("student."), **under("teacher.")}, "several networks, under student., teacher."),
        (under("model.")["model.encoder.a.weight"], "one tensor"),
        ({"colour.weight": torch.ones(1)}, r"first keys are colour\.weight"),
    ],
)
def test_what_holds_no_network_is_listed(content: object, said: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "net.pth")
    with pytest.raises(networks.CheckpointError, match=said):
        recognize_state(read_state(tmp_path / "net.pth"))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_weights_that_are_not_finite_are_refused(value: float, suffix: str, dtype: torch.dtype, tmp_path: Path) -> None:
    path, weights = tmp_path / f"net{suffix}", torch.ones(3, 2, dtype=dtype)
    weights[2, 1] = value
    state = {**STATE, "encoder.a.weight": weights}
    if suffix == ".pth":
        torch.save({"model": state}, path)
    else:
        save_file(state, path)
    with pytest.raises(networks.CheckpointError, match=r"not finite.*encoder\.a\.weight and 1 of 2"):
        read_state(path)


ODD: dict[str, Callable[[Tensor], Tensor]] = {
    "sparse": lambda value: value.to_sparse(),
    "quantized": lambda value: torch.quantize_per_tensor(value, 0.1, 0, torch.qint8),
    "without memory": lambda value: value.to("meta"),
    "far larger than it is": lambda value: value[0, :1].expand(10**12),
}


@pytest.mark.parametrize("kind", ODD)
def test_tensors_that_are_not_plain_are_refused(kind: str, tmp_path: Path) -> None:
    torch.save({**STATE, "odd": ODD[kind](torch.eye(3))}, tmp_path / "net.pth")
    with pytest.raises(networks.CheckpointError, match=r"odd|not read"):
        read_state(tmp_path / "net.pth")
