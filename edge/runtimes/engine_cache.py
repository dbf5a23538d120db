"""Engines that took minutes to build: kept by what they depend on, whole or not at all, and never too many.

An engine belongs to one file, one version of the builder, one device and one precision. Its file begins with a digest
of the rest, so that a damaged one is seen before a graphics processor gets it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from adafocus.edge.bundle.files import replacing_file
from adafocus.errors import AdafocusError

MAX_ENGINES = 24
MAX_BYTES = 1 << 30
SUFFIX = ".engine"
DIGEST_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True)
class EngineKey:
    """What an engine depends on.

    Attributes:
        file_sha256: of the graph's file.
        builder: name and version of the library that builds.
        device: name and compute capability of the graphics processor.
        precision: of the graph.
    """

    file_sha256: str
    builder: str
    device: str
    precision: str

    @property
    def file_name(self) -> str:
        """The name of its file."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest() + SUFFIX


def cache_folder() -> Path:
    """Return where engines are kept: below ``XDG_CACHE_HOME``, or ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "adafocus" / "engines"


class EngineCache:
    """A folder of engines.

    Attributes:
        folder: where.
        max_engines: the oldest ones are deleted where there are more.
        max_bytes: or where they are larger together.
    """

    def __init__(self, folder: Path | None = None, max_engines: int = MAX_ENGINES, max_bytes: int = MAX_BYTES) -> None:
        self.folder = cache_folder() if folder is None else folder
        self.max_engines, self.max_bytes = max_engines, max_bytes

    def get(self, key: EngineKey) -> bytes | None:
        """Return an engine; None where there is none, or where its file is damaged, which is deleted."""
        path = self.folder / key.file_name
        try:
            content = path.read_bytes()
        except OSError:
            return None
        digest, engine = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
        if not engine or hashlib.sha256(engine).digest() != digest:
            self.drop(key)
            return None
        with contextlib.suppress(OSError):
            # used last, deleted last
            os.utime(path)
        return engine

    def put(self, key: EngineKey, engine: bytes) -> None:
        """Keep an engine, and delete those used longest ago where there is no room for all.

        Raises:
            AdafocusError: the folder cannot be written to, or the disk is full.
        """
        path = self.folder / key.file_name
        with replacing_file(path) as beside:
            beside.write_bytes(hashlib.sha256(engine).digest() + engine)
        self._make_room(path)

    def drop(self, key: EngineKey) -> None:
        """Delete an engine that turned out to be of no use."""
        with contextlib.suppress(OSError):
            (self.folder / key.file_name).unlink()

    def get_or_build(self, key: EngineKey, build: Callable[[], bytes], tell: Callable[[str], None]) -> bytes:
        """Return an engine that is kept, or build it and keep it.

        Args:
            key: of the engine.
            build: makes it.
            tell: takes a sentence where it cannot be kept; it is used all the same.
        """
        kept = self.get(key)
        if kept is not None:
            return kept
        engine = build()
        try:
            self.put(key, engine)
        except (AdafocusError, OSError) as error:
            tell(f"The engine cannot be kept and will be built again next time. {error}")
        return engine

    def _make_room(self, newest: Path) -> None:
        """Delete the engines used longest ago, but never the newest, until the others fit."""
        found = []
        for path in self.folder.glob(f"*{SUFFIX}"):
            with contextlib.suppress(OSError):
                state = path.stat()
                found.append((path == newest, state.st_mtime, state.st_size, path))
        found.sort(key=lambda one: one[:2])
        total = sum(size for _, _, size, _ in found)
        while found and not found[0][0] and (len(found) > self.max_engines or total > self.max_bytes):
            _, _, size, path = found.pop(0)
            with contextlib.suppress(OSError):
                path.unlink()
            total -= size
