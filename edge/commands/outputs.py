"""Where a verb may write: never onto what it reads, nor into a bundle, and never two outputs in one file."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from adafocus.edge.bundle.archive import MANIFEST, is_archive
from adafocus.edge.sources.image_folder import SUFFIXES as PICTURE_SUFFIXES
from adafocus.edge.sources.source import safe_name
from adafocus.errors import AdafocusError

Identity = tuple[int, int]
# files named in an address: jetson:clip.mp4, gst:filesrc location="clip.mp4" ! ...
NAMED = re.compile(r'location\s*=\s*(?:"([^"]+)"|\'([^\']+)\'|(\S+))')
# a key that only manifests of bundles have; other programs have a manifest.json, too
BUNDLE_KEY = "schema_version"
LARGEST_MANIFEST_BYTES = 2**24


def check_outputs(
    outputs: Mapping[str, Path | None], inputs: Iterable[str | Path | None], *, bundle: str | None = None
) -> None:
    """Refuse outputs that would destroy what is read, or each other, before anything is opened.

    Files are the same where the system says so, whatever leads to them: links, hard links, another spelling.

    Args:
        outputs: by option, such as ``--out``; None where it was not given.
        inputs: files, folders, bundles and addresses that are read.
        bundle: the option whose output is a bundle, and may take the place of a whole bundle.

    Raises:
        AdafocusError: it names the option, and what is in the way.
    """
    given = {option: path for option, path in outputs.items() if path is not None}
    read = [name for name in inputs if name is not None]
    _refuse_each_other(given)
    for option, path in given.items():
        replaces = option == bundle
        _refuse_device(option, path)
        _refuse_part_of_bundle(option, path, replaces=replaces)
        for name in read:
            _refuse_input(option, path, name, replaces=replaces)


def _refuse_each_other(given: Mapping[str, Path]) -> None:
    """Refuse two outputs in one file, of which one would be lost."""
    seen: dict[object, str] = {}
    for option, path in given.items():
        key = _identity(path) or os.path.realpath(path)
        if key in seen:
            raise AdafocusError(
                f"{seen[key]} and {option} are the same file {path}, expected two. Choose another {option}."
            )
        seen[key] = option


def _refuse_device(option: str, path: Path) -> None:
    """Refuse devices: what is written beside them would take their place. Streams are written into, like --events."""
    if option != "--events" and path.exists() and not path.is_file() and not path.is_dir():
        raise AdafocusError(f"{option} is {path}, a device or a pipe, expected the name of a file. Choose another one.")


def _refuse_part_of_bundle(option: str, path: Path, *, replaces: bool) -> None:
    """Refuse what lies in a bundle's folder, and, but for a bundle's own output, what is a bundle."""
    # a link to a folder of the bundle leads there, too
    for folder in Path(os.path.realpath(path)).parents:
        if _holds_bundle(folder):
            raise AdafocusError(
                f"{option} is {path}, which lies in the bundle {folder}, expected a place outside of bundles. "
                f"Choose another {option}."
            )
    if not replaces and ((path.is_file() and is_archive(path)) or _holds_bundle(path)):
        raise AdafocusError(f"{option} is {path}, which is a bundle, and it would be lost. Choose another {option}.")


def _holds_bundle(folder: Path) -> bool:
    """Return whether a folder's manifest is that of a bundle, or of one that was damaged."""
    manifest = folder / MANIFEST
    try:
        if not manifest.is_file() or manifest.stat().st_size > LARGEST_MANIFEST_BYTES:
            return False
        text = manifest.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return f'"{BUNDLE_KEY}"' in text
    return isinstance(content, dict) and BUNDLE_KEY in content


def _refuse_input(option: str, path: Path, name: str | Path, *, replaces: bool) -> None:
    """Refuse an output that is an input, is among its files, or takes it along when a folder is replaced."""
    identity = _identity(path)
    for given in _paths_in(name):
        is_folder, is_bundle = given.is_dir(), (given / MANIFEST).is_file()
        if identity is not None and identity == _identity(given) and not (replaces and _is_bundle(given)):
            raise AdafocusError(
                f"{option} is {path}, the same file as the input {safe_name(str(name))}, which would be lost. "
                f"Choose another {option}."
            )
        if is_bundle and identity is not None and any(identity == _identity(part) for part in given.rglob("*")):
            raise AdafocusError(
                f"{option} is {path}, the same file as one of the bundle {given}, which would be lost. "
                f"Choose another {option}."
            )
        beside = is_folder and not is_bundle and _identity(path.parent) == _identity(given)
        if beside and path.suffix.lower() in PICTURE_SUFFIXES:
            raise AdafocusError(
                f"{option} is {path}, a picture in the folder {safe_name(str(name))}, whose pictures are the input. "
                f"Choose another {option}."
            )
        if replaces and identity is not None and identity in map(_identity, Path(os.path.realpath(given)).parents):
            raise AdafocusError(
                f"{option} is the folder {path}, which will be replaced, and the input {safe_name(str(name))} lies in "
                f"it. Choose another {option}."
            )


def _is_bundle(path: Path) -> bool:
    """Return whether a bundle stands there, which another one may replace."""
    return is_archive(path) if path.is_file() else (path / MANIFEST).is_file()


def _paths_in(name: str | Path) -> Iterator[Path]:
    """Yield what exists of the paths that an address may mean."""
    text = str(name)
    named = ["".join(groups) for groups in NAMED.findall(text)]
    for candidate in dict.fromkeys((text, text.partition(":")[2], text.removeprefix("file://"), *named)):
        if candidate and _identity(Path(candidate)) is not None:
            yield Path(candidate)


def _identity(path: Path) -> Identity | None:
    """Return what the system knows a file by; None where there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
