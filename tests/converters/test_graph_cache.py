"""Converted graphs that are kept: unchanged stages are not converted again, and nothing wrong is taken."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from adafocus.converters import graph_cache, workers
from adafocus.converters.backends.registry import Report
from adafocus.converters.graph_cache import RECORD, GraphCache, graph_key
from adafocus.converters.model_source import write_model
from adafocus.converters.workers import convert_graphs
from adafocus.edge.bundle.files import sha256_of
from tests.helpers.small_networks import CLASSES, settled, small_config

KEY = "0" * 64
REPORT = Report(5, 1, 0.5, {"ADD": 1}, 9, 3, {"CONV_2D": 8})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    write_model(path, settled(small_config("tsm")), "small", tuple(map(str, range(CLASSES))), "fp32", (), 1, {})
    return path


@pytest.fixture
def told() -> Iterator[list[str]]:
    """Collect what the cache warns of."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    graph_cache.logger.addHandler(handler)
    yield lines
    graph_cache.logger.removeHandler(handler)


def changed(model: Path, out: Path, *, metadata: dict[str, str] | None = None, tensor: str | None = None) -> Path:
    """Write a model again with other metadata, or with one number of a tensor changed."""
    with safe_open(model, "pt") as file:
        said, tensors = dict(file.metadata()), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if tensor is not None:
        tensors[tensor] = tensors[tensor] + torch.eye(1, tensors[tensor].numel()).reshape(tensors[tensor].shape)
    save_file(tensors, out, {**said, **(metadata or {})})
    return out


@pytest.mark.slow
def test_an_unchanged_stage_is_not_converted_again(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = GraphCache(tmp_path / "cache")
    first = convert_graphs(model, tmp_path / "one", "fp32", ["onnx"], ["policy"], kept)
    monkeypatch.setattr(workers, "ProcessPoolExecutor", None)
    second = convert_graphs(model, tmp_path / "two", "fp32", ["onnx"], ["policy"], kept)
    assert isinstance(second["onnx", "policy"], Report)
    assert second == first
    assert sha256_of(tmp_path / "one" / "policy.onnx") == sha256_of(tmp_path / "two" / "policy.onnx")


def test_what_decides_the_bytes_decides_the_key(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = graph_key(model, "onnx", "policy", "fp32")
    aside = {"history": "{}", "labels": '["x"]', "preset": "other"}
    assert graph_key(changed(model, tmp_path / "a", metadata=aside), "onnx", "policy", "fp32") == key
    with safe_open(model, "pt") as file:
        own, other = (
            next(name for name in file.keys() if name.startswith(stage) and name.endswith("weight"))  # noqa: SIM118
            for stage in ("policy.", "focus.")
        )
        config = json.loads(file.metadata()["config"])
    assert graph_key(changed(model, tmp_path / "b", tensor=other), "onnx", "policy", "fp32") == key
    config["temperature"] = 2.0 * config["temperature"]
    keys = {
        key,
        graph_key(changed(model, tmp_path / "c", tensor=own), "onnx", "policy", "fp32"),
        graph_key(changed(model, tmp_path / "d", metadata={"config": json.dumps(config)}), "onnx", "policy", "fp32"),
        graph_key(model, "litert", "policy", "fp32"),
        graph_key(model, "onnx", "focus", "fp32"),
        graph_key(model, "onnx", "policy", "fp16"),
    }
    monkeypatch.setattr(graph_cache, "version", lambda package: "0.0")
    keys.add(graph_key(model, "onnx", "policy", "fp32"))
    monkeypatch.undo()
    monkeypatch.setattr(graph_cache, "_code", lambda: "other code")
    keys.add(graph_key(model, "onnx", "policy", "fp32"))
    assert len(keys) == 8


@pytest.mark.parametrize("folder", [False, True])
def test_what_is_kept_comes_back_and_what_is_damaged_does_not(folder: bool, tmp_path: Path, told: list[str]) -> None:
    graph = tmp_path / "graph"
    part = graph / "inner" / "weights" if folder else graph
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(b"weights")
    kept, taken = GraphCache(tmp_path / "cache"), tmp_path / "taken"
    assert kept.take(KEY, taken) is None
    kept.keep(KEY, graph, REPORT)
    report = kept.take(KEY, taken)
    assert report is not None
    assert asdict(report) == asdict(REPORT)
    assert sha256_of(taken) == sha256_of(graph)
    (kept.folder / KEY / part.relative_to(tmp_path)).write_bytes(b"weighty")
    assert kept.take(KEY, tmp_path / "again") is None
    assert not (tmp_path / "again").exists()
    (kept.folder / KEY / RECORD).write_text("{}")
    assert kept.take(KEY, tmp_path / "again") is None
    assert sum("converted again" in line for line in told) == 2
    kept.keep(KEY, graph, REPORT)
    assert kept.take(KEY, tmp_path / "again") is not None


def test_the_least_used_go_first(tmp_path: Path) -> None:
    graph = tmp_path / "graph"
    graph.write_bytes(bytes(1000))
    kept = GraphCache(tmp_path / "cache", max_bytes=3000)
    for number in range(2):
        kept.keep(str(number), graph, REPORT)
        os.utime(kept.folder / str(number), (number, number))
    assert kept.take("0", tmp_path / "taken") is not None
    kept.keep("2", graph, REPORT)
    assert {place.name for place in kept.folder.iterdir()} == {"0", "2"}


def test_a_cache_that_cannot_be_written_stops_nothing(tmp_path: Path, told: list[str]) -> None:
    graph = tmp_path / "graph"
    graph.write_bytes(b"weights")
    (tmp_path / "cache").write_text("a file, not a folder")
    kept = GraphCache(tmp_path / "cache")
    assert kept.take(KEY, tmp_path / "taken") is None
    kept.keep(KEY, graph, REPORT)
    assert "not kept for a next time" in told[-1]
