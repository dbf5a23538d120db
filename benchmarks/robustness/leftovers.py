"""What a killed verb left: files that are half-written, files beside outputs, and whether two files say the same."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import yaml
from safetensors.torch import load_file

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.files import sha256_of

# what is written beside its place until it is whole
BESIDE = re.compile(r"\..*\.adafocus-.*")


def _visible(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(BESIDE.match(part) for part in path.relative_to(folder).parts):
            yield path


def hidden(folder: Path) -> list[Path]:
    """Return what stands beside outputs, and other hidden files."""
    return sorted(path for path in folder.rglob(".*") if not any(BESIDE.match(part) for part in path.parts[:-1]))


def beside(folder: Path) -> set[str]:
    """Return what is being written in a folder, and in folders in it; it takes some microseconds."""
    found = set[str]()
    # what is renamed or removed at this moment is no longer being written
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if BESIDE.match(entry.name):
                found.add(entry.path)
            elif entry.is_dir():
                found |= {path.path for path in os.scandir(entry.path) if BESIDE.match(path.name)}
    return found


def names(folder: Path) -> set[str]:
    """Return the names of all files that are not hidden, from the folder on."""
    return {path.relative_to(folder).as_posix() for path in _visible(folder)}


def half_written(folder: Path, whole: Path) -> Iterator[tuple[Path, str]]:
    """Yield files that are neither those of an undisturbed run nor can be read to the end, with the reason."""
    bundles = {path.parent for path in _visible(folder) if path.name == "manifest.json"}
    for bundle in bundles:
        try:
            Bundle.open(bundle).close()
        except Exception as error:
            yield bundle, str(error)
    for path in _visible(folder):
        twin = whole / path.relative_to(folder)
        # the manifest of a bundle has the digests of all its files
        if not bundles.isdisjoint(path.parents) or (twin.is_file() and sha256_of(path) == sha256_of(twin)):
            continue
        try:
            _read(path)
        except Exception as error:
            yield path, f"{type(error).__name__}: {error}"


def _read(path: Path) -> Any:
    """Read a file to its end.

    Raises:
        Exception: it is not whole.
    """
    if path.suffix == ".safetensors":
        return load_file(path)
    if path.suffix == ".pt":
        return torch.load(path, weights_only=True)
    if path.suffix == ".yaml":
        return yaml.safe_load(path.read_text())
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            # how long a clip took is another thing every time
            return {name: arrays[name].tolist() for name in arrays if not name.endswith(".ms")}
    if path.suffix == ".png":
        picture = cv2.imread(str(path))
        if picture is None:
            raise ValueError("no picture")
        return picture
    text = path.read_text(encoding="utf-8")
    if path.suffix in (".csv", ".jsonl") and text and not text.endswith("\n"):
        raise ValueError(f"the last line is not whole: {text[-60:]!r}")
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    if path.suffix == ".csv":
        return text
    raise ValueError(f"nobody knows how to read {path.name}, and an undisturbed run has none like it")


def same(one: Path, other: Path) -> bool:
    """Return whether two files are equal, or hold equal numbers."""
    if sha256_of(one) == sha256_of(other):
        return True
    return one.suffix in (".safetensors", ".pt", ".npz") and _equal(_read(one), _read(other))


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(_equal(*pair) for pair in zip(one, other, strict=True))
    return bool(one == other)
