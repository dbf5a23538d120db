"""Converted graphs, kept by what they were made from: a stage that did not change is not converted again."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors import safe_open

import adafocus
from adafocus.converters.backends.registry import Report, back_end
from adafocus.edge.bundle.files import replacing_directory, sha256_of, size_of
from adafocus.edge.bundle.manifest import PARTS, Precision, Runtime
from adafocus.errors import AdafocusError

FORMAT = "adafocus graph 1"
RECORD = "record.json"
MAX_BYTES = 2 << 30
PACKAGES = ("torch", "torchao", "executorch", "numpy")
# folders of the package whose code decides what a file holds
MAKERS = ("networks", "calibration/quantization", "converters")
# what a model file says of itself that no graph holds
ASIDE = ("history", "labels", "preset")

logger = logging.getLogger(__name__)


class GraphCache:
    """A folder of converted graphs; the least used go when it grows too large."""

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        """Use a folder, which is made when the first graph is kept.

        Args:
            folder: of the graphs.
            max_bytes: that all of them may take.
        """
        self.folder, self.max_bytes = folder, max_bytes

    def take(self, key: str, path: Path) -> Report | None:
        """Copy a kept graph to a path and return its report; None where there is none, or it is damaged."""
        kept = self.folder / key
        if not (kept / RECORD).is_file():
            return None
        try:
            record = json.loads((kept / RECORD).read_text(encoding="utf-8"))
            source = kept / record["name"]
            if sha256_of(source) != record["sha256"]:
                raise ValueError("its bytes changed")
            report = Report(**record["report"])
            if source.is_dir():
                shutil.copytree(source, path)
            else:
                shutil.copyfile(source, path)
            os.utime(kept)
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("%s is damaged (%s), so its graph is converted again.", kept, error)
            if path.is_dir():
                shutil.rmtree(path)
            path.unlink(missing_ok=True)
            return None
        return report

    def keep(self, key: str, path: Path, report: Report) -> None:
        """Keep a graph that was just converted; where that fails, a warning says so and nothing is kept."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing_directory(self.folder / key, RECORD) as beside:
                copy = beside / path.name
                if path.is_dir():
                    shutil.copytree(path, copy)
                else:
                    shutil.copyfile(path, copy)
                record = {"name": path.name, "sha256": sha256_of(copy), "report": asdict(report)}
                (beside / RECORD).write_text(json.dumps(record), encoding="utf-8")
            self._forget()
        except (OSError, AdafocusError) as error:
            logger.warning("The converted %s is not kept for a next time: %s", path.name, error)

    def _forget(self) -> None:
        """Remove the least used graphs until the rest fits."""
        kept = sorted((place for place in self.folder.iterdir() if (place / RECORD).is_file()), key=_used, reverse=True)
        total = 0
        for place in kept:
            total += size_of(place)
            if total > self.max_bytes:
                shutil.rmtree(place, ignore_errors=True)


def graph_key(model: Path, runtime: Runtime, name: str, precision: Precision) -> str:
    """Return what stands for all that decides the bytes of a graph, 64 hex digits.

    That is the weights and scales of its stage, the network's shape, the converter and its packages, and our own code.

    Args:
        model: a model file.
        runtime: of the graph.
        name: of the stage, or of a part of the glance.
        precision: of the graph.
    """
    packages = (*PACKAGES, *back_end(runtime).distributions)
    facts = {
        "format": FORMAT,
        "stage": _stage_facts(model, "glance" if name in PARTS else name),
        "graph": [runtime, name, precision],
        "packages": {package: version(package) for package in packages},
        "code": _code(),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _stage_facts(model: Path, stage: str) -> dict[str, Any]:
    """Return what a model file says of a stage: digests of its tensors, and the network's shape."""
    with safe_open(model, "pt") as file:
        names = sorted(name for name in file.keys() if name.startswith(f"{stage}."))  # noqa: SIM118
        tensors = {name: file.get_tensor(name) for name in names}
        said = {key: value for key, value in (file.metadata() or {}).items() if key not in ASIDE}
    digests = {
        name: [str(value.dtype), list(value.shape), hashlib.sha256(value.contiguous().numpy().tobytes()).hexdigest()]
        for name, value in tensors.items()
    }
    return {"tensors": digests, "model": said}


@cache
def _code() -> str:
    """Return a digest of the code that converts."""
    root = Path(adafocus.__file__).parent
    digest = hashlib.sha256()
    for path in _sources(root):
        digest.update(f"{path.relative_to(root).as_posix()} ".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _sources(root: Path) -> Iterator[Path]:
    """Yield the Python files of the folders that decide what is written, in order."""
    for folder in MAKERS:
        yield from sorted((root / folder).rglob("*.py"))


def _used(place: Path) -> float:
    """Return when a kept graph was last used, in seconds."""
    try:
        return place.stat().st_mtime
    except OSError:
        return 0.0
