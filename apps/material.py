"""What the experiments share: clips from a list, and a plot's canvas."""

from __future__ import annotations

import csv
from importlib import import_module
from pathlib import Path
from typing import Any

from adafocus.errors import AdafocusError


def read_list(path: Path, split: str) -> list[Path]:
    """Videos of one split of a clip list.

    Raises:
        AdafocusError: no such list, or nothing in it.
    """
    if not path.is_file():
        raise AdafocusError(f"There is no clip list at {path}. Give the path of a CSV with the columns path and split.")
    with path.open(newline="", encoding="utf-8") as file:
        found = [path.parent / row["path"] for row in csv.DictReader(file) if row["split"] == split]
    if not found:
        raise AdafocusError(f"{path} lists no clip of split {split!r}. Check the split column.")
    return found


def figure(**settings: Any) -> Any:
    """An empty matplotlib figure.

    Raises:
        AdafocusError: matplotlib is not installed.
    """
    try:
        return import_module("matplotlib.figure").Figure(**settings)
    except ModuleNotFoundError as error:
        raise AdafocusError('the plot needs matplotlib. Install it: pip install "matplotlib==3.10.*"') from error
