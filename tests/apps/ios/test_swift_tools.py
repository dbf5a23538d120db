"""Mistakes in Swift stand where they are said to stand, Apple's modules stay out of the rules, lacks are told."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from adafocus.apps.ios.tools import swift, tree
from adafocus.errors import AdafocusError

MAX_LINE = 120
# of the package, apart from what is compiled
SOURCES = sorted(path for path in swift.IOS.rglob("*.swift") if ".build" not in path.parts)
IMPORT = re.compile(r"^(?:@_exported )?import (\w+)$", re.MULTILINE)


def imports(folder: Path) -> set[str]:
    return {name for path in folder.rglob("*.swift") for name in IMPORT.findall(path.read_text(encoding="utf-8"))}


def test_every_mistake_changes_an_expression_of_the_core(tmp_path: Path) -> None:
    mistakes = swift.with_mistakes(tmp_path)
    assert len({one["name"] for one in mistakes}) == len(mistakes) >= 80
    core = tmp_path / swift.CORE.relative_to(swift.IOS)
    for file in {one["file"] for one in mistakes}:
        own = [one for one in mistakes if one["file"] == file]
        assert (core / f"{file}.swift").read_text(encoding="utf-8").count("Mistake.number ==") == len(own)


def test_lines_are_short() -> None:
    lines = {path: path.read_text(encoding="utf-8").splitlines() for path in SOURCES}
    assert len(lines) > 50
    assert [path for path, found in lines.items() if max(map(len, found)) > MAX_LINE] == []


def test_the_rules_need_nothing_of_apple_and_every_module_that_linux_lacks_has_a_stub() -> None:
    # digests are those of the system, where it has some
    assert imports(swift.CORE) == {"Foundation", "CryptoKit"}
    stubs = {path.name for path in (swift.IOS / "Stubs").iterdir() if path.is_dir()}
    own = {path.name for path in (swift.IOS / "Sources").iterdir()} | {"AdafocusExecuTorch"}
    used = imports(swift.IOS / "Sources") | imports(swift.IOS / "ExecuTorch") | imports(swift.IOS / "Sample")
    assert used - own - {"CryptoKit", "Foundation", "Glibc", "PackageDescription"} == stubs - {"QuartzCore"}
    package = (swift.IOS / "Package.swift").read_text(encoding="utf-8")
    on_linux = package[package.index("#if os(Linux)") : package.index("#else")]
    assert package.count("Stubs/") == on_linux.count("Stubs/") == len(stubs) + 1


@pytest.mark.parametrize(
    ("platform", "user", "programs", "expected"),
    [
        ("darwin", 0, "", "swift run -c release adafocus-check vectors"),
        ("linux", 1000, "", "sudo .venv/bin/python -m adafocus.apps.ios.tools"),
        ("linux", 0, "", "apt-get install coreutils mount"),
        ("linux", 0, "chroot mount", "apt-get install debootstrap"),
    ],
)
def test_what_this_machine_lacks_is_said_in_a_sentence(
    platform: str, user: int, programs: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in programs.split():
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tree, "TREE", tmp_path / "tree")
    with pytest.raises(AdafocusError, match=re.escape(expected)):
        tree.make()
