"""Reading a manifest: what is wrong with one is told in a sentence that names the key."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from adafocus.edge import strict_json
from adafocus.edge.contradictions import first_contradiction
from adafocus.edge.limits import MOST_MANIFEST_BYTES
from adafocus.edge.manifest import SCHEMA_VERSION, Manifest
from adafocus.errors import BundleError

SHOWN_CHARACTERS = 80


def read_manifest(path: Path, where: Path) -> Manifest:
    """Read a manifest file.

    Args:
        path: the file.
        where: what to call it on the screen.

    Raises:
        BundleError: it cannot be read, is larger than a manifest can be, or :func:`parse_manifest` refuses it.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_MANIFEST_BYTES + 1)
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{where} cannot be read as text ({error}). Copy the bundle again.") from error
    if len(content) > MOST_MANIFEST_BYTES:
        raise BundleError(
            f"{where} has more than {MOST_MANIFEST_BYTES} bytes, so it is no manifest. Copy the bundle again."
        )
    return parse_manifest(text, where)


def parse_manifest(text: str, where: Path) -> Manifest:
    """Read a manifest.

    Raises:
        BundleError: the sentence names the key, what was found and what was expected.
    """
    try:
        content = strict_json.parse(text)
    except ValueError as error:
        raise BundleError(f"{where} is not valid JSON ({error}). Convert the model again: adafocus export") from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise BundleError(
            f"{where} has schema version {_short(version)}, this program reads version {SCHEMA_VERSION}. Convert the "
            "model again with this version (adafocus export), or install the version of adafocus-edge that made the "
            "bundle."
        )
    try:
        # read as JSON once more: only there a strict reading knows lists for tuples and refuses "8" for 8
        manifest = Manifest.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise BundleError(f"{where}: {_first_problem(error)} Convert the model again: adafocus export") from error
    contradiction = first_contradiction(manifest)
    if contradiction:
        raise BundleError(f"{where}: {contradiction} Convert the model again: adafocus export")
    return manifest


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in problem["loc"])[:200]
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key!r}, expected only the keys of schema version {SCHEMA_VERSION}."
    if problem["type"] == "missing":
        return f"the key {key!r} is missing."
    message = problem["msg"].removeprefix("Value error, ")
    if not key:
        return f"it is not valid JSON or no object ({message.removeprefix('Invalid JSON: ')})."
    return f"{key!r} is {_short(problem['input'])}: {message[:1].lower()}{message[1:]}."


def _short(value: object) -> str:
    """A value as Python writes it, on one line and not without end."""
    shown = f"{type(value).__name__} of {len(value)}" if isinstance(value, (dict, list)) else repr(value)
    return shown if len(shown) <= SHOWN_CHARACTERS else f"{shown[:SHOWN_CHARACTERS]}..."
