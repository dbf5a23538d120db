"""Arrays in memory and in .npy files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from adafocus.edge.sources import open_source
from adafocus.edge.sources.array import ArraySource
from adafocus.errors import SourceError
from tests.helpers.videos import frames_of


@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_an_array_gives_its_frames(tmp_path: Path, order: str) -> None:
    stored = np.random.default_rng(0).integers(0, 256, (5, 6, 8, 3), dtype=np.uint8)
    np.save(tmp_path / "frames.npy", stored)
    frames = frames_of(open_source(tmp_path / "frames.npy", order=order, fps=50))
    expected = stored[..., ::-1] if order == "rgb" else stored
    assert np.array_equal(np.stack([frame.pixels for frame in frames]), expected)
    assert [frame.timestamp_s for frame in frames] == [0, 0.02, 0.04, 0.06, 0.08]


def test_a_grey_array_becomes_colour() -> None:
    stored = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    frames = frames_of(ArraySource(stored))
    assert np.array_equal(frames[1].pixels, np.repeat(stored[1, :, :, None], 3, 2))


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        (np.zeros((2, 4, 4, 3), np.float32), "float32"),
        (np.zeros((2, 4, 4, 4), np.uint8), r"\(2, 4, 4, 4\)"),
        (np.zeros((4, 4), np.uint8), r"\(4, 4\)"),
        (np.zeros((0, 4, 4, 3), np.uint8), r"\(0, 4, 4, 3\)"),
    ],
)
def test_an_array_of_something_else_ends_in_a_sentence(tmp_path: Path, stored: NDArray[Any], found: str) -> None:
    np.save(tmp_path / "frames.npy", stored)
    with pytest.raises(SourceError, match=f"{found}.*expected uint8"):
        open_source(tmp_path / "frames.npy")


@pytest.mark.parametrize("name", ["frames.npz", "frames.npy", "two words.npz"])
@pytest.mark.parametrize("arrays", [{}, {"a": np.zeros((2, 4, 4, 3), np.uint8)}, {"x": np.zeros(1), "y z": np.ones(1)}])
def test_several_arrays_in_a_file_are_named(tmp_path: Path, arrays: dict[str, Any], name: str) -> None:
    with (tmp_path / name).open("wb") as file:
        np.savez(file, **arrays)
    with pytest.raises(SourceError, match="with the arrays") as caught:
        open_source(tmp_path / name)
    assert all(repr(array) in str(caught.value) for array in arrays)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"no array at all", b"\x93NUMPY\x01\x00\x04\x00(((\n"])
def test_a_damaged_array_ends_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "frames.npy").write_bytes(content)
    with pytest.raises(SourceError, match="cannot be read as an array"):
        open_source(tmp_path / "frames.npy")


def test_an_array_that_would_run_code_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "frames.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(SourceError, match="cannot be read as an array"):
        open_source(tmp_path / "frames.npy")
