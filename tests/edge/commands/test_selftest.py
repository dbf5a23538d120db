"""One runtime that cannot open a graph leaves the others as they are; files of a zip are called by the zip's name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adafocus.edge.bundle.archive import MANIFEST, pack
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import BundleError
from tests.fuzzing.kind import replace_file, small_bundle
from tests.helpers.program import CallHere


def with_damaged_graphs(ready: Bundle, place: Path, runtime: str = "onnx") -> Path:
    """Copy a bundle, and give it graphs of a runtime that are none, under their right hashes."""
    bundle = small_bundle(ready.path, place)
    content = json.loads((bundle / MANIFEST).read_text())
    for stage, graphs in content["stages"].items():
        record = {**graphs["litert"], "file": f"graphs/{stage}.{runtime}"}
        if runtime == "litert":
            record["file"] = graphs["litert"]["file"]
        replace_file(bundle, record, b"no graph")
        graphs[runtime] = record
    (bundle / MANIFEST).write_text(json.dumps(content))
    return bundle


@pytest.mark.parametrize("as_zip", [False, True])
def test_the_others_are_tested_where_one_runtime_opens_no_graph(
    adafocus_here: CallHere, ready_bundle: Bundle, tmp_path: Path, as_zip: bool
) -> None:
    bundle = with_damaged_graphs(ready_bundle, tmp_path / "bundle")
    if as_zip:
        pack(bundle, tmp_path / "bundle.zip")
        bundle = tmp_path / "bundle.zip"
    done = adafocus_here("selftest", bundle, "--runtime", "onnx", "--runtime", "litert")
    assert done.returncode == 2
    assert "litert" in done.stdout
    assert "agree" in done.stdout
    assert f"onnx: {bundle}/graphs/glance.onnx cannot be opened" in done.stderr
    assert "adafocus-" not in done.stderr.replace(str(tmp_path), "")
    content = json.loads(adafocus_here("selftest", bundle, "--json").stdout)
    assert {name: check["passed"] for name, check in content["runtimes"].items()} == {"litert": True, "onnx": False}
    assert content["passed"] is False


@pytest.mark.parametrize("part", ["graph", "golden", "absent"])
def test_files_of_a_zip_are_called_by_the_name_of_the_zip(ready_bundle: Bundle, tmp_path: Path, part: str) -> None:
    bundle = with_damaged_graphs(ready_bundle, tmp_path / "bundle", "litert" if part == "graph" else "onnx")
    content = json.loads((bundle / MANIFEST).read_text())
    if part == "golden":
        replace_file(bundle, content["golden"]["frames"], b"no arrays")
        (bundle / MANIFEST).write_text(json.dumps(content))
    pack(bundle, tmp_path / "my bundle.zip")
    with Bundle.open(tmp_path / "my bundle.zip") as opened:
        assert opened.shown == tmp_path / "my bundle.zip"
        with pytest.raises(Exception, match=r"my bundle\.zip") as caught:  # noqa: PT012
            if part == "golden":
                opened.golden_frames()
            Recognizer.open(opened, "executorch" if part == "absent" else "litert", 1)
        assert part == "absent" or isinstance(caught.value, BundleError)
        assert str(opened.path) not in str(caught.value)
