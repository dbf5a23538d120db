"""What import-linter cannot see: names of modules in strings, and what ``import adafocus`` loads.

The layers themselves are contracts in pyproject.toml, which ``lint-imports`` checks.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EDGE = ROOT / "edge"
# a module or a function in it, written as ``import_module``, entry points and the tables write it
OUT_OF_REACH = re.compile(
    r"(torch\w*|litert_torch|ai_edge_quantizer|lightning\w*|sklearn|scipy|matplotlib|yaml"
    r"|benchmarks|(adafocus\.)?(networks|calibration|converters|apps))([.:][\w.:]+)?"
)
# ExecuTorch's own Python package takes its tensors from torch
ALLOWED = {("runtimes/executorch.py", "torch"), ("runtime_table.py", "torch")}


def names_out_of_reach(source: str) -> set[str]:
    """Return the strings of a module that name torch, a converter or an upper room."""
    return {
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and OUT_OF_REACH.fullmatch(node.value)
    }


def test_no_string_of_the_device_side_names_torch_or_an_upper_room() -> None:
    modules = sorted(EDGE.rglob("*.py"))
    assert len(modules) > 50
    found = {
        (path.relative_to(EDGE).as_posix(), name)
        for path in modules
        for name in names_out_of_reach(path.read_text(encoding="utf-8"))
    }
    assert found <= ALLOWED


def test_names_in_calls_and_tables_are_found() -> None:
    source = 'import_module("torch.nn"); TABLE = {"a": "adafocus.converters.commands:export", "b": "torches of fire"}'
    assert names_out_of_reach(source) == {"torch.nn", "adafocus.converters.commands:export"}


def test_importing_the_package_loads_neither_torch_nor_opencv() -> None:
    script = "import json, sys, adafocus; print(json.dumps(sorted(name.partition('.')[0] for name in sys.modules)))"
    loaded = set(json.loads(subprocess.run([sys.executable, "-c", script], check=True, capture_output=True).stdout))
    assert not loaded & {"torch", "cv2", "numpy", "pydantic", "click"}
    assert "adafocus" in loaded
