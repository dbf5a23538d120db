"""The protocol of a test: clips that nothing was chosen on, and a log of how often they were looked at.

A split is for training (``train``), for choosing recipes and thresholds (``val``), or else for testing. Only what a
model was never trained, validated or calibrated on is a test.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from adafocus.calibration.datasets import LabeledClip, read_sets
from adafocus.calibration.datasets.fingerprints import among, fingerprint, joined
from adafocus.calibration.datasets.labeled_clip import split_name
from adafocus.calibration.datasets.text_file import read_yaml
from adafocus.calibration.report_file import write_report
from adafocus.edge.bundle.manifest import Manifest
from adafocus.errors import AdafocusError

TRAINING, VALIDATION, TEST = "training", "validation", "test"
KINDS = {
    "train": TRAINING,
    "training": TRAINING,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "dev": VALIDATION,
}
TOUCHES = "touches"
GIT_LIMIT_S = 20


def kind_of(split: str) -> str:
    """Return what the clips of a split are for, by its name."""
    return KINDS.get(split_name(split), TEST)


def refuse_known(clips: Sequence[LabeledClip], clip_list: Path, seen: Sequence[Path], manifest: Manifest) -> None:
    """Refuse to call clips a test that the model, its thresholds or its recipe were made with.

    That no group and no copy of a clip is in another split of the list itself is checked where the list is read.

    Args:
        clips: of the test.
        clip_list: where they stand.
        seen: further clip sets that the model was made with. None of their groups and videos may be in the test.
        manifest: of the bundle, which says on which clips it was trained and calibrated.

    Raises:
        AdafocusError: one of them is known; the sentence names it.
    """
    if seen:
        read_sets([clip_list, *seen])
    calibration = manifest.exits.calibration
    split = clips[0].split
    if calibration is not None and (calibration.dataset, split_name(calibration.split)) == (clip_list.name, split):
        raise AdafocusError(
            f"The thresholds of the bundle were found on the split {calibration.split!r} of {calibration.dataset}, so "
            f"it is no test of it. Evaluate on clips that nothing was chosen on, or name this split 'val'."
        )
    paths = [clip.path for clip in clips]
    stages = {
        "trained or validated": manifest.provenance.seen,
        "calibrated": None if calibration is None else calibration.clips,
    }
    for done, known in stages.items():
        found = among(paths, known or "")
        if found:
            raise AdafocusError(
                f"{len(found)} of {len(paths)} clips of the split {split!r} are among those that the bundle was {done} "
                f"on, such as {found[0]}; that is no test. Take them out, or name the split 'val'."
            )


def record_touch(log: Path, clips: Sequence[LabeledClip], clip_list: Path, model: str, sha256: str) -> dict[str, Any]:
    """Note in a log that a test was run, and return what the evaluation says of it.

    Args:
        log: a YAML file, made where there is none.
        clips: of the whole split.
        clip_list: where they stand.
        model: name of the bundle.
        sha256: of its graphs.

    Returns:
        ``split``, ``date`` in UTC and ``commit`` of the code, how often these clips were ``touched``, this time
        included, and how often of that with this model.

    Raises:
        AdafocusError: the file is no such log, or cannot be written.
    """
    touches = read_touches(log)
    now = {
        "clip_list": clip_list.name,
        "split": clips[0].split,
        "clips": hashlib.sha256(joined(fingerprint(clip.path) for clip in clips).encode()).hexdigest(),
        "model": model,
        "graphs_sha256": sha256,
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": code_version(),
    }
    write_report(log, {TOUCHES: [*touches, now]})
    same = [touch for touch in (*touches, now) if touch.get("clips") == now["clips"]]
    return {
        "kind": TEST,
        "split": now["split"],
        "date": now["date"],
        "commit": now["commit"],
        "touched": len(same),
        "by_this_model": sum(touch.get("graphs_sha256") == sha256 for touch in same),
    }


def read_touches(log: Path) -> list[dict[str, Any]]:
    """Read a log; empty where there is none yet.

    Raises:
        AdafocusError: it is something else.
    """
    if not log.exists():
        return []
    try:
        content = read_yaml(log)
    except (OSError, ValueError) as error:
        raise AdafocusError(f"The log {log} cannot be read ({error}). Repair it.") from error
    touches = content.get(TOUCHES) if isinstance(content, dict) else None
    if not isinstance(touches, list) or not all(isinstance(touch, dict) for touch in touches):
        raise AdafocusError(f"{log} is no log of tests, expected the key {TOUCHES}. Give another --touch-log.")
    return touches


def code_version() -> str:
    """Return the commit of the checkout that this code is of, with ``-dirty`` after changes; else the version."""
    root = Path(__file__).resolve().parents[2]
    commit = _git(root, "rev-parse", "HEAD") if (root / ".git").exists() else None
    if commit is None:
        return f"adafocus-edge {version('adafocus-edge')}"
    return f"{commit}-dirty" if _git(root, "status", "--porcelain", "--untracked-files=no") else commit


def _git(root: Path, *words: str) -> str | None:
    """Return what git says of a checkout; None where it says nothing."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, check=True, timeout=GIT_LIMIT_S
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
