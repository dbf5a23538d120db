"""Mistakes in Kotlin stand where they are said to stand, and what is fetched is what was pinned."""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
from pathlib import Path

import pytest

from adafocus.apps.android.tools import kotlin, toolchain
from adafocus.apps.android.tools.interfaces import newer_calls
from adafocus.errors import AdafocusError

MISTAKE = {"name": "one", "number": "1", "right": "a + «b»", "wrong": "c", "operations": "taps", "file": "x"}


def test_every_mistake_changes_an_expression_of_the_core() -> None:
    mistakes = [{**one, "number": str(n)} for n, one in enumerate(json.loads(kotlin.MISTAKES.read_text()), 1)]
    assert len({one["name"] for one in mistakes}) == len(mistakes) >= 80
    for file in {one["file"] for one in mistakes}:
        source = (kotlin.CORE / "adafocus" / f"{file}.kt").read_text(encoding="utf-8")
        own = [one for one in mistakes if one["file"] == file]
        assert kotlin.switched(source, own).count("adafocus.rules.Mistake.number ==") == len(own)


def test_a_mistake_is_switched_by_its_number() -> None:
    other = {**MISTAKE, "number": "2", "wrong": "d"}
    switch = "adafocus.rules.Mistake.number"
    expected = f"x = a + (if ({switch} == 1) (c) else if ({switch} == 2) (d) else (b))"
    assert kotlin.switched("x = a + b", [MISTAKE, other]) == expected
    with pytest.raises(AdafocusError, match="does not stand there once"):
        kotlin.switched("x = a + b + (a + b)", [MISTAKE])
    with pytest.raises(AdafocusError, match="and a part of it"):
        kotlin.switched("x = a + b", [MISTAKE, {**other, "right": "a + b"}])


def test_a_file_that_is_not_the_pinned_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / "one.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("inside/file", b"content")
    monkeypatch.setattr(toolchain, "ROOT", tmp_path)
    monkeypatch.setattr(toolchain, "CACHE", tmp_path / "cache")
    monkeypatch.setitem(toolchain._FETCHERS, "pypi", lambda pin, place: wheel)
    for digest, good in (("0" * 64, False), (hashlib.sha256(wheel.read_bytes()).hexdigest(), True)):
        monkeypatch.setitem(toolchain.PINS, "one", toolchain.Pin("pypi", "one==1", digest, {"kept": "inside/file"}))
        if good:
            assert toolchain.fetched("one", "kept").read_bytes() == b"content"
        else:
            with pytest.raises(AdafocusError, match="expected 0000"):
                toolchain.fetched("one", "kept")


def small_class(name: str, method: str) -> bytes:
    """A class file of one method without a body, below java/lang/Object."""
    texts = [name, "java/lang/Object", method, "()V"]
    pool = b"".join(b"\1" + struct.pack(">H", len(text)) + text.encode() for text in texts)
    pool += b"\7" + struct.pack(">H", 1) + b"\7" + struct.pack(">H", 2)
    head = struct.pack(">IHHH", 0xCAFEBABE, 0, 52, 7) + pool
    body = struct.pack(">HHHHH", 0x401, 5, 6, 0, 0) + struct.pack(">HHHHH", 1, 0x401, 3, 4, 0)
    return head + body + struct.pack(">H", 0)


def small_dex(owner: str, methods: list[str]) -> bytes:
    """The tables of an app that calls methods of a class of the system."""
    strings = sorted([owner, "V", *methods])
    tables = 0x70
    sizes = (4 * len(strings), 4 * 2, 12, 0, 8 * len(methods), 0)
    starts = [tables + sum(sizes[:n]) for n in range(6)]
    data = starts[5]
    places, texts = [], b""
    for text in strings:
        places.append(data + len(texts))
        texts += bytes([len(text)]) + text.encode() + b"\0"
    content = b"".join(struct.pack("<I", place) for place in places)
    content += struct.pack("<2I", strings.index(owner), strings.index("V")) + struct.pack(
        "<3I", strings.index("V"), 1, 0
    )
    content += b"".join(struct.pack("<HHI", 0, 0, strings.index(method)) for method in methods)
    counts = (len(strings), 2, 1, 0, len(methods), 0)
    header = bytes(0x38) + b"".join(struct.pack("<II", *pair) for pair in zip(counts, starts, strict=True))
    return header.ljust(tables, b"\0") + content + texts


def test_calls_that_the_system_does_not_have_are_found(tmp_path: Path) -> None:
    system = tmp_path / "android.jar"
    with zipfile.ZipFile(system, "w") as archive:
        archive.writestr("android/app/Thing.class", small_class("android/app/Thing", "old"))
    dex = small_dex("Landroid/app/Thing;", ["newer", "old"])
    assert newer_calls(dex, system) == (2, {"android/app/Thing.newer()V"})
