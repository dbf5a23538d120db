"""TensorRT as far as it goes without a graphics processor: what is missing, the builder, what the parser refuses."""

from __future__ import annotations

import ctypes
import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adafocus.edge.runtimes import tensorrt
from adafocus.edge.runtimes.tensorrt import build_engine, problem
from adafocus.errors import BundleError

SIDE = 4
BAD = "Non-zero zero point"


def has_driver() -> bool:
    try:
        ctypes.CDLL(tensorrt.CUDA_DRIVER)
    except OSError:
        return False
    return True


@pytest.mark.skipif(has_driver(), reason="this machine has a driver for CUDA")
def test_without_a_device_there_is_one_sentence(tmp_path: Path) -> None:
    found = problem(tmp_path / "no such file")
    assert found is not None
    assert "needs a graphics processor of NVIDIA" in found
    assert "--runtime litert" in found


def test_the_wheel_of_the_package_index_is_refused_on_a_jetson(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board = tmp_path / "nv_tegra_release"
    board.write_text("# R36 (release), REVISION: 4.3\n")
    (tmp_path / "tensorrt_libs").mkdir()
    (tmp_path / "tensorrt_libs" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = problem(board)
    assert found is not None
    assert "SM 87 is not supported" in found
    assert "sudo apt install python3-libnvinfer" in found
    assert found != problem(tmp_path / "no Jetson")


def library() -> Any:
    if sys.platform != "linux":
        pytest.skip("NVIDIA has no wheel of its parser for this system")
    return pytest.importorskip("tensorrt_rtx", reason="NVIDIA has no wheel of its parser for this system")


def small_file(path: Path, zero_point: int) -> Path:
    """Write a quantized product of two 4 x 4 matrices."""
    onnx = importlib.import_module("onnx")
    make, number = onnx.helper, onnx.numpy_helper.from_array
    graph = make.make_graph(
        [
            make.make_node("QuantizeLinear", ["x", "scale", "zero"], ["codes"]),
            make.make_node("DequantizeLinear", ["codes", "scale", "zero"], ["real"]),
            make.make_node("MatMul", ["real", "weights"], ["y"]),
        ],
        "small",
        [make.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [SIDE, SIDE])],
        [make.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [SIDE, SIDE])],
        [
            number(np.array(0.25, np.float32), "scale"),
            number(np.array(zero_point, np.int8), "zero"),
            number(np.eye(SIDE, dtype=np.float32), "weights"),
        ],
    )
    onnx.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 20)], ir_version=10), str(path))
    return path


def test_an_engine_is_built_and_the_lines_say_so(tmp_path: Path) -> None:
    told: list[str] = []
    engine = build_engine(library(), small_file(tmp_path / "small.onnx", 0), told.append, "8.6")
    assert len(engine) > 1000
    assert "building the engine of small.onnx" in told[0]
    assert "its engine is built" in told[-1]


def test_progress_is_told_now_and_then() -> None:
    told: list[str] = []
    monitor = tensorrt.progress_monitor(library(), "small.onnx", told.append, every_s=0.0)
    monitor.phase_start("Tactics", None, 8)
    assert monitor.step_complete("Tactics", 3)
    assert told[0].startswith("small.onnx: Tactics, 4 of 8")
    quiet = tensorrt.progress_monitor(library(), "small.onnx", told.append, every_s=60.0)
    quiet.phase_start("Tactics", None, 8)
    assert quiet.step_complete("Tactics", 3)
    assert len(told) == 1


def test_a_refused_file_ends_in_a_sentence_with_what_helps(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=BAD) as caught:
        build_engine(library(), small_file(tmp_path / "small.onnx", -128), lambda _: None, "8.6")
    assert "--grids symmetric" in str(caught.value)
