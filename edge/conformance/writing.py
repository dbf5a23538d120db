"""Writes all vectors into one folder: a file for each room of the rules, and an index with their digests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from adafocus.edge.bundle.files import replacing_directory, sha256_of
from adafocus.edge.conformance import bundles, clips, cutting, looking, sampling, streams, tensors
from adafocus.edge.conformance.material import Record
from adafocus.errors import AdafocusError

FORMAT, VERSION = "adafocus-conformance-vectors", 1
INDEX = "index.json"
RULES = {
    "sampling": sampling.vectors,
    "looking": looking.vectors,
    "cutting": cutting.vectors,
    "tensors": tensors.vectors,
    "streams": streams.vectors,
    "clips": clips.vectors,
    "bundles": bundles.vectors,
}
GOLDEN = "golden"
# relative: of numbers that are told to 10 digits, and of floats that a runtime gives
TOLERANCES = {"numbers": 1e-9, "outputs": 1e-4}


def write_vectors(out: Path, paths: Sequence[Path]) -> dict[str, int]:
    """Write vectors; the same versions of this program give the same bytes.

    Args:
        out: folder to make; older vectors there are replaced, anything else is not.
        paths: of bundles that answer one clip each.

    Returns:
        How many vectors each file has.

    Raises:
        AdafocusError: something else stands there, or a bundle cannot be opened or run.
    """
    if out.exists() and not (out.is_dir() and ((out / INDEX).is_file() or not any(out.iterdir()))):
        raise AdafocusError(
            f"{out} exists and holds no vectors, so it is not replaced. Name a new folder: adafocus vectors OUT"
        )
    found = {name: make() for name, make in RULES.items()}
    if paths:
        found[GOLDEN] = [vector for path in paths for vector in clips.golden_vectors(path)]
    with replacing_directory(out, INDEX) as folder:
        for name, vectors in found.items():
            _write(folder / f"{name}.json", vectors)
        files = [
            {"file": f"{name}.json", "vectors": len(vectors), "sha256": sha256_of(folder / f"{name}.json")}
            for name, vectors in found.items()
        ]
        index = {"format": FORMAT, "version": VERSION, "tolerances": TOLERANCES, "files": files}
        (folder / INDEX).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    return {name: len(vectors) for name, vectors in found.items()}


def _write(path: Path, vectors: Sequence[Record]) -> None:
    """Write one file, a vector a line."""
    lines = ",\n".join(
        json.dumps(vector, separators=(",", ":"), ensure_ascii=False, allow_nan=False) for vector in vectors
    )
    path.write_text(f'{{"format":"{FORMAT}","version":{VERSION},"vectors":[\n{lines}\n]}}\n', encoding="utf-8")
