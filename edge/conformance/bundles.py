"""Vectors of bundles: digests, good bundles, and malformed ones with the kind of their refusal."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from adafocus.edge.bundle.archive import pack
from adafocus.edge.bundle.bundle import MANIFEST, Bundle, file_record
from adafocus.edge.bundle.files import sha256_of, size_of, temporary_prefix
from adafocus.edge.bundle.manifest import ExitBudget, Exits, Golden
from adafocus.edge.conformance.malformed import MANIFESTS, ZIPS, Splice
from adafocus.edge.conformance.material import Record, case, joined, noise, noise_record
from adafocus.edge.conformance.trial import CANDIDATES, trial_manifest
from adafocus.edge.selftest import labels_digest
from adafocus.errors import AdafocusError, BundleError

# kinds of refusals, by what the sentence says; the first that is found counts
KINDS = {
    "no bundle": r"so it is no bundle|There is no bundle",
    "json": r"is not valid JSON|cannot be read as text",
    "version": r"has schema version",
    "unknown key": r"unknown key",
    "missing key": r"the key '.*' is missing",
    "unsafe name": r"lies outside it|no plain file name|control characters, |too long for a file name",
    "zip": r"is damaged|link or a device|compressed or encrypted|two sizes|' twice, or as|runs into|where its",
    "missing file": r" is missing\. Copy",
    "size": r" has \d+ bytes, expected \d+\. Copy",
    "digest": r" was changed: its SHA-256",
    "value": r"manifest\.json: '[a-z_.0-9]+(\.\[key\])?' is .*: ",
    "contradiction": r"manifest\.json: .* Copy the bundle again, or convert the model again",
}
FOLDERS: dict[str, dict[str, bytes]] = {
    "one file": {"weights.bin": b"weights"},
    "a folder beside a name that sorts before its slash": {"a/b": b"1", "a-b": b"2", "a/c/d": b"3", "b": b""},
    "capitals before small letters": {"B": b"1", "a": b"2", "b/A": b"3", "b/a": b"4"},
    "a name that is not ASCII": {"ä.txt": b"1", "z.txt": b"2"},
}


def vectors() -> list[Record]:
    """Return the vectors of this module."""
    return joined((_digests(), _bundles()))


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _digests() -> Iterator[Record]:
    """SHA-256 of files, of folders, of labels and of patches."""
    with TemporaryDirectory(prefix=temporary_prefix("vectors")) as place:
        for name, content in {
            "nothing": b"",
            "three bytes": b"abc",
            "a block more than a million": b"\x01" * 1048577,
        }.items():
            path = Path(place) / "file"
            path.write_bytes(content)
            given: Record = (
                {"repeated": _text(content[:1]), "times": len(content)}
                if len(content) > 99
                else {"base64": _text(content)}
            )
            yield case(name, "sha256_of_file", given, {"sha256": sha256_of(path), "bytes": size_of(path)})
        for number, (name, files) in enumerate(FOLDERS.items()):
            folder = Path(place) / str(number)
            _put(folder, files)
            named: Record = {"files": {path: _text(content) for path, content in files.items()}}
            yield case(name, "sha256_of_folder", named, {"sha256": sha256_of(folder), "bytes": size_of(folder)})
    labels = ["run", "jump rope", "été", ""]
    yield case("labels", "sha256_of_labels", {"labels": labels}, {"sha256": labels_digest(labels).tobytes().hex()})
    patches = hashlib.sha256(noise(3, 2, 8, 8, 3).tobytes()).hexdigest()
    yield case("patches", "sha256_of_patches", {"patches": noise_record(3, 2, 8, 8, 3)}, {"sha256": patches})


def _put(folder: Path, files: dict[str, bytes]) -> None:
    """Write files below a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _good(folder: Path, **looking: Any) -> None:
    """Write a good bundle with files that nobody runs."""
    exits = Exits(budgets=(ExitBudget(unit="GMAC", budget=0.0012, thresholds=(0.6,)),))
    manifest = trial_manifest("tsm", CANDIDATES, exits, **looking)
    names = [graph.file for graphs in manifest.stages.values() for graph in graphs.values()]
    _put(folder, {name: f"{name}\n".encode() for name in names})
    (folder / "golden").mkdir()
    for name in ("clip", "answers"):
        np.savez(folder / f"golden/{name}.npz", numbers=np.arange(4, dtype=np.uint8))
    stages = {
        stage: {
            runtime: graph.model_copy(update=file_record(folder, graph.file).model_dump())
            for runtime, graph in graphs.items()
        }
        for stage, graphs in manifest.stages.items()
    }
    clip, answers = (file_record(folder, f"golden/{name}.npz") for name in ("clip", "answers"))
    golden = Golden(source="none", runtime="litert", frames=clip, answers=answers)
    manifest = manifest.model_copy(update={"stages": stages, "golden": golden})
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _bundles() -> Iterator[Record]:
    """Good bundles, and what is refused of them after a change."""
    with TemporaryDirectory(prefix=temporary_prefix("vectors")) as place:
        good, motion = Path(place) / "good", Path(place) / "motion"
        _good(good)
        _good(motion, boxes_in="frame", policy="motion", focus_span="spread", box_min=0.5)
        for folder in (good, motion):
            files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.*"))}
            given = {"files": {name: _text(content) for name, content in files.items()}}
            yield case(folder.name, "bundle", given, opened(folder))
        archive = Path(place) / "good.zip"
        pack(good, archive)
        content = archive.read_bytes()
        yield case("zip", "bundle", {"zip": _text(content)}, opened(archive))
        files = {path.relative_to(good).as_posix(): path.read_bytes() for path in sorted(good.rglob("*.*"))}
        for number, (name, changes) in enumerate(MANIFESTS.items()):
            folder = Path(place) / f"changed {number}"
            _put(folder, _changed(name, files, changes))
            yield case(name, "bundle", {"of": "good", **changes}, opened(folder))
        for number, (name, splices) in enumerate(ZIPS.items()):
            path = Path(place) / f"changed {number}.zip"
            found = splices(content)
            path.write_bytes(spliced(content, found))
            told = [[splice.at, splice.removed, _text(splice.added)] for splice in found]
            yield case(name, "bundle", {"of": "zip", "splices": told}, opened(path))


def _changed(name: str, files: dict[str, bytes], changes: Record) -> dict[str, bytes]:
    """Return the files of a bundle after texts of its manifest were replaced, files put there and files dropped."""
    manifest = files[MANIFEST].decode()
    for old, new in changes.get("replace", ()):
        if old not in manifest:
            raise AdafocusError(f"The manifest of the vector {name!r} does not hold {old!r}.")
        manifest = manifest.replace(old, new, 1)
    put = {path: base64.b64decode(content) for path, content in changes.get("put", {}).items()}
    found = {**files, MANIFEST: (manifest + changes.get("append", "")).encode(), **put}
    return {path: content for path, content in found.items() if path not in changes.get("drop", ())}


def spliced(content: bytes, splices: Sequence[Splice]) -> bytes:
    """Return bytes after parts of them were replaced; places are those of the bytes before."""
    for splice in sorted(splices, key=lambda splice: -splice.at):
        content = content[: splice.at] + splice.added + content[splice.at + splice.removed :]
    return content


def opened(path: Path) -> Record:
    """Open a bundle, and tell what it holds or the kind of refusal."""
    try:
        with Bundle.open(path) as bundle:
            manifest = bundle.manifest
            focus = bundle.graph("focus", "litert")[1]
            return {
                "name": manifest.name,
                "labels": list(manifest.labels),
                "runtimes": list(bundle.runtimes()),
                "files": [record.file for record in manifest.files()],
                "exit_macs": list(manifest.exit_macs(focus, manifest.macs("glance"))),
                "mean_color": list(manifest.geometry.mean_color),
            }
    except BundleError as error:
        return {"refused": kind_of(str(error))}


def kind_of(sentence: str) -> str:
    """Return the kind of a refusal.

    Raises:
        AdafocusError: of none that is known.
    """
    for kind, words in KINDS.items():
        if re.search(words, sentence, re.DOTALL):
            return kind
    raise AdafocusError(f"No kind of refusal fits the sentence {sentence!r}. Add one to the table of kinds.")
