"""What is half-written, and what is left beside an output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from adafocus.edge.bundle.bundle import Bundle, rewrite_bundle
from benchmarks.robustness.leftovers import half_written, hidden, names, same

BUNDLE = Path(__file__).parents[3] / "bundles" / "x3d-xs-frame-k400-litert.zip"


def write_outputs(folder: Path) -> None:
    folder.mkdir()
    save_file({"a": torch.arange(50.0)}, folder / "net.safetensors")
    torch.save({"step": 3, "net": {"a": torch.ones(40)}}, folder / "training.pt")
    np.savez(folder / "predictions.npz", a=np.ones(30))
    (folder / "steps.csv").write_text("step,total\n1,0.5\n")
    (folder / "events.jsonl").write_text('{"event": "started"}\n{"event": "summary"}\n')


@pytest.mark.parametrize("name", ["net.safetensors", "training.pt", "predictions.npz", "steps.csv", "events.jsonl"])
def test_a_file_that_is_cut_short_is_half_written(name: str, tmp_path: Path) -> None:
    write_outputs(tmp_path / "out")
    assert list(half_written(tmp_path / "out", tmp_path / "none")) == []
    path = tmp_path / "out" / name
    path.write_bytes(path.read_bytes()[:-5])
    assert [found for found, _ in half_written(tmp_path / "out", tmp_path / "none")] == [path]


def test_what_is_written_beside_its_place_is_hidden_and_no_output(tmp_path: Path) -> None:
    write_outputs(tmp_path / "out")
    left = tmp_path / "out" / ".net.safetensors.adafocus-0123abcd-12-x"
    left.mkdir()
    (left / "part").write_bytes(b"half")
    assert hidden(tmp_path / "out") == [left]
    assert "net.safetensors" in names(tmp_path / "out")
    assert len(names(tmp_path / "out")) == 5
    assert list(half_written(tmp_path / "out", tmp_path / "none")) == []


def test_files_of_equal_tensors_are_the_same(tmp_path: Path) -> None:
    for name, value in (("a.pt", 1.0), ("b.pt", 1.0), ("c.pt", 2.0)):
        torch.save(
            {"net": [torch.full((3,), value)], name: 1} if name == "c.pt" else [torch.full((3,), value)],
            tmp_path / name,
        )
    assert same(tmp_path / "a.pt", tmp_path / "b.pt")
    assert not same(tmp_path / "a.pt", tmp_path / "c.pt")


def test_files_of_a_whole_bundle_are_whole(tmp_path: Path) -> None:
    with Bundle.open(BUNDLE) as bundle:
        rewrite_bundle(bundle, bundle.manifest, tmp_path / "out" / "bundle").close()
    assert list(half_written(tmp_path / "out", tmp_path / "none")) == []
    graph = next((tmp_path / "out" / "bundle").rglob("*.tflite"))
    graph.write_bytes(graph.read_bytes()[:-5])
    assert [found for found, _ in half_written(tmp_path / "out", tmp_path / "none")] == [tmp_path / "out" / "bundle"]
