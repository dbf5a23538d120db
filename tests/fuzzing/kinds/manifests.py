"""Manifests: every key of a real one in turn is removed, doubled, retyped or set to an extreme; some lose bytes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from adafocus.edge.bundle.bundle import MANIFEST
from tests.fuzzing.kind import answer, small_bundles
from tests.fuzzing.mutations import damage
from tests.fuzzing.structures import changed_json


class Manifests:
    """Bundles whose files are right and whose manifests are not; they look in several ways."""

    def __init__(self, bundle: Path, place: Path) -> None:
        self._bundles = small_bundles(bundle, place)
        self._texts = [(path / MANIFEST).read_text(encoding="utf-8") for path in self._bundles]

    def make(self, rng: np.random.Generator, number: int) -> tuple[str, Path]:
        """Bundles take turns, and numbers go through all keys; every fifth manifest loses or changes bytes instead."""
        turn = number % len(self._bundles)
        bundle, text = self._bundles[turn], self._texts[turn]
        if number % 5 == 4:
            name, content = damage(rng, text.encode())
        else:
            name, content = changed_json(rng, json.loads(text), number)
        (bundle / MANIFEST).write_bytes(content)
        return name, bundle

    def use(self, path: Path) -> None:
        """Open it and answer the golden clip."""
        answer(path)
