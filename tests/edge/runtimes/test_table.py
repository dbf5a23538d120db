"""A runtime is one module and one row of the table: with these a bundle for it opens, runs and is listed."""

from __future__ import annotations

import json
import multiprocessing.context
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from adafocus.edge.bundle.bundle import Bundle, file_record, write_bundle
from adafocus.edge.bundle.manifest import Manifest
from adafocus.edge.cli import program
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.runtime_table import RUNTIMES, RuntimeSpec, file_runtime, file_runtimes, runtime_spec
from adafocus.edge.runtimes import open_graph, unavailable
from adafocus.edge.selftest import FRAMES, LABELS, labels_digest, runtimes_for
from adafocus.errors import BundleError, MissingRuntimeError
from tests.helpers.numpy_bundle import LABELS as NAMES
from tests.helpers.numpy_bundle import NumpyOpener, clip_of, numpy_manifest

TOY_MODULE = '''
from tests.helpers.numpy_bundle import NumpyGraph


def open_graph(path, description, threads):
    """The file holds the name of its stage."""
    return NumpyGraph(path.read_text(), description, {})
'''
TOY = RuntimeSpec("toy", "toy_runtime:open_graph", ("toy_runtime",), "numpy", "toy")


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RuntimeSpec:
    """Add the module and the row, and nothing else."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "toy_runtime.py").write_text(TOY_MODULE)
    monkeypatch.syspath_prepend(tmp_path / "modules")
    monkeypatch.setitem(RUNTIMES, TOY.name, TOY)
    return TOY


def write_toy_bundle(place: Path) -> Bundle:
    """Write a bundle whose files name the toy runtime."""
    manifest = numpy_manifest(runtime=TOY.name)
    clip = clip_of(200)

    def fill(folder: Path) -> Manifest:
        for name in ("graphs", "golden"):
            (folder / name).mkdir()
        content = json.loads(manifest.model_dump_json())
        for stage, graphs in content["stages"].items():
            file = f"graphs/{stage}.toy"
            (folder / file).write_text(stage)
            graphs[TOY.name] |= file_record(folder, file).model_dump()
        found = Recognizer(Bundle(folder, manifest), TOY.name, 1, None, NumpyOpener()).recognize_clip(clip)
        answers = {**found.outputs, FRAMES: np.array(found.candidate_indices), LABELS: labels_digest(NAMES)}
        np.savez(folder / "golden" / "clip.npz", glance=clip.glance, candidates=np.asarray(clip.candidates))
        np.savez(folder / "golden" / "answers.npz", **answers)  # type: ignore[arg-type]
        for key, file in (("frames", "golden/clip.npz"), ("answers", "golden/answers.npz")):
            content["golden"][key] = file_record(folder, file).model_dump()
        content["golden"]["label"] = found.label
        return Manifest.model_validate_json(json.dumps(content))

    return write_bundle(place, fill)


@pytest.fixture
def toy_bundle(toy: RuntimeSpec, tmp_path: Path) -> Path:
    return write_toy_bundle(tmp_path / "bundle").path


def test_a_bundle_that_names_a_new_runtime_is_read_from_disk_and_answers(toy_bundle: Path) -> None:
    bundle = Bundle.open(toy_bundle)
    assert bundle.runtimes() == runtimes_for(bundle) == ("toy",)
    found = Recognizer.open(bundle, "toy", threads=1).recognize_clip(clip_of(200))
    wanted = Recognizer(bundle, "toy", 1, None, NumpyOpener()).recognize_clip(clip_of(200))
    assert found.label == wanted.label == "run"
    assert found.exit_stage == "focus"
    assert found.logits.tolist() == wanted.logits.tolist()
    assert Recognizer.open(bundle, "toy", 1, 0.5).recognize_clip(clip_of(255)).exit_stage == "glance"


def test_selftest_and_inspect_list_it(toy_bundle: Path) -> None:
    done = CliRunner().invoke(program, ["selftest", str(toy_bundle), "--json"])
    assert done.exit_code == 0, done.output
    content = json.loads(done.stdout)
    assert list(content["runtimes"]) == ["toy"]
    assert content["runtimes"]["toy"]["passed"] is True
    assert content["runtimes"]["toy"]["labels_checked"] is True
    assert content["left_out"] == {}
    done = CliRunner().invoke(program, ["inspect", str(toy_bundle)])
    assert "toy: 0.0 MB, runs here" in done.stdout


@pytest.mark.slow
def test_doctor_lists_its_version_and_tries_the_bundle(toy_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object) -> None:
        raise OSError(8, "Exec format error")

    # a new process would not have the row, which stands in the table of this one only
    monkeypatch.setattr(multiprocessing.context.SpawnProcess, "start", refuse)
    done = CliRunner().invoke(program, ["doctor", str(toy_bundle), "--json"])
    assert done.exit_code == 0, done.output
    content = json.loads(done.stdout)
    assert content["runtimes"]["toy"] == np.__version__
    (trial,) = content["trials"]
    assert (trial["runtime"], trial["answers"]) == ("toy", True)


@pytest.mark.slow
def test_where_it_is_not_installed_everything_names_the_line_that_installs_it(
    toy_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = RuntimeSpec("toy", "toy_runtime:open_graph", ("no_such_package",), "no-such-package", "toy")
    monkeypatch.setitem(RUNTIMES, "toy", missing)
    line = 'pip install "adafocus-edge[toy]"'
    with pytest.raises(MissingRuntimeError) as caught:
        Recognizer.open(toy_bundle, "toy", 1)
    assert line in str(caught.value)
    facts = json.loads(CliRunner().invoke(program, ["doctor", "--json"]).stdout)
    assert line in facts["runtimes"]["toy"]
    assert line in CliRunner().invoke(program, ["inspect", str(toy_bundle)]).stdout


def test_without_its_row_the_manifest_is_refused_and_the_known_ones_are_named(
    toy_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(RUNTIMES, "toy")
    with pytest.raises(BundleError) as caught:
        Bundle.open(toy_bundle)
    for word in ("stages.glance.toy", *map(repr, RUNTIMES)):
        assert word in str(caught.value)


def test_no_other_runtime_is_known(tmp_path: Path) -> None:
    graph = numpy_manifest().stages["glance"]["litert"]
    for call in (runtime_spec, unavailable, lambda name: open_graph(name, tmp_path, graph, 1)):
        with pytest.raises(MissingRuntimeError, match=r"no runtime 'abacus', expected one of litert, "):
            call("abacus")


def test_every_row_is_under_its_name_and_one_opens_the_files_of_another() -> None:
    assert all(name == spec.name for name, spec in RUNTIMES.items())
    assert (file_runtime("tflite"), file_runtime("tensorrt")) == ("litert", "onnx")
    assert file_runtimes() == tuple(name for name in RUNTIMES if name not in ("tflite", "tensorrt"))
