"""Read measured figures and write them as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "results"
NOTHING = ""

Figures = dict[str, Any]


def read_figures(name: str) -> Figures:
    """Read a file of ``results/``; JSON is YAML as well."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    content: Figures = yaml.load((RESULTS / name).read_text(encoding="utf-8"), loader)
    return content


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; every column but the first is aligned to the right."""
    rules = ["---", *["---:"] * (len(headers) - 1)]
    return "\n".join(_line(row) for row in (headers, rules, *rows))


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def decimals(value: float | None, places: int = 1) -> str:
    """Return a number with so many decimals, or nothing for None."""
    return NOTHING if value is None else f"{value:.{places}f}"


def points(value: float) -> str:
    """Return a difference in percentage points with its sign."""
    return f"{round(value, 1) + 0.0:+.1f}"


def interval(ends: Sequence[float] | None, signed: bool = False) -> str:
    """Return the two ends of an interval, or nothing where there is none."""
    if ends is None:
        return NOTHING
    low, high = (points(end) if signed else decimals(end) for end in ends)
    return f"{low} to {high}"


def section(title: str, *paragraphs: str) -> str:
    """Return a heading of the second level and what stands under it."""
    return "\n\n".join((f"## {title}", *paragraphs))


def source(name: str, command: str | None = None) -> str:
    """Return the line that says where figures stand and what measures them again."""
    measured = f" Measured by `{' '.join(command.split())}`." if command else NOTHING
    return f"Figures: `results/{name}`.{measured}"
