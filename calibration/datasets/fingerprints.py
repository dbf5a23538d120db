"""Fingerprints of clips by content, so that a model can say on which clips it was made without holding them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from adafocus.calibration.datasets.cache import FrameCache
from adafocus.calibration.datasets.cache_entry import content_key

# key of a checkpoint's or a model's history
SEEN = "seen"
# by chance a pair agrees among 10,000 clips and 10,000 others in one of three million such sets
DIGITS = 12


def fingerprint(path: Path) -> str:
    """Return the first digits of a digest of a video's content; nothing where it cannot be read."""
    with suppress(OSError):
        return content_key(path)[:DIGITS]
    return ""


def joined(fingerprints: Iterable[str]) -> str:
    """Write fingerprints behind each other, each once and sorted."""
    return "".join(sorted(set(fingerprints) - {""}))


def parted(text: str) -> set[str]:
    """Undo :func:`joined`."""
    return {text[start : start + DIGITS] for start in range(0, len(text), DIGITS)}


def among(paths: Sequence[Path], seen: str) -> list[Path]:
    """Return the videos whose fingerprints stand in a text of :func:`joined`."""
    known = parted(seen)
    return [path for path in paths if fingerprint(path) in known] if known else []


def of_cache(cache: FrameCache, indices: Iterable[int]) -> set[str]:
    """Return the fingerprints of cached clips, whose digests are known already."""
    return {cache.content_key(int(index))[:DIGITS] for index in indices}


def in_history(history: Mapping[str, Any]) -> set[str]:
    """Return the fingerprints of all clips that a checkpoint or a model file was made with, as far as it says so."""
    training = history.get("training")
    before = in_history(training) if isinstance(training, Mapping) else set()
    return before | parted(str(history.get(SEEN) or ""))
