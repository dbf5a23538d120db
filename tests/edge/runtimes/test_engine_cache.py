"""Engines are kept whole or not at all, and not more than there is room for."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from adafocus.edge.runtimes.engine_cache import DIGEST_BYTES, EngineCache, EngineKey, cache_folder

KEY = EngineKey("0" * 64, "TensorRT 10.3.0", "Orin 8.7", "fp16")
ENGINE = bytes(range(256)) * 4


class Builder:
    """Counts how often it has to build."""

    def __init__(self) -> None:
        self.built = 0
        self.told: list[str] = []

    def __call__(self) -> bytes:
        self.built += 1
        return ENGINE

    def of(self, cache: EngineCache, key: EngineKey = KEY) -> bytes:
        return cache.get_or_build(key, self, self.told.append)


def test_an_engine_is_built_once_for_each_thing_that_it_depends_on(tmp_path: Path) -> None:
    cache, builder = EngineCache(tmp_path / "engines"), Builder()
    assert builder.of(cache) == builder.of(cache) == ENGINE
    assert builder.built == 1
    changes = ({"file_sha256": "1" * 64}, {"builder": "TensorRT 10.16"}, {"device": "Thor 11.0"}, {"precision": "int8"})
    for change in changes:
        builder.of(cache, replace(KEY, **change))
    assert builder.built == 1 + len(changes)
    assert builder.told == []


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "digest alone"])
def test_a_damaged_engine_is_built_again(tmp_path: Path, damage: str) -> None:
    cache, builder = EngineCache(tmp_path), Builder()
    builder.of(cache)
    path = tmp_path / KEY.file_name
    content = bytearray(path.read_bytes())
    content[-1] ^= damage == "flipped"
    kept = {"cut": len(content) - 9, "flipped": len(content), "empty": 0, "digest alone": DIGEST_BYTES}
    path.write_bytes(content[: kept[damage]])
    assert builder.of(cache) == ENGINE
    assert builder.built == 2
    assert cache.get(KEY) == ENGINE


def test_the_engines_used_longest_ago_make_room(tmp_path: Path) -> None:
    builder = Builder()
    cache = EngineCache(tmp_path, max_engines=3)
    keys = [replace(KEY, file_sha256=f"{number:064}") for number in range(4)]
    for age, key in enumerate(keys[:3]):
        builder.of(cache, key)
        os.utime(tmp_path / key.file_name, (1000 + age, 1000 + age))
    assert cache.get(keys[0]) == ENGINE
    builder.of(cache, keys[3])
    assert [cache.get(key) is not None for key in keys] == [True, False, True, True]
    small = EngineCache(tmp_path, max_bytes=10)
    newest = replace(KEY, precision="int8")
    builder.of(small, newest)
    assert [path.name for path in tmp_path.iterdir()] == [newest.file_name]


def test_where_nothing_can_be_kept_the_engine_serves_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "engines").write_text("a file where the folder should be")
    builder = Builder()
    cache = EngineCache(tmp_path / "engines")
    assert builder.of(cache) == builder.of(cache) == ENGINE
    assert builder.built == 2
    assert "will be built again" in builder.told[0]


def test_it_lies_where_caches_lie(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert EngineCache().folder == cache_folder() == tmp_path / "adafocus" / "engines"
