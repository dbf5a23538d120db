"""What a kind of malformed input is: it makes one by number, and hands it to the program as a user would."""

from __future__ import annotations

import io
import json
import os
import shutil
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Protocol

import numpy as np

from adafocus.edge.bundle.bundle import MANIFEST, Bundle
from adafocus.edge.bundle.files import sha256_of
from adafocus.edge.cli import REFUSED
from adafocus.edge.cli import run as run_program
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.selftest import check_golden, golden_answers, golden_clip
from adafocus.errors import AdafocusError

RUNTIME = "litert"


class LeftBehind(Exception):
    """A file that a refused or finished run must not leave."""


class Kind(Protocol):
    """One kind of malformed input."""

    def make(self, rng: np.random.Generator, number: int) -> tuple[str, Path]:
        """Make an input: in words what was done, and where it stands."""
        ...

    def use(self, path: Path) -> None:
        """Hand it to the program. AdafocusError is an answer to it; any other exception is a mistake."""
        ...


def program(*arguments: object) -> None:
    """Run the program in this process; what it refuses by a sentence is raised as one.

    Raises:
        AdafocusError: with the sentence.
        RuntimeError: another exit code than that of a sentence.
    """
    said = io.StringIO()
    with redirect_stderr(said), redirect_stdout(io.StringIO()):
        code = run_program([str(argument) for argument in arguments])
    if code == REFUSED:
        raise AdafocusError(said.getvalue().strip().rpartition("adafocus: ")[2])
    if code:
        raise RuntimeError(f"exit code {code}: {said.getvalue()}")


def train(place: Path, recipe: Path, clips: Path, *arguments: object) -> None:
    """Train a network for no step in an empty folder, as far as the input lets it.

    Raises:
        AdafocusError: the sentence with which it was refused.
        LeftBehind: hidden files, or a network although it was refused.
    """
    folder, cache = place / "run", place / "cache"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    out = folder / "out.safetensors"
    places = ("--work", folder / "work", "--cache", cache, "--out", out)
    refused = True
    try:
        program("train", recipe, "--clips", clips, *places, "--epochs", 0, *arguments)
        refused = False
    finally:
        left = [path for root in (folder, cache) for path in root.rglob(".*") if path.is_file()]
        left += [out] if refused and out.exists() else []
        if left:
            raise LeftBehind(", ".join(map(str, left)))


def small_bundle(bundle: Path, place: Path, runtime: str = RUNTIME) -> Path:
    """Make a copy of a bundle with the graphs of one runtime, made of hard links where the disk allows it."""
    content = json.loads((bundle / MANIFEST).read_text(encoding="utf-8"))
    content["stages"] = {stage: {runtime: graphs[runtime]} for stage, graphs in content["stages"].items()}
    golden = content["golden"]
    golden["runtime"] = runtime
    records = [*(graphs[runtime] for graphs in content["stages"].values()), golden["frames"], golden["answers"]]
    for record in records:
        target = place / record["file"]
        target.parent.mkdir(parents=True, exist_ok=True)
        link(bundle / record["file"], target)
    (place / MANIFEST).write_text(json.dumps(content), encoding="utf-8")
    return place


# ways to look that earlier bundles do not know, as fields of a geometry
LOOKING: tuple[dict[str, object], ...] = (
    {"boxes_in": "frame", "glance_fit": "padded", "focus_span": "densest", "box_min": 0.5},
    {"boxes_in": "frame", "glance_fit": "squeezed", "policy": "motion", "focus_span": "spread", "box_min": 0.5},
)


def small_bundles(bundle: Path, place: Path) -> list[Path]:
    """Make copies of a bundle: one that looks as it does, and one for each of :data:`LOOKING`, with right answers."""
    made = [small_bundle(bundle, place / "bundle")]
    for number, looking in enumerate(LOOKING):
        made.append(small_bundle(bundle, place / f"bundle{number}"))
        _look(made[-1], looking)
    return made


def _look(bundle: Path, looking: dict[str, object]) -> None:
    """Let a bundle look otherwise; its golden squares are whole frames then."""
    content = json.loads((bundle / MANIFEST).read_text(encoding="utf-8"))
    content["geometry"].update(looking)
    if looking.get("policy") == "motion":
        del content["stages"]["policy"]
    (bundle / MANIFEST).write_text(json.dumps(content), encoding="utf-8")
    with Bundle.open(bundle) as opened:
        clip = golden_clip(opened)
        prediction = Recognizer.open(opened, RUNTIME, 1).recognize_clip(clip)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **golden_answers(clip, prediction, opened.manifest))  # type: ignore[arg-type]
    replace_file(bundle, content["golden"]["answers"], buffer.getvalue())
    content["golden"]["label"] = prediction.label
    (bundle / MANIFEST).write_text(json.dumps(content), encoding="utf-8")
    with Bundle.open(bundle) as opened:
        broken = check_golden(opened, Recognizer.open(opened, RUNTIME, 1)).broken
    if broken:
        raise RuntimeError(f"a bundle that looks otherwise gives other answers: {broken}")


def link(source: Path, target: Path) -> None:
    """Let a file stand in a second place; nobody writes into it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def replace_file(bundle: Path, record: dict, content: bytes) -> None:
    """Put other bytes in the place of a file of a bundle, and the right size and hash into its record."""
    path = bundle / record["file"]
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    record.update(sha256=sha256_of(path), bytes=max(1, len(content)))


def answer(path: Path, runtime: str = RUNTIME) -> None:
    """All that a user does with a bundle: open it, and let it answer its golden clip."""
    with Bundle.open(path) as bundle:
        check_golden(bundle, Recognizer.open(bundle, runtime, 1))
