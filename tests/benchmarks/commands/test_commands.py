"""Whole commands: their time, their memory with that of their children, and those that fail."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from adafocus.errors import AdafocusError
from benchmarks.commands.__main__ import HERE, Commands, measure

HOLDS = "import time; held = bytearray(b'1' * {size}); time.sleep(0.6)"
STARTS = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLDS.format(size=60_000_000)!r}])"


def test_time_is_that_of_the_whole_process_in_turns(tmp_path: Path) -> None:
    sides = {name: Commands(HERE, tmp_path / name) for name in ("before", "now")}
    sleeps = {"before": 0.3, "now": 0.0}
    seen: list[str] = []

    def command(of: Commands) -> list[str]:
        side = next(name for name, one in sides.items() if one is of)
        seen.append(side)
        return [sys.executable, "-c", f"import time; time.sleep({sleeps[side]})"]

    found = measure({"sleep": (command, 2)}, sides)["sleep"]
    assert seen == ["before", "now"] * 2
    assert found["before_s"] > 0.3
    assert found["now_s"] > 0


def test_memory_is_that_of_all_processes_of_a_command(tmp_path: Path) -> None:
    found = Commands(HERE, tmp_path / "here").peak_bytes([sys.executable, "-c", STARTS])
    assert 60e6 < found < 150e6


def test_a_command_that_fails_says_what_it_said(tmp_path: Path) -> None:
    here = Commands(HERE, tmp_path / "here")
    with pytest.raises(AdafocusError, match=r"ended with 2; it said: .*there is no such file"):
        here.timed([sys.executable, "-c", "import sys; print('there is no such file', file=sys.stderr); sys.exit(2)"])


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdafocusError, match="no checkout"):
        Commands(tmp_path, tmp_path / "work")


def test_the_program_is_that_of_the_checkout(tmp_path: Path) -> None:
    here = Commands(HERE, tmp_path / "here")
    assert here.adafocus("export", "--out", "{work}/bundle")[-1] == str(tmp_path / "here" / "bundle")
    assert here.timed(here.adafocus("--version")) > 0
