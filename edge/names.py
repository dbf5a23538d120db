"""Names of files inside a bundle: plain, relative, and the same file on every system that a bundle is copied to."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

# Windows reads "a:b" as a drive or as a stream of another file
FORBIDDEN = ("\\", ":")
MOST_PART_BYTES = 255
MOST_NAME_BYTES = 1024


def unsafe(name: str) -> str | None:
    """Why a name must not be used inside a bundle, or None: ``which lies outside it``, ``which ...``."""
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or any(mark in name for mark in FORBIDDEN):
        return "which lies outside it"
    if not name or "" in parts or "." in parts:
        return "which is no plain file name"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        return "which holds control characters"
    if len(name.encode()) > MOST_NAME_BYTES or any(len(part.encode()) > MOST_PART_BYTES for part in parts):
        return "which is too long for a file name"
    return None


def collision(names: Iterable[str]) -> str | None:
    """The first name that stands for a file another one stands for, or for a folder of another one; None if none.

    Systems that ignore case, or that spell an accent in another way, would put both into one file.
    """
    seen: dict[str, str] = {}
    folders: dict[str, str] = {}
    for name in names:
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        if key in seen or key in folders:
            return name
        seen[key] = name
        parts = key.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if folder in seen:
                return name
            folders[folder] = name
    return None
