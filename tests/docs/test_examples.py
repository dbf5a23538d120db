"""What the pages and the docstrings show can be typed: it is run, or at least every option of it is known."""

from __future__ import annotations

import doctest
import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

import adafocus
from adafocus.apps.camera.board import JETSON, PI, Board
from adafocus.apps.camera.program import command_of
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.cli import program
from tests.docs.examples import PAGES, ROOT, Command, commands_of, python_of
from tests.helpers.program import PROGRAM, RUN_LIMIT_S

COMMANDS = list(dict.fromkeys(command for page in PAGES for command in commands_of(page)))
PROGRAM_NAME, MODULE_CALL = "adafocus", ("python", "-m")
# verbs that answer within seconds, on files that the folder of the examples holds
QUICK = ("run", "stream", "inspect", "selftest", "doctor")
GIVEN = ("bundle", "video.mp4", "*.mp4")
WITH_DOCTESTS = sorted({*adafocus._HOMES.values(), "adafocus.edge.budget.costs", "adafocus.edge.budget.joules"})


@pytest.fixture
def folder(tmp_path: Path, shipped_bundle: Bundle, real_videos: list[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the folder that the examples are typed in: it holds ``bundle`` and ``video.mp4``."""
    (tmp_path / "bundle").symlink_to(shipped_bundle.path.resolve())
    shutil.copy(next(path for path in real_videos if path.name == "bikes.mp4"), tmp_path / "video.mp4")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", [page for page in PAGES if python_of(page)], ids=lambda page: page.name)
def test_the_python_of_a_page_runs(page: Path, folder: Path) -> None:
    script = folder / "example.py"
    script.write_text(python_of(page), encoding="utf-8")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=RUN_LIMIT_S)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("name", WITH_DOCTESTS)
def test_the_examples_of_docstrings_hold(name: str, folder: Path) -> None:
    results = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert results.failed == 0


def test_the_public_names_have_examples(folder: Path) -> None:
    finder = doctest.DocTestFinder()
    found = {
        test.name for name in WITH_DOCTESTS for test in finder.find(importlib.import_module(name)) if test.examples
    }
    assert {name.rsplit(".", 1)[-1] for name in found} >= {"Recognizer", "read_clip", "Budget"}


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.words[0] == PROGRAM_NAME], ids=lambda one: one.text)
def test_every_option_of_a_command_is_known(command: Command) -> None:
    verb = program.get_command(click.Context(program), command.words[1])
    assert verb is not None, f"there is no verb {command.words[1]!r}"
    verb.make_context(command.words[1], list(command.words[2:]))


@pytest.mark.parametrize("command", [one for one in COMMANDS if "benchmarks." in one.text], ids=lambda one: one.text)
def test_every_option_of_a_benchmark_is_known(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in GIVEN[:2]:
        (tmp_path / name).touch()
    assert command.words[:2] == MODULE_CALL
    name = command.words[2]
    module = importlib.import_module(name)
    if hasattr(module, "__path__"):
        # python -m starts a package by this module of it
        module = importlib.import_module(f"{name}.__main__")
    module.main.make_context(name, list(command.words[3:]))


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.words[0] == "make"], ids=lambda one: one.text)
def test_the_makefile_has_what_pages_tell_to_make(command: Command) -> None:
    rules = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert all(word in rules or "=" in word for word in command.words[1:])


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.words[0] not in ("make", PROGRAM_NAME)])
def test_other_commands_are_few(command: Command) -> None:
    first, second, *_ = command.words
    assert command.words[:2] in (("pip", "install"), MODULE_CALL, ("git", "config")) or (
        first == "sh" and (ROOT / second).is_file()
    )


@pytest.mark.parametrize("board", [PI, JETSON], ids=lambda board: board.name)
def test_every_option_of_a_board_is_known(board: Board) -> None:
    commands = [one for one in COMMANDS if one.words[:3] == (*MODULE_CALL, board.module)]
    assert commands
    for command in commands:
        command_of(board).make_context(board.module, list(command.words[3:]))


def _runs(command: Command) -> bool:
    _, verb, *words = command.words
    paths = words[: 2 if verb in ("run", "stream") else 1]
    # whether a budget in ms or J can be met depends on the machine
    anywhere = not any(word.endswith(("ms", "J")) for word in words)
    return verb in QUICK and bool(paths) and set(paths) <= set(GIVEN) and anywhere


@pytest.mark.parametrize(
    "command", [one for one in COMMANDS if one.words[0] == PROGRAM_NAME and _runs(one)], ids=lambda one: one.text
)
def test_a_quick_command_runs(command: Command, folder: Path) -> None:
    words = [name for word in command.words[1:] for name in (_names(folder, word) if "*" in word else [word])]
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=False, timeout=RUN_LIMIT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout


def _names(folder: Path, pattern: str) -> list[str]:
    return sorted(path.name for path in folder.glob(pattern))
