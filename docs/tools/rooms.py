"""How large the rooms are: modules and lines of Python of every room, and what breaks the limits of the house.

python -m docs.tools.rooms [REVISION]
"""

from __future__ import annotations

import subprocess
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import PurePosixPath

import click

PACKAGED = ("edge", "networks", "calibration", "converters", "apps", "src")
BESIDE = ("benchmarks", "docs", "tests")
MAX_MODULES = 12
MAX_LINES = 400


@dataclass(frozen=True)
class Module:
    """One Python file.

    Attributes:
        path: from the root of the repository.
        lines: of the file.
    """

    path: PurePosixPath
    lines: int


def modules(revision: str) -> list[Module]:
    """Return the Python files of a revision of the repository; links to folders are not followed."""
    names = _git("ls-tree", "-r", "--name-only", revision).splitlines()
    paths = [name for name in names if name.endswith(".py") and name.split("/")[0] in (*PACKAGED, *BESIDE)]
    return [Module(PurePosixPath(path), _git("show", f"{revision}:{path}").count("\n")) for path in paths]


def table(found: list[Module]) -> str:
    """Return a Markdown table: modules, lines, and the longest module of every room."""
    rows = ["| room | folders | modules | lines | longest module |", "|---|---:|---:|---:|---|"]
    for title, rooms in (("in the package", PACKAGED), ("beside it", BESIDE)):
        for room in rooms:
            rows.append(_row(f"`{room}/`", [module for module in found if module.path.parts[0] == room]))
        rows.append(_row(f"**{title}**", [module for module in found if module.path.parts[0] in rooms]))
    return "\n".join(row for row in rows if row)


def too_large(found: list[Module]) -> list[str]:
    """Return a sentence for every folder and module over the limits of the house."""
    folders = Counter(module.path.parent for module in found if module.path.name != "__init__.py")
    sentences = [f"{folder}/ has {count} modules, expected at most {MAX_MODULES}." for folder, count in folders.items()
                 if count > MAX_MODULES]  # fmt: skip
    return sentences + [
        f"{module.path} has {module.lines} lines, expected at most {MAX_LINES}."
        for module in found
        if module.lines > MAX_LINES
    ]


def shared_names(found: list[Module]) -> dict[str, list[str]]:
    """Return the module names of the package that stand in more than one folder, with the folders."""
    places: dict[str, list[str]] = defaultdict(list)
    for module in found:
        if module.path.parts[0] in PACKAGED and not module.path.name.startswith("__"):
            places[module.path.stem].append(str(module.path.parent))
    return {name: folders for name, folders in sorted(places.items()) if len(folders) > 1}


def _row(title: str, found: list[Module]) -> str:
    if not found:
        return ""
    longest = max(found, key=lambda module: module.lines)
    folders = len({module.path.parent for module in found})
    lines = sum(module.lines for module in found)
    return f"| {title} | {folders} | {len(found)} | {lines:,} | `{longest.path}`, {longest.lines} |"


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout


@click.command()
@click.argument("revision", default="HEAD")
def main(revision: str) -> None:
    """Print the size of every room at REVISION."""
    found = modules(revision)
    click.echo(table(found))
    for name, folders in shared_names(found).items():
        click.echo(f"{name}: {', '.join(folders)}")
    for sentence in too_large(found):
        click.echo(sentence)


if __name__ == "__main__":
    main()
