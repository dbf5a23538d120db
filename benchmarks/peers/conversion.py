"""Make files in processes of their own, since a converter may fail or die; keep them with what they predict."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import re
import signal
import time
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from adafocus.calibration.report_file import write_report
from adafocus.edge.bundle.files import sha256_of
from benchmarks.peers.makers import MAKERS, Given, Maker
from benchmarks.peers.opened import open_file
from benchmarks.peers.subjects import SUBJECTS, Subject, Views

PACKAGES = (
    "torch",
    "torchao",
    "litert-torch",
    "ai-edge-quantizer",
    "ai-edge-litert",
    "executorch",
    "onnx",
    "onnxscript",
    "onnxruntime",
)
MAX_SENTENCE = 240


@dataclass(frozen=True)
class Task:
    """One file to make.

    Attributes:
        subject: place in :data:`~benchmarks.peers.subjects.SUBJECTS`.
        maker: place in :data:`~benchmarks.peers.makers.MAKERS`.
        weights: file of published weights.
        views: file of clips.
        kept: folder of everything that is kept.
    """

    subject: int
    maker: int
    weights: Path
    views: Path
    kept: Path

    @property
    def of(self) -> Subject:
        """The network."""
        return SUBJECTS[self.subject]

    @property
    def by(self) -> Maker:
        """Who makes the file."""
        return MAKERS[self.maker]

    @property
    def before(self) -> Task | None:
        """The task whose file this one takes; None where it takes the network itself."""
        places = [place for place, maker in enumerate(MAKERS) if maker.name == self.by.after]
        return replace(self, maker=places[0]) if places else None

    @property
    def title(self) -> str:
        """The network and who makes the file."""
        return f"{self.of.name}, {self.by.name}, {self.by.precision}"

    @property
    def folder(self) -> Path:
        """Where the file and its outcome are kept; another weight, clip or version of a library gives another one."""
        key = json.dumps([self.title, sha256_of(self.weights), self.views.name, versions()])
        name = re.sub(r"\W+", "-", self.title.lower())
        return self.kept / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"

    @property
    def file(self) -> Path:
        """The file itself."""
        return self.folder / f"network{self.by.suffix}"

    @property
    def outcome(self) -> Path:
        """What became of it."""
        return self.folder / "outcome.json"


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Attributes:
        error: why there is no file, or why it cannot run; empty where it runs.
        logits: ``(n, K)`` of the clips; None where there are none.
        seconds: that the conversion took.
    """

    error: str = ""
    logits: NDArray[np.float32] | None = None
    seconds: float = 0.0


def versions() -> dict[str, str]:
    """Return the versions of the libraries that decide what is made."""
    return {name: version(name) for name in PACKAGES}


def known(task: Task, limit_s: float) -> Outcome | None:
    """Return the outcome of an earlier run; None where there is none, or where it was stopped after less time."""
    if not task.outcome.exists():
        return None
    found = json.loads(task.outcome.read_text(encoding="utf-8"))
    if found["stopped"] and found["seconds"] < limit_s:
        return None
    logits = task.folder / "logits.npy"
    return Outcome(found["error"], np.load(logits) if logits.exists() else None, found["seconds"])


def convert(task: Task, limit_s: float) -> Outcome:
    """Make a file and let it predict, in a process of its own that may take so many seconds; keep what became of it."""
    task.folder.mkdir(parents=True, exist_ok=True)
    task.outcome.unlink(missing_ok=True)
    began = time.perf_counter()
    process = multiprocessing.get_context("spawn").Process(target=work, args=(task,))
    process.start()
    process.join(limit_s)
    if process.is_alive():
        process.kill()
        process.join()
        doing = "while its file ran on the clips" if task.file.exists() else "without a file"
        _note(task, f"stopped after {limit_s / 60:.0f} minutes, {doing}", time.perf_counter() - began, stopped=True)
    elif not task.outcome.exists():
        _note(task, death_in_words(process.exitcode or 0), time.perf_counter() - began)
    found = known(task, 0.0)
    if found is None:
        raise RuntimeError(f"nothing was noted in {task.outcome}")
    return found


def death_in_words(exit_code: int) -> str:
    """Say how a process ended that noted nothing."""
    if exit_code >= 0:
        return f"its process ended with exit code {exit_code}"
    return f"its process died of {signal.Signals(-exit_code).name}"


def sentence_of(error: BaseException) -> str:
    """Return the kind and the first line of an error of somebody else's library, without folders of this machine."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or ["no message"]
    bare = re.sub(r"(?:/[\w.+-]+)+/|(?:[\w.+-]+/){2,}", "", lines[0])
    return f"{type(error).__name__}: {bare}"[:MAX_SENTENCE]


def work(task: Task) -> None:
    """Make one file, let it predict and note what became of it; what libraries print goes to ``log.txt`` beside it."""
    with (task.folder / "log.txt").open("wb") as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
    torch.set_num_threads(1)
    began, views = time.perf_counter(), Views.read(task.views)
    try:
        source = None if task.before is None else task.before.file
        task.by.make(Given(task.of, task.weights, views, source), task.file)
        seconds = time.perf_counter() - began
        bind = open_file(task.by.runtime, task.file, 1)
        logits = [bind(clip.numpy())() for clip in task.of.inputs(views, "val")]
    except Exception as error:
        # every library has errors of its own kind, and each is a row
        _note(task, sentence_of(error), time.perf_counter() - began)
        raise
    np.save(task.folder / "logits.npy", np.stack(logits))
    _note(task, "", seconds)


def _note(task: Task, error: str, seconds: float, *, stopped: bool = False) -> None:
    """Write what became of a task."""
    content: dict[str, Any] = {"title": task.title, "error": error, "seconds": round(seconds, 1), "stopped": stopped}
    write_report(task.outcome, content)
