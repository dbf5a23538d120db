"""Graph files with the right hash and damaged content: somebody changed them on purpose, or converted them wrongly."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from adafocus.edge.bundle.bundle import MANIFEST, Bundle
from adafocus.edge.bundle.manifest import STAGES
from adafocus.edge.selftest import try_bundle
from adafocus.errors import AdafocusError
from tests.fuzzing.kind import link, replace_file, small_bundle
from tests.fuzzing.mutations import damage

RUNTIMES = ("litert", "onnx")
# these formats describe their operators at the beginning or at the end; between them lie the weights
EDGE_BYTES = 60_000


class Graphs:
    """A bundle in which one graph is damaged, under its right hash."""

    def __init__(self, bundle: Path, place: Path) -> None:
        self._whole = bundle
        held = json.loads((bundle / MANIFEST).read_text(encoding="utf-8"))["stages"][STAGES[0]]
        self._runtimes = [name for name in RUNTIMES if name in held]
        self._bundles = {name: small_bundle(bundle, place / name, name) for name in self._runtimes}
        self._texts = {name: (path / MANIFEST).read_text(encoding="utf-8") for name, path in self._bundles.items()}
        self._runtime = self._runtimes[0]

    def make(self, rng: np.random.Generator, number: int) -> tuple[str, Path]:
        """Runtimes and stages take turns."""
        self._runtime = runtime = self._runtimes[number % len(self._runtimes)]
        bundle, content = self._bundles[runtime], json.loads(self._texts[runtime])
        for graphs in content["stages"].values():
            name = graphs[runtime]["file"]
            (bundle / name).unlink(missing_ok=True)
            link(self._whole / name, bundle / name)
        stage = STAGES[number // len(self._runtimes) % len(STAGES)]
        record = content["stages"][stage][runtime]
        right = (bundle / record["file"]).read_bytes()
        way, wrong = damage(rng, right, ((0, EDGE_BYTES), (len(right) - EDGE_BYTES, len(right))))
        replace_file(bundle, record, wrong)
        (bundle / MANIFEST).write_text(json.dumps(content), encoding="utf-8")
        return f"{record['file']}: {way}", bundle

    def use(self, path: Path) -> None:
        """Try it as ``adafocus doctor BUNDLE`` does, in a process of its own, which may crash."""
        Bundle.open(path).close()
        found = try_bundle(path, self._runtime)
        if not found.answers:
            raise AdafocusError(f"{self._runtime}: {found.problem}")
