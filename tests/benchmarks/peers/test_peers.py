"""The comparison with stock converters: what a failure becomes, and what its figures mean."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from adafocus.calibration.predictions.ground_truth import GroundTruth
from adafocus.networks import build_classifier
from adafocus.networks.backbones import depthwise
from benchmarks.peers import conversion, row, subjects
from benchmarks.peers.__main__ import NOT_TRIED, main, outcomes
from benchmarks.peers.conversion import Task, death_in_words, known, sentence_of
from benchmarks.peers.makers import MAKERS
from benchmarks.peers.opened import open_file
from benchmarks.peers.row import CLIP, EAGER, OURS, PUBLISHED, STOCK, Row, figures

# a process that is forked takes what a test put in place of a converter
FORK = multiprocessing.get_context("fork")
TRUTH = GroundTruth(np.array([0, 1]), np.eye(2, dtype=bool))
RIGHT, HALF = np.eye(2, dtype=np.float32), np.array([[1, 0], [1, 0]], np.float32)


def test_figures_are_set_beside_our_file_and_beside_the_labels_of_the_float_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(row, "REST_S", 0.0)
    rows = [
        Row(OURS, "net", "us", "int8", "litert", CLIP, 2_000_000, lambda: time.sleep(0.001), RIGHT),
        Row(EAGER, "net", "eager", "float32", "pytorch", CLIP, 8_000_000, lambda: time.sleep(0.01), HALF),
        Row(STOCK, "net", "stock", "int8", "onnx", CLIP, said="it failed"),
        Row(OURS, "alone", "us", "int8", "litert", CLIP, 1_000_000, lambda: None),
        Row(PUBLISHED, "other", "them", "int8", "litert", CLIP, 1_000_000, lambda: time.sleep(0.01), beside="net"),
    ]
    ours, eager, failed, alone, other = figures(rows, TRUTH, max_s=0.0)
    assert (ours["times_ours"], alone["times_ours"]) == (1.0, None)
    for one in (eager, other):
        assert one["times_ours"] == pytest.approx(one["ms"] / ours["ms"], rel=0.01)
        assert one["ms"] >= 10.0
    assert (ours["top1_percent"], ours["same_label"], ours["mb"]) == (100.0, 1, 2.0)
    assert (eager["top1_percent"], eager["same_label"]) == (50.0, 2)
    assert (failed["ms"], failed["top1_percent"], failed["said"]) == (None, None, "it failed")
    assert (other["top1_percent"], other["same_label"]) == (None, None)


def test_errors_of_libraries_become_one_line_without_folders() -> None:
    error = ValueError("\n\n  cannot legalize /home/me/net.mlir: 'tf.Conv3D'\nand much more")
    assert sentence_of(error) == "ValueError: cannot legalize net.mlir: 'tf.Conv3D'"
    assert sentence_of(OSError(".cache/peers/x3d/network.pte: int8/fp16")) == "OSError: network.pte: int8/fp16"
    assert sentence_of(KeyError()) == "KeyError: no message"
    assert death_in_words(-11) == "its process died of SIGSEGV"
    assert death_in_words(3) == "its process ended with exit code 3"


@pytest.fixture
def task(tmp_path: Path) -> Task:
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"weights")
    return Task(0, 1, weights, tmp_path / "views.npz", tmp_path / "kept")


def _dies(task: Task) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hangs(task: Task) -> None:
    time.sleep(60)


@pytest.mark.parametrize(
    ("work", "limit_s", "said", "tried_again"),
    [
        (_dies, 60.0, "its process died of SIGKILL", False),
        (_hangs, 0.2, "stopped after 0 minutes, without a file", True),
    ],
)
def test_a_converter_that_dies_or_hangs_is_an_outcome_that_is_remembered(
    work: object, limit_s: float, said: str, tried_again: bool, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "work", work)
    monkeypatch.setattr(multiprocessing, "get_context", lambda _: FORK)
    assert conversion.convert(task, limit_s).error == said
    remembered = known(task, 0.1)
    assert remembered is not None
    assert (remembered.error, remembered.logits) == (said, None)
    assert (known(task, 60.0) is None) == tried_again


def test_what_there_was_no_time_for_says_so_and_is_left_for_another_run(task: Task) -> None:
    assert [one.error for one in outcomes([task], 60.0, 0.0)] == [NOT_TRIED]
    assert known(task, 60.0) is None


def test_a_quantizer_is_not_tried_where_there_is_no_file_to_quantize(task: Task) -> None:
    tasks = [
        replace(task, maker=place) for place, maker in enumerate(MAKERS) if "litert-torch" in (maker.name, maker.after)
    ]
    assert [one.before for one in tasks] == [None, tasks[0]]
    assert [one.error for one in outcomes(tasks, 60.0, 0.0)] == [NOT_TRIED, NOT_TRIED]
    tasks[0].folder.mkdir(parents=True)
    tasks[0].outcome.write_text('{"error": "it died", "seconds": 1.0, "stopped": false}')
    assert [one.error for one in outcomes(tasks, 60.0, 0.0)] == ["it died", "litert-torch made no file to start from"]


def test_the_network_of_stock_converters_has_plain_convolutions_and_is_opened_as_it_was_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = replace(subjects.X3D, load=lambda _: build_classifier("x3d_s", 5))
    monkeypatch.delattr(depthwise, "by_matrices")
    net, clip = subject.net(tmp_path), torch.randn(1, 4, 3, 32, 32)
    expected = net(clip)[0].numpy()
    torch.save(net, tmp_path / "net.pt")
    np.testing.assert_array_equal(open_file("pytorch", tmp_path / "net.pt", 1)(clip.numpy())(), expected)


def test_missing_weights_end_in_a_sentence(tmp_path: Path) -> None:
    asked = ["--peers", str(tmp_path), "--clips", "clips.csv", "--weights", str(tmp_path / "none.safetensors")]
    found = CliRunner().invoke(main, asked)
    assert found.exit_code == 2
    assert "There are no weights at" in found.output
