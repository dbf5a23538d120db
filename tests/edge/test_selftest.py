"""``adafocus selftest``: what was changed in a bundle, or answers otherwise, is caught although every hash is right."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adafocus.edge.bundle.bundle import Bundle, file_record
from adafocus.edge.bundle.manifest import GraphFile, Manifest
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.runtimes import open_graph
from adafocus.edge.runtimes.graph import Arrays, Graph
from adafocus.edge.selftest import (
    LABELS,
    check_golden,
    clip_of_golden,
    golden_answers,
    golden_clip,
    golden_frames,
    labels_digest,
    runtimes_for,
)
from tests.helpers.numpy_bundle import NumpyOpener, clip_of, numpy_bundle
from tests.helpers.program import Call, assert_one_sentence, edit_manifest


def record_again(bundle: Path, name: str, *place: str) -> None:
    """Write the hash of a changed file into the manifest, as whoever changed it would."""
    record = file_record(bundle, name).model_dump()

    def change(manifest: dict[str, Any]) -> None:
        part = manifest
        for key in place:
            part = part[key]
        part.update(record)

    edit_manifest(bundle, change)


def change_answers(bundle: Path, change: Callable[[dict[str, np.ndarray]], None]) -> None:
    path = bundle / "golden" / "answers.npz"
    with np.load(path) as stored:
        arrays = {name: values.copy() for name, values in stored.items()}
    change(arrays)
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    record_again(bundle, "golden/answers.npz", "golden", "answers")


@pytest.fixture
def labelled(bundle_copy: Path) -> Path:
    """Write a bundle that names the label of its golden clip, as the converter does."""
    opened = Bundle.open(bundle_copy)
    label = Recognizer.open(opened, threads=1).recognize_clip(golden_clip(opened)).label
    change_answers(bundle_copy, lambda arrays: arrays.update({LABELS: labels_digest(opened.manifest.labels)}))
    edit_manifest(bundle_copy, lambda manifest: manifest["golden"].update(label=label))
    return bundle_copy


def flip_a_weight(path: Path) -> None:
    """Change the sign of the largest weight of a convolution whose weights stand in the file exactly once."""
    from ai_edge_litert.interpreter import Interpreter

    from adafocus.edge.runtimes.log_filter import hide_log_lines

    content = path.read_bytes()
    with hide_log_lines():
        interpreter = Interpreter(model_path=str(path), experimental_preserve_all_tensors=True)
        interpreter.allocate_tensors()
    for detail in interpreter.get_tensor_details():
        shape = tuple(detail["shape"])
        if detail["dtype"] is not np.int8 or len(shape) != 4 or shape[1:3] != (1, 1) or shape[3] < 16:
            continue
        try:
            weights = interpreter.get_tensor(detail["index"])
        except ValueError:
            continue
        changed = weights.copy()
        place = np.unravel_index(np.abs(weights.astype(int)).argmax(), shape)
        changed[place] = -changed[place]
        if content.count(weights.tobytes()) == 1:
            path.write_bytes(content.replace(weights.tobytes(), changed.tobytes()))
            return
    pytest.fail(f"{path} has no weights that can be found")


@pytest.mark.parametrize("stage", ["glance", "focus"])
def test_one_changed_weight_is_caught(adafocus: Call, bundle_copy: Path, stage: str) -> None:
    name = Bundle.open(bundle_copy).manifest.stages[stage]["litert"].file  # type: ignore[index]
    flip_a_weight(bundle_copy / name)
    record_again(bundle_copy, name, "stages", stage, "litert")
    assert_one_sentence(adafocus("selftest", bundle_copy, "--runtime", "litert"), f"{stage}.", "away", "inspect")


class Rounding:
    """A real graph whose library rounds otherwise: integer outputs come out some steps higher."""

    def __init__(self, graph: Graph, steps: int) -> None:
        self.graph, self.steps = graph, steps
        self.inputs, self.outputs = graph.inputs, graph.outputs

    def run(self, arrays: Arrays) -> Arrays:
        found = self.graph.run(arrays)
        for name, values in found.items():
            if values.dtype == np.int8:
                found[name] = np.clip(values.astype(int) + self.steps, -128, 127).astype(np.int8)
        return found


@pytest.mark.parametrize(
    ("runtime", "steps", "caught"), [("litert", 0, False), ("litert", 1, True), ("onnx", 0, False), ("onnx", 2, True)]
)
def test_a_runtime_that_rounds_beyond_the_bounds_is_caught(
    shipped_bundle: Bundle, runtime: str, steps: int, caught: bool
) -> None:
    """The runtime of the golden answers must give them exactly; another one may be a step away, and not two."""

    def opener(name: str, path: Path, description: GraphFile, threads: int) -> Graph:
        graph = open_graph(name, path, description, threads)
        return Rounding(graph, steps) if "focus" in path.name else graph

    check = check_golden(shipped_bundle, Recognizer(shipped_bundle, runtime, 1, None, opener))
    assert bool(check.broken) == caught
    assert check.steps["focus.logits"] == steps
    if caught:
        assert any("focus.logits" in sentence for sentence in check.broken)


def test_a_bundle_that_names_its_label_passes(adafocus: Call, labelled: Path) -> None:
    content = json.loads(adafocus("selftest", labelled, "--runtime", "litert", "--json").stdout)
    assert content["passed"] is True
    assert content["runtimes"]["litert"]["labels_checked"] is True
    assert content["runtimes"]["litert"]["label"] == Bundle.open(labelled).manifest.golden.label


def swap_two(labels: list[str]) -> None:
    """Two labels that the golden clip does not have."""
    labels[0], labels[1] = labels[1], labels[0]


def rename_one(labels: list[str]) -> None:
    labels[5] = "something else"


@pytest.mark.parametrize("change", [swap_two, rename_one, list.reverse])
def test_permuted_or_replaced_labels_are_caught(
    adafocus: Call, labelled: Path, change: Callable[[list[str]], None]
) -> None:
    manifest = Bundle.open(labelled).manifest
    assert manifest.golden.label not in manifest.labels[:2]
    edit_manifest(labelled, lambda content: change(content["labels"]))
    assert_one_sentence(adafocus("selftest", labelled, "--runtime", "litert"), "labels in the manifest are not those")


def test_another_list_of_labels_with_a_digest_of_its_own_is_caught_by_the_label(adafocus: Call, labelled: Path) -> None:
    edit_manifest(labelled, lambda manifest: manifest["labels"].reverse())
    labels = json.loads((labelled / "manifest.json").read_text())["labels"]
    change_answers(labelled, lambda arrays: arrays.update({LABELS: labels_digest(labels)}))
    assert_one_sentence(
        adafocus("selftest", labelled, "--runtime", "litert"),
        f"expected {Bundle.open(labelled).manifest.golden.label!r}",
    )


def test_labels_are_told_apart_where_one_holds_the_end_of_another() -> None:
    assert not np.array_equal(labels_digest(["a", "bc"]), labels_digest(["ab", "c"]))
    assert labels_digest(["a", "b"]).shape == (32,)


def test_a_bundle_from_before_says_that_labels_are_not_checked(adafocus: Call, labelled: Path) -> None:
    edit_manifest(labelled, lambda manifest: manifest["golden"].pop("label"))
    done = adafocus("selftest", labelled, "--runtime", "litert")
    assert done.returncode == 0, done.stderr
    assert "labels were not checked" in done.stdout


def test_all_runtimes_of_the_bundle_are_tested_and_the_rest_is_told(adafocus: Call, shipped_bundle: Bundle) -> None:
    done = adafocus("selftest", shipped_bundle.path, "--json")
    assert done.returncode == 0, done.stderr
    content = json.loads(done.stdout)
    assert list(content["runtimes"]) == ["litert", "onnx", "executorch"]
    assert {"tflite", "coreml"} <= set(content["left_out"])
    for check in content["runtimes"].values():
        assert check["passed"] is True
        assert {"glance", "policy", "focus", "total"} <= set(check["spent_ms"])
        assert check["label"] == shipped_bundle.manifest.golden.label


def test_the_table_tells_each_stage_and_what_is_next(adafocus: Call, shipped_bundle: Bundle) -> None:
    done = adafocus("selftest", shipped_bundle.path, "--runtime", "litert")
    assert done.returncode == 0, done.stderr
    for words in ("litert", "agree", "same", "golden clip", "next: adafocus run"):
        assert words in done.stdout


def test_a_runtime_that_was_asked_for_and_is_not_here_is_no_pass(adafocus: Call, shipped_bundle: Bundle) -> None:
    assert_one_sentence(adafocus("selftest", shipped_bundle.path, "--runtime", "tflite"), "pip install")


def test_both_packages_of_one_file_format_are_counted(shipped_bundle: Bundle) -> None:
    assert runtimes_for(shipped_bundle) == ("litert", "tflite", "onnx", "executorch", "coreml", "tensorrt")


class Scaled:
    """A graph whose float outputs are a little larger."""

    def __init__(self, graph: Graph, factor: float) -> None:
        self.graph, self.factor = graph, factor
        self.inputs, self.outputs = graph.inputs, graph.outputs

    def run(self, arrays: Arrays) -> Arrays:
        found = self.graph.run(arrays)
        return {name: np.multiply(values, self.factor, dtype=np.float32) for name, values in found.items()}


def with_answers(manifest: Manifest, folder: Path, recognizer: Recognizer) -> Manifest:
    """Store a grey clip, and what a recognizer gives for it, as the golden clip of a bundle."""
    (folder / "golden").mkdir()
    frames = golden_frames(clip_of(100), manifest.geometry)
    clip = clip_of_golden(frames)
    answers = golden_answers(clip, recognizer.recognize_clip(clip), manifest)
    np.savez_compressed(folder / "golden" / "clip.npz", **frames)  # type: ignore[arg-type]
    np.savez_compressed(folder / "golden" / "answers.npz", **answers)  # type: ignore[arg-type]
    files = {"frames": file_record(folder, "golden/clip.npz"), "answers": file_record(folder, "golden/answers.npz")}
    return manifest.model_copy(update={"golden": manifest.golden.model_copy(update=files)})


@pytest.mark.parametrize(
    ("proved_by", "precision", "away", "caught"),
    [
        ("runtime", "fp32", 5e-5, True),
        ("evaluator", "fp32", 5e-5, False),
        ("evaluator", "fp32", 1e-3, True),
        ("evaluator", "fp16", 1e-3, False),
        ("evaluator", "fp16", 5e-2, True),
    ],
)
def test_what_an_evaluator_made_is_compared_within_the_bounds_of_a_conversion(
    tmp_path: Path, proved_by: str, precision: str, away: float, caught: bool
) -> None:
    numpy = numpy_bundle().manifest
    stages = {
        stage: {
            name: graph.model_copy(update={"proved_by": proved_by, "precision": precision})
            for name, graph in of.items()
        }
        for stage, of in numpy.stages.items()
    }
    manifest = numpy.model_copy(update={"stages": stages})
    plain = Recognizer(Bundle(tmp_path, manifest), "litert", 1, None, NumpyOpener())
    bundle = Bundle(tmp_path, with_answers(manifest, tmp_path, plain))

    def opener(name: str, path: Path, description: GraphFile, threads: int) -> Graph:
        graph = NumpyOpener()(name, path, description, threads)
        # a policy whose boxes differ cuts other patches
        return Scaled(graph, 1 + away) if path.stem == "focus" else graph

    check = check_golden(bundle, Recognizer(bundle, "litert", 1, None, opener))
    assert check.relative["focus.logits"] == pytest.approx(away, rel=0.1)
    assert bool(check.broken) == caught
