"""The fenced examples of the pages: Python, and commands."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "models").glob("*.md")))
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = ("sh", "console")


@dataclass(frozen=True)
class Command:
    """One command of a page, as it is typed."""

    page: str = field(compare=False)
    words: tuple[str, ...]

    @property
    def text(self) -> str:
        """Return the command as one line."""
        return " ".join(self.words)


def python_of(page: Path) -> str:
    """Return the Python of a page, all blocks in order."""
    return "\n".join(code for language, code in _blocks(page) if language == "python")


def commands_of(page: Path) -> list[Command]:
    """Return the commands of a page, without comments; a backslash at the end of a line joins it to the next."""
    lines = [
        line.removeprefix("$ ")
        for language, code in _blocks(page)
        if language in COMMANDS
        for line in code.replace("\\\n", " ").splitlines()
    ]
    words = [tuple(shlex.split(line, comments=True)) for line in lines]
    return [Command(page.name, one) for one in words if one]


def _blocks(page: Path) -> list[tuple[str, str]]:
    return FENCE.findall(page.read_text(encoding="utf-8"))
