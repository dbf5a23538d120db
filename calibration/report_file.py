"""Read and write figures: YAML for people, JSON by the file's name, and the files of results in the repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from adafocus.calibration.datasets.text_file import read_yaml
from adafocus.edge.bundle.files import replacing_file
from adafocus.errors import AdafocusError, shell_word

KIND, FORMAT = "adafocus evaluation", 1


def write_report(path: Path, content: dict[str, Any], *, short: bool = False) -> None:
    """Write figures beside their place, then rename; as JSON where the name ends in ``.json``, else as YAML.

    Args:
        path: the file.
        content: plain values.
        short: lists and tables without others inside stand on one line of the YAML.
    """
    if path.suffix == ".json":
        text = json.dumps(content, indent=1) + "\n"
    else:
        text = yaml.safe_dump(content, sort_keys=False, width=120, default_flow_style=None if short else False)
    with replacing_file(path) as beside:
        beside.write_text(text, encoding="utf-8")


def read_evaluation(path: Path) -> dict[str, Any]:
    """Read what ``adafocus evaluate --out`` wrote.

    Raises:
        AdafocusError: no such file, or it is something else.
    """
    try:
        # every JSON file is YAML as well
        content = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())
        raise AdafocusError(f"{path} cannot be read as an evaluation ({why}). Make one: {_command(path)}") from error
    kind = (content.get("kind"), content.get("format")) if isinstance(content, dict) else (None, None)
    if kind != (KIND, FORMAT):
        raise AdafocusError(
            f"{path} is of the kind {kind[0]!r}, format {kind[1]!r}, expected {KIND!r}, format {FORMAT}. Make it "
            f"again: {_command(path)}"
        )
    return content


def _command(path: Path) -> str:
    """Return the command that makes an evaluation."""
    return f"adafocus evaluate BUNDLE CLIPS --out {shell_word(path)}"


def put_result(path: Path, key: str, content: dict[str, Any]) -> None:
    """Put one measurement into a file of results; the others stay as they are.

    Raises:
        AdafocusError: the file holds anything but measurements by key.
    """
    try:
        results = read_yaml(path) if path.exists() else {}
    except ValueError as error:
        raise AdafocusError(f"{path} is no YAML ({error}). Repair it, or name another --out.") from error
    if not isinstance(results, dict):
        raise AdafocusError(f"{path} holds no measurements by key. Repair it, or name another --out.")
    write_report(path, {**results, key: content}, short=True)
