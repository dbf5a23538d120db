"""The program as a user starts it, and what its refusals look like."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

PROGRAM = Path(sys.executable).parent / "adafocus"
Call = Callable[..., "subprocess.CompletedProcess[str]"]
RUN_LIMIT_S = 120


class Done(NamedTuple):
    """How a run of the program within this process ended."""

    returncode: int
    stdout: str
    stderr: str


CallHere = Callable[..., Done]


def assert_one_sentence(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Check for exit code 2 and one line that starts with the program's name and holds the words."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("adafocus: ")
    for word in words:
        assert word in lines[0]


def edit_manifest(bundle: Path, change: Callable[[dict], None]) -> None:
    path = bundle / "manifest.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
