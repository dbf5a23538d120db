"""Checkpoints: networks, runs and model files that are damaged, wrapped, renamed, retyped, reshaped, or no weights."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from adafocus import networks
from adafocus.calibration.training.recipe import Recipe
from adafocus.calibration.training.tasks import build_task
from adafocus.converters.model_source import write_model
from tests.fuzzing.kind import program, train
from tests.fuzzing.mutations import damage
from tests.fuzzing.structures import changed_json
from tests.helpers.training_run import RECIPE, write_clips, write_recipe

LABELS = ("bright", "dark")
HEAD_BYTES = 4000
DTYPES = (torch.float16, torch.bfloat16, torch.float64, torch.int8, torch.int64, torch.bool, torch.complex64,
          torch.uint8, torch.float8_e4m3fn)  # fmt: skip
KEYS: tuple[Any, ...] = ("", "state_dict", "model", "ema", "epoch", "optimizer", 0, 1.5, None, ("a", 1), b"x", True,
                         "module.", "x" * 10_000, "\x00", "\ud800", "a.b.c", "\u00e9")  # fmt: skip
OTHERS = (
    b"", b"\0", b"access denied", b"<!DOCTYPE html><p>404", b"version https://git-lfs.github.com/spec/v1\noid x\n",
    b"\x1f\x8b\x08\x00", b"Rar!\x1a\x07", b"\x89HDF\r\n\x1a\n", b"\x93NUMPY\x01\x00v\x00{}", b"PK\x05\x06" + bytes(18),
    b"{\"a\": 1}", b"\x80\x02.", b"\x80\x02K\x01.", b"\x80\x04" + b"(" * 100_000 + b".", b"cos\nsystem\n(S'true'\ntR.",
    (2).to_bytes(8, "little") + b"{}", (2**63).to_bytes(8, "little") + b"{}", (10**9).to_bytes(8, "little") + b"{",
    (7).to_bytes(8, "little") + b'{"a":1}',
)  # fmt: skip


class Checkpoints:
    """A file that may hold no weights; forms take turns: tensors alone, a trained network, a run, a model file."""

    def __init__(self, bundle: Path, place: Path) -> None:
        self._place, self._use = place, "inspect"
        for name in ("run", "cache", "clips", "first"):
            (place / name).mkdir()
        self._clips, self._recipe = write_clips(place / "clips", 4, 2), write_recipe(place, epochs=1)
        trained = place / "first" / "trained.safetensors"
        places = ("--work", place / "first" / "work", "--cache", place / "cache", "--out", trained)
        program("train", self._recipe, "--clips", self._clips, *places)
        model = place / "first" / "model.safetensors"
        task = build_task(Recipe.from_dict(RECIPE), len(LABELS))
        assert isinstance(task.net, networks.AdaFocus)
        write_model(model, task.net, RECIPE["preset"], LABELS, "fp32", (), 1, {})  # type: ignore[arg-type]
        self._state = load_file(trained)
        self._trained, self._model = trained.read_bytes(), model.read_bytes()
        self._run = place / "first" / "work" / "checkpoint.pt"
        self._run_bytes = self._run.read_bytes()
        self._ways: tuple[Callable[[np.random.Generator, int], tuple[str, Path]], ...] = (
            self._tensors, self._of_train, self._tensors, self._of_run, self._of_quantize, self._foreign,
        )  # fmt: skip

    def make(self, rng: np.random.Generator, number: int) -> tuple[str, Path]:
        """Take the form whose turn it is."""
        return self._ways[number % len(self._ways)](rng, number // len(self._ways))

    def use(self, path: Path) -> None:
        """Inspect it, start from it, or go on from it."""
        if self._use == "run":
            work = self._place / "resumed"
            out = self._place / "run" / "out.safetensors"
            places = ("--work", work, "--cache", self._place / "cache", "--out", out)
            program("train", self._recipe, "--clips", self._clips, *places)
            return
        program("inspect", path)
        train(self._place, self._recipe, self._clips, "--start", path)

    def _tensors(self, rng: np.random.Generator, turn: int) -> tuple[str, Path]:
        """A .pth file of tensors, as people save them and as nobody should."""
        self._use, path = "start", self._place / "weights.pth"
        if turn % 4 == 3:
            buffer = io.BytesIO()
            torch.save(self._state, buffer, _use_new_zipfile_serialization=bool(turn % 8 == 3))
            content = buffer.getvalue()
            name, content = damage(rng, content, ((0, HEAD_BYTES * 4), (len(content) - 4 * HEAD_BYTES, len(content))))
            path.write_bytes(content)
            return f".pth: {name}", path
        state: Any = OrderedDict((key, value.clone()) for key, value in self._state.items())
        done = [_change_tensors(rng, state) for _ in range(int(rng.integers(0, 3)))]
        while rng.random() < 0.5:
            name, state = _wrapped(rng, state)
            done.append(name)
        try:
            torch.save(state, path)
        # what cannot be saved cannot be given to the program either
        except Exception as error:
            path.write_bytes(b"")
            done.append(f"not saved: {type(error).__name__}")
        return f".pth: {'; '.join(done) or 'right'}", path

    def _of_train(self, rng: np.random.Generator, turn: int) -> tuple[str, Path]:
        """A network of ``adafocus train`` whose header is wrong, or that lost bytes."""
        self._use = "start"
        return self._safetensors(rng, turn, self._trained, self._place / "trained.safetensors")

    def _of_quantize(self, rng: np.random.Generator, turn: int) -> tuple[str, Path]:
        self._use = "start"
        return self._safetensors(rng, turn, self._model, self._place / "model.safetensors")

    def _safetensors(self, rng: np.random.Generator, turn: int, right: bytes, path: Path) -> tuple[str, Path]:
        size = int.from_bytes(right[:8], "little")
        if turn % 3 == 0:
            name, content = damage(rng, right, ((0, HEAD_BYTES), (0, 16)))
        elif turn % 3 == 1:
            header = json.loads(right[8 : 8 + size])
            metadata = header["__metadata__"]
            key = list(metadata)[turn // 3 % len(metadata)]
            value = metadata[key]
            if value[:1] in ("{", "["):
                name, changed = changed_json(rng, json.loads(value) or {"x": 1}, turn)
                metadata[key] = changed.decode("utf-8", "replace")
            else:
                name, metadata[key] = "emptied", ""
            text = json.dumps(header).encode()
            name, content = f"{key}: {name}", len(text).to_bytes(8, "little") + text + right[8 + size :]
        else:
            name, text = changed_json(rng, json.loads(right[8 : 8 + size]), turn)
            content = len(text).to_bytes(8, "little") + text + right[8 + size :]
        path.write_bytes(content)
        return f"{path.name}: {name}", path

    def _of_run(self, rng: np.random.Generator, turn: int) -> tuple[str, Path]:
        """What a run resumes from."""
        self._use, work = "run", self._place / "resumed"
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(self._run.parent, work)
        (self._place / "run" / "out.safetensors").unlink(missing_ok=True)
        path = work / self._run.name
        if turn % 2:
            right = self._run_bytes
            name, content = damage(rng, right, ((0, HEAD_BYTES * 4), (len(right) - 4 * HEAD_BYTES, len(right))))
            path.write_bytes(content)
            return f"run: {name}", path
        state = torch.load(self._run, weights_only=True)
        keys = list(state)
        key = keys[turn // 2 % len(keys)]
        way = int(rng.integers(4))
        values: tuple[Any, ...] = (None, 0, -1, 10**9, "x", [], {}, torch.zeros(3), float("nan"))
        if way == 0:
            del state[key]
        elif way == 1 and isinstance(state[key], dict) and state[key]:
            inner = list(state[key])[int(rng.integers(len(state[key])))]
            state[key][inner] = values[int(rng.integers(len(values)))]
        else:
            state[key] = values[int(rng.integers(len(values)))]
        torch.save(state, path)
        return f"run: {key} {way}", path

    def _foreign(self, rng: np.random.Generator, turn: int) -> tuple[str, Path]:
        """Files that are no weights under a name of such."""
        self._use = "start"
        path = self._place / f"foreign{rng.choice(('.pth', '.pt', '.safetensors', '.ckpt', '.bin'))!s}"
        path.write_bytes(OTHERS[turn % len(OTHERS)])
        if turn % (len(OTHERS) + 1) == len(OTHERS):
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("archive/data.pkl", pickle.dumps({"a": print}))
                archive.writestr("archive/version", "3")
        return f"{path.suffix}: {OTHERS[turn % len(OTHERS)][:20]!r}", path


def _change_tensors(rng: np.random.Generator, state: dict[Any, Any]) -> str:
    """Change one tensor, or its name."""
    names = list(state)
    key = names[int(rng.integers(len(names)))]
    value = state[key]
    if not isinstance(value, Tensor):
        return "nothing"
    ways: tuple[tuple[str, Callable[[], Any]], ...] = (
        ("other type", lambda: value.to(DTYPES[int(rng.integers(len(DTYPES)))])),
        ("not finite", lambda: torch.full_like(value.float(), float(rng.choice((np.nan, np.inf))))),
        ("other shape", lambda: value.reshape(-1)),
        ("one more axis", lambda: value[None]),
        ("empty", lambda: value.reshape(-1)[:0]),
        ("one number", lambda: torch.tensor(1.0)),
        ("far larger than it is", lambda: torch.zeros(1).expand(10**12)),
        ("many axes", lambda: torch.zeros((1,) * 60)),
        ("sparse", lambda: value.float().to_sparse()),
        ("quantized", lambda: torch.quantize_per_tensor(value.float(), 0.1, 0, torch.qint8)),
        ("without memory", lambda: value.to("meta")),
        ("a parameter", lambda: torch.nn.Parameter(value.float())),
        ("a list", lambda: value.reshape(-1)[:10].tolist()),
        ("none", lambda: None),
        ("overlapping", lambda: value.reshape(-1)[:1].expand(value.shape)),
    )
    name, way = ways[int(rng.integers(len(ways)))]
    if rng.random() < 0.3:
        other = KEYS[int(rng.integers(len(KEYS)))]
        state[other] = state.pop(key)
        return f"{key} is called {str(other)[:20]!r}"
    if rng.random() < 0.2:
        del state[key]
        return f"{key} removed"
    try:
        state[key] = way()
    except (RuntimeError, NotImplementedError) as error:
        # some types have no such form
        return f"not {name}: {type(error).__name__}"
    return f"{key}: {name}"


def _wrapped(rng: np.random.Generator, state: Any) -> tuple[str, Any]:
    """Put something around a state dict, or into it."""
    if not isinstance(state, dict):
        return "nothing", state
    way = int(rng.integers(7))
    key = KEYS[int(rng.integers(len(KEYS)))]
    if way == 0:
        return f"under {str(key)[:20]!r}", {key: state}
    if way == 1:
        return "model and ema", {"model": state, "ema": state}
    if way == 2:
        prefix = str(rng.choice(("module.", "_orig_mod.", "model.", "module.module.", "a.b.c.d.", ".")))
        return f"named {prefix}", {f"{prefix}{name}": value for name, value in state.items()}
    if way == 3:
        return "in a list", [state]
    if way == 4:
        state["itself"] = state
        return "holds itself", state
    if way == 5:
        return "beside other things", {"state_dict": state, "epoch": 3, "args": {"lr": 1}, "optimizer": {"state": {}}}
    for _ in range(int(rng.choice((2, 50, 500)))):
        state = {"state_dict": state}
    return "deep", state
