"""A kind of input that crashes, hangs and leaves files behind, to see that the campaign notices."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzzing import worker


class Faulty:
    """Stands in for a kind whose inputs do what the campaign must notice."""

    def __init__(self, bundle: Path, place: Path) -> None:
        self._place = place

    def make(self, rng: np.random.Generator, number: int) -> tuple[str, Path]:
        return f"fault {number}", self._place / str(number)

    def use(self, path: Path) -> None:
        faults: dict[str, Any] = {
            "0": lambda: None,
            "1": lambda: os.abort(),
            "2": lambda: time.sleep(60),
            "3": lambda: dict[str, int]()["missing"],
            "4": lambda: path.write_text("left"),
        }
        faults[path.name]()


def serve_faulty(*arguments: Any) -> None:
    """Serve in the worker, where the table has one kind more."""
    worker.KINDS["faulty"] = "tests.fuzzing.faulty:Faulty"
    worker.serve(*arguments)
