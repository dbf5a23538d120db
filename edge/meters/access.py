"""What meters are read by: small files that the kernel shows, and optional packages; or a sentence on why not."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from adafocus.errors import MeterError, ShutMeterError

INSTALL = 'pip install "adafocus-edge[energy]"'
AS_ROOT = "run it as root: sudo adafocus ..."


def text_of(path: Path) -> str | None:
    """Return the text of a file, a question mark for all that no terminal shows; None where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
    return "".join(character if character.isprintable() else "?" for character in text)


def number_of(path: Path, allow: str = AS_ROOT) -> float:
    """Return the number in a file.

    Args:
        path: of the file.
        allow: what lets this user read it.

    Raises:
        ShutMeterError: it is shut, does not answer, or holds no number.
        MeterError: it is not there.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError as error:
        raise MeterError(f"{path} is not there. Is the sensor's driver loaded?") from error
    except PermissionError as error:
        raise ShutMeterError(f"{path} cannot be read, allow it: {allow}") from error
    except OSError as error:
        raise ShutMeterError(f"{path} cannot be read ({error.strerror}), allow it: {allow}") from error
    try:
        return float(text)
    except ValueError as error:
        raise ShutMeterError(f"{path} holds {text[:40]!r}, expected a number. Read it once more.") from error


def values_of(readers: Mapping[str, Callable[[], float]], needed: Collection[str]) -> dict[str, float]:
    """Read every rail; one that is not needed for the whole and does not answer is NaN.

    Args:
        readers: what reads a rail, by its name.
        needed: names of the rails without which there is no whole.

    Raises:
        MeterError: a needed one does not answer.
    """
    found = {}
    for name, read in readers.items():
        try:
            found[name] = read()
        except MeterError:
            if name in needed:
                raise
            found[name] = math.nan
    return found


def package(module: str, distribution: str) -> Any:
    """Import a package that the extra ``energy`` brings.

    Args:
        module: what is imported.
        distribution: what is installed.

    Raises:
        MeterError: it is not installed.
        ShutMeterError: it is installed and does not load.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise MeterError(f"The package {distribution} is not installed. Install it: {INSTALL}") from error
    except Exception as error:
        # a native library raises whatever it likes when it does not fit the system
        said = " ".join(str(error).split())[:200]
        raise ShutMeterError(
            f"The package {distribution} is installed, but does not load here: {said}. Install it again: "
            f"{INSTALL.replace('install', 'install --force-reinstall')}"
        ) from error
