"""Arrows between the rooms point down only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {"edge", "networks", "calibration", "converters", "apps"}
MAY_IMPORT = {
    "edge": {"edge"},
    "networks": {"networks"},
    "calibration": {"calibration", "networks", "edge"},
    "converters": {"converters", "calibration", "networks", "edge"},
    "apps": {"apps", "edge"},
}
DEVICE_PACKAGES = {
    "numpy",
    "cv2",
    "pydantic",
    "click",
    "rich",
    "PIL",
    "ai_edge_litert",
    "tflite_runtime",
    "onnxruntime",
}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_imports_only_what_lies_below_it(room: str) -> None:
    assert modules(room)
    for path in modules(room):
        assert imported(path) & ROOMS <= MAY_IMPORT[room], path


def test_the_device_side_imports_only_small_packages() -> None:
    import sys

    for path in modules("edge"):
        foreign = imported(path) - {"edge"} - set(sys.stdlib_module_names)
        assert foreign <= DEVICE_PACKAGES, path
