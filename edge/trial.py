"""A bundle tried in one runtime, in a process of its own: a crash of a native library is a sentence, not the end."""

from __future__ import annotations

import multiprocessing
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from adafocus.edge.bundle import Bundle
from adafocus.edge.golden import check_golden
from adafocus.edge.machine import peak_memory_bytes
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError

LIMIT_S = 300.0
KILLED = {signal.SIGKILL: "was killed, most likely because the memory was full"}


@dataclass(frozen=True)
class Trial:
    """How a bundle does in one runtime here.

    Attributes:
        runtime: its name.
        answers: whether it opens and gives the golden answers.
        problem: a sentence where it does not.
        peak_memory_bytes: of the process that answered, with interpreter and libraries; None where unknown.
        golden_ms: the golden clip without decoding, the first time.
    """

    runtime: str
    answers: bool
    problem: str | None = None
    peak_memory_bytes: int | None = None
    golden_ms: float | None = None

    @property
    def text(self) -> str:
        """In one line."""
        if not self.answers:
            return self.problem or "it does not answer"
        memory = f", {self.peak_memory_bytes / 1e6:.0f} MB of memory" if self.peak_memory_bytes else ""
        return f"runs, golden clip exact or within bounds{memory}"


def try_bundle(path: Path, runtime: str, threads: int = 1, limit_s: float = LIMIT_S) -> Trial:
    """Open a bundle in one runtime and let it answer its golden clip, in a new process.

    Args:
        path: of the bundle.
        runtime: one that is installed.
        threads: CPU threads of the runtime.
        limit_s: after so long it counts as hanging.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(theirs, str(path), runtime, threads), daemon=True)
    try:
        process.start()
    except OSError:
        # an emulator or a sandbox that starts no processes
        return attempt(path, runtime, threads)
    theirs.close()
    trial = None
    if ours.poll(limit_s):
        try:
            trial = ours.recv()
        except EOFError:
            # it ended without a word, and its exit code says how
            trial = None
    elif process.is_alive():
        process.kill()
        process.join()
        return Trial(runtime, False, f"it did not answer within {limit_s:.0f} s.")
    process.join()
    return trial or Trial(runtime, False, _ending(process.exitcode))


def attempt(path: Path, runtime: str, threads: int) -> Trial:
    """The same in this process."""
    try:
        bundle = Bundle.open(path)
        check = check_golden(bundle, Recognizer.open(bundle, runtime, threads))
    except AdafocusError as error:
        return Trial(runtime, False, str(error))
    except (ImportError, MemoryError, RuntimeError, ValueError) as error:
        # a package that is there and cannot be loaded, or whose library gives up: it is of another version
        return Trial(runtime, False, f"its package fails here: {type(error).__name__}: {error}.")
    memory = max(peak_memory_bytes().values(), default=None)
    if check.broken:
        return Trial(runtime, False, f"its golden clip: {'; '.join(check.broken)}.", memory)
    return Trial(runtime, True, None, memory, round(check.spent_ms["total"], 3))


def _child(answer: Connection, path: str, runtime: str, threads: int) -> None:
    answer.send(attempt(Path(path), runtime, threads))
    answer.close()


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        how = KILLED.get(signal.Signals(-code), f"crashed with {signal.Signals(-code).name}")
        return f"its process {how}. Another version of the package may run here."
    return f"its process ended with code {code} and no answer."
