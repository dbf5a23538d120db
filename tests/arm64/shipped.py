"""A bundle of the shipped model: the one that is given, one that is there and current, or one that is made and kept.

    python tests/arm64/shipped.py [BUNDLE]

Prints its path, and what it does meanwhile to standard error.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from adafocus.apps.demo.videos import MODEL, OUT, TEST
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.files import sha256_of
from adafocus.errors import AdafocusError
from tests.arm64.trees import CACHE, ROOT

PROGRAM = Path(sys.executable).parent / "adafocus"


def shipped(given: str | None) -> Path:
    """Its path.

    Raises:
        AdafocusError: what is given is no bundle, or the model cannot be converted.
    """
    if given:
        Bundle.open(given)
        return Path(given).resolve()
    made = CACHE / "bundle"
    for path in (OUT / "bundle", made):
        if is_current(path):
            return path
    print("converting the shipped model, once ...", file=sys.stderr)
    verify = [word for video in TEST.fetch() for word in ("--verify", str(video))]
    command = [str(PROGRAM), "export", str(MODEL), "--device", "pi", "--out", str(made), *verify]
    if subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False).returncode:
        raise AdafocusError("The shipped model cannot be converted. Give a bundle: make test-arm64 BUNDLE=path")
    return made


def is_current(path: Path) -> bool:
    """Whether a bundle is one of the shipped model and answers here what it says."""
    try:
        if Bundle.open(path).manifest.provenance.model_sha256 != sha256_of(MODEL):
            return False
    except AdafocusError:
        return False
    return subprocess.run([PROGRAM, "selftest", path], cwd=ROOT, capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    try:
        print(shipped(sys.argv[1] if len(sys.argv) > 1 else None))
    except AdafocusError as error:
        print(f"test-arm64: {error}", file=sys.stderr)
        raise SystemExit(2) from error
