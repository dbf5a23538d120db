"""The process that uses malformed inputs, one after the other. It may crash, so it says first what it will do."""

from __future__ import annotations

import os
import resource
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from adafocus.errors import AdafocusError
from tests.fuzzing.kind import Kind, LeftBehind

_ROOM = "tests.fuzzing.kinds"
# each in a module that is imported where it is used: some need torch
KINDS = {
    "media": f"{_ROOM}.media:Media",
    "zip": f"{_ROOM}.zips:Zips",
    "manifest": f"{_ROOM}.manifests:Manifests",
    "golden": f"{_ROOM}.golden:GoldenArrays",
    "arrays": f"{_ROOM}.arrays:Arrays",
    "lists": f"{_ROOM}.lists:ClipLists",
    "checkpoints": f"{_ROOM}.checkpoints:Checkpoints",
    "recipes": f"{_ROOM}.recipes:Recipes",
    "graph": f"{_ROOM}.graphs:Graphs",
}
# more than any answer needs; an input that asks for more meets a MemoryError, not the machine's end
MAX_MEMORY_BYTES = 12 << 30
MAX_FILE_BYTES = 4 << 30


@dataclass(frozen=True)
class Outcome:
    """What the program made of one input.

    Attributes:
        number: which input.
        done: in words, what was done to it.
        result: ``answer``, ``sentence``, ``traceback``, ``leftovers``, ``hang`` or ``crash``.
        text: the sentence, the traceback, or what was left.
        seconds: how long it took by the clock.
        processor_s: and how many seconds of all processors; on a busy machine the clock runs on without them.
    """

    number: int
    done: str
    result: str
    text: str = ""
    seconds: float = 0.0
    processor_s: float = 0.0


def serve(pipe: Connection, name: str, seed: int, bundle: Path, clips: Sequence[Path], place: Path) -> None:
    """Take numbers from a pipe; give back what was made of each, and then what became of it."""
    # Ctrl-C is for the campaign, which ends its workers
    os.setsid()
    os.dup2(os.open(place / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))
    os.environ["TMPDIR"] = tempfile.tempdir = str(place / "temporary")
    Path(tempfile.tempdir).mkdir()
    # torch keeps a folder of its own for what it compiles
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(place / "inductor")
    (place / "inductor").mkdir()
    try:
        kind = _kind(name, bundle, place, clips)
    except BaseException:
        pipe.send(traceback.format_exc())
        raise
    pipe.send("ready")
    while (number := pipe.recv()) is not None:
        done, path = kind.make(np.random.default_rng((seed, number)), number)
        pipe.send(done)
        pipe.send(_outcome(kind, number, done, path, place))


def _kind(name: str, bundle: Path, place: Path, clips: Sequence[Path]) -> Kind:
    module, _, noun = KINDS[name].partition(":")
    made = getattr(import_module(module), noun)
    kind: Kind = made(bundle, place, list(clips)) if name == "media" else made(bundle, place)
    return kind


def _outcome(kind: Kind, number: int, done: str, path: Path, place: Path) -> Outcome:
    started, used = time.perf_counter(), time.process_time()
    before = sorted(place.iterdir())
    try:
        kind.use(path)
        result, text = "answer", ""
    except AdafocusError as error:
        result, text = "sentence", str(error)
    except LeftBehind as error:
        result, text = "leftovers", str(error)
    except BaseException:
        result, text = "traceback", traceback.format_exc()
    seconds, processor_s = time.perf_counter() - started, time.process_time() - used
    left = [*(place / "temporary").iterdir(), *(entry for entry in place.iterdir() if entry not in before)]
    if left and result not in ("traceback", "leftovers"):
        result, text = "leftovers", ", ".join(map(str, left))
    return Outcome(number, done, result, text, seconds, processor_s)
