"""The pages of energy reports: one file each, with plots as SVG, that needs no network, no script and no package."""

from __future__ import annotations

from pathlib import Path

from adafocus.edge.bundle.files import replacing_file
from adafocus.edge.energy.page.report_page import render
from adafocus.edge.energy.report import Report

__all__ = ["render", "write_page", "write_text"]


def write_page(report: Report, path: Path) -> None:
    """Write the page of a report; nothing half-written is ever seen.

    Raises:
        AdafocusError: the place cannot be written to.
    """
    write_text(path, render(report))


def write_text(path: Path, text: str) -> None:
    """Write a page or a table in UTF-8."""
    with replacing_file(path) as beside:
        beside.write_text(text, encoding="utf-8")
