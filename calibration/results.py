"""Measured figures that live in the repository: one YAML file, a key for each measurement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from adafocus.edge.files import replacing_file
from adafocus.errors import AdafocusError


def put_result(path: Path, key: str, content: dict[str, Any]) -> None:
    """Put one measurement into a file of results; the others stay as they are.

    Raises:
        AdafocusError: the file holds anything but measurements by key.
    """
    try:
        results = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise AdafocusError(f"{path} is no YAML ({error}). Repair it, or name another --out.") from error
    if not isinstance(results, dict):
        raise AdafocusError(f"{path} holds no measurements by key. Repair it, or name another --out.")
    text = yaml.safe_dump({**results, key: content}, sort_keys=False, width=120, default_flow_style=None)
    with replacing_file(path) as beside:
        beside.write_text(text, encoding="utf-8")
