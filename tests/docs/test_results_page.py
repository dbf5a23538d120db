"""The page of results, and the pages that list what the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from adafocus.edge.bundle import manifest
from adafocus.edge.runtimes import RUNTIMES
from adafocus.edge.sources import SOURCES
from adafocus.edge.streaming.events import KINDS
from docs.tools.results import END, PAGE, README, START, stale_pages
from docs.tools.table import RESULTS, table

DOCS = PAGE.parent
CONTRIBUTING = README.parent / "CONTRIBUTING.md"
MAX_README_LINES = 120


def test_the_page_of_results_and_the_table_of_the_readme_say_what_the_results_say() -> None:
    assert not stale_pages(write=False), "a page is stale. Type: make results"


def test_every_file_of_results_stands_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for file in RESULTS.iterdir():
        assert file.is_dir() or f"`results/{file.name}`" in page, file.name
    for plot in (RESULTS / "plots").iterdir():
        assert f"plots/{plot.name}" in page, plot.name


def test_the_readme_fits_a_first_look() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_README_LINES
    assert text.count(START) == text.count(END) == 1
    rows = [line for line in text[text.index(START) : text.index(END)].splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 5, "a head, a rule and five rows"


def test_links_of_the_readme_lead_somewhere() -> None:
    root = README.parent
    for link in _links(README):
        assert link.startswith("https://") or (root / link).exists(), link


def test_a_table_is_markdown() -> None:
    assert table(("a", "b"), [(1, "x")]) == "| a | b |\n| --- | ---: |\n| 1 | x |"


def test_the_page_of_the_bundle_format_has_every_key_of_the_manifest() -> None:
    page = (DOCS / "bundle-format.md").read_text(encoding="utf-8")
    models = [one for one in vars(manifest).values() if isinstance(one, type) and issubclass(one, BaseModel)]
    keys = {name for model in models if model is not BaseModel for name in model.model_fields}
    assert len(keys) > 40
    assert [key for key in sorted(keys) if f"`{key}`" not in page] == []


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("streaming.md", list(KINDS)),
        ("streaming.md", [source.example.split(" or ")[0].split(",")[0].strip("'") for source in SOURCES]),
        ("getting-started.md", [spec.extra for spec in RUNTIMES.values()]),
    ],
    ids=["events", "sources", "runtimes"],
)
def test_a_page_lists_every_row_of_its_table(page: str, names: list[str]) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert names
    assert [name for name in names if name not in text] == []


def test_the_changes_that_contributing_shows_fit_the_files() -> None:
    shown = re.findall(r"^```diff\n--- a/(\S+)\n(.*?)^```$", CONTRIBUTING.read_text(), re.MULTILINE | re.DOTALL)
    assert len(shown) == 6
    for name, change in shown:
        lines = (README.parent / name).read_text(encoding="utf-8").splitlines()
        there = [line[1:] for line in change.splitlines() if line[0] in " -"]
        assert [line for line in there if line not in lines] == [], name


def _links(page: Path) -> list[str]:
    return re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
