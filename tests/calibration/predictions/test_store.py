"""Predictions on disk: only of the same clips, by content; what is damaged is refused in a sentence."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import numpy as np
import pytest

from adafocus.calibration.datasets import LabeledClip
from adafocus.calibration.predictions.ablations import LEARNED, Ablation
from adafocus.calibration.predictions.collect import Predictions
from adafocus.calibration.predictions.store import ADDED, KEY, load_or_collect
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError
from tests.helpers.numpy_bundle import MOTION, NumpyOpener, numpy_bundle

LEVELS = (0, 100, 255)


class Stored:
    """A bundle, clips of one grey each, and a file of predictions of them."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "predictions.npz"
        self.opener = NumpyOpener()
        self.recognizer = Recognizer(numpy_bundle("long"), "litert", 1, None, self.opener)
        self.clips = [LabeledClip(folder / f"{n}.npy", ("run",), f"g{n}", "val") for n in range(len(LEVELS))]
        for clip, level in zip(self.clips, LEVELS, strict=True):
            np.save(clip.path, np.full((12, 16, 16, 3), level, np.uint8))
        self.first = self.load()

    def load(self) -> Predictions:
        return load_or_collect(self.recognizer, self.clips, {LEARNED: Ablation()}, self.path)[LEARNED]

    def arrays(self) -> dict[str, np.ndarray]:
        with np.load(self.path, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    return Stored(tmp_path)


def test_the_same_clips_are_not_run_again(stored: Stored) -> None:
    calls = dict(stored.opener.calls)
    again = stored.load()
    assert np.array_equal(again.logits, stored.first.logits)
    assert stored.opener.calls == calls


def test_a_file_that_knows_sizes_alone_is_read(stored: Stored) -> None:
    arrays = stored.arrays()
    note = json.loads(str(arrays[KEY]))
    note[KEY]["clips"] = [[clip.path.as_posix(), clip.path.stat().st_size] for clip in stored.clips]
    np.savez(stored.path, **{**arrays, KEY: np.array(json.dumps(note))})  # type: ignore[arg-type]
    calls = dict(stored.opener.calls)
    assert np.array_equal(stored.load().logits, stored.first.logits)
    assert stored.opener.calls == calls


def test_a_file_of_an_earlier_version_is_read_without_what_it_did_not_keep(stored: Stored) -> None:
    arrays = {name: value for name, value in stored.arrays().items() if name.split(".")[-1] not in ADDED}
    note = json.loads(str(arrays[KEY]))
    del note[KEY]["geometry"]
    np.savez(stored.path, **{**arrays, KEY: np.array(json.dumps(note))})  # type: ignore[arg-type]
    calls = dict(stored.opener.calls)
    found = stored.load()
    assert (found.context.size, found.seconds.size) == (0, 0)
    assert np.array_equal(found.logits, stored.first.logits)
    assert stored.opener.calls == calls


def test_a_policy_of_motion_that_looks_elsewhere_is_another_run(tmp_path: Path) -> None:
    stored = Stored(tmp_path)
    for side in (0.5, 0.6):
        bundle = numpy_bundle("tsm", **{**MOTION, "box_min": side})
        stored.recognizer = Recognizer(bundle, "litert", 1, None, stored.opener)
        stored.path = tmp_path / "motion.npz"
        if side == 0.5:
            stored.load()
    with pytest.raises(AdafocusError, match="another run: geometry differ"):
        stored.load()


@pytest.mark.parametrize("number", range(len(LEVELS)))
def test_another_video_of_the_same_name_and_size_is_noticed(stored: Stored, number: int) -> None:
    path, before = stored.clips[number].path, stored.clips[number].path.stat()
    np.save(path, np.full((12, 16, 16, 3), 7, np.uint8))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    with pytest.raises(AdafocusError, match="clips differ"):
        stored.load()


def test_fewer_clips_are_noticed(stored: Stored) -> None:
    stored.clips.pop()
    with pytest.raises(AdafocusError, match="clips differ"):
        stored.load()


def of_other_arrays() -> bytes:
    file = io.BytesIO()
    np.savez(file, a=np.ones(3))
    return file.getvalue()


@pytest.mark.parametrize(
    "content", [b"", b"nothing", b"PK\x03\x04", bytes(100), b"\x80\x02}q\x00", b"\x93NUMPY", of_other_arrays()]
)
def test_a_file_that_is_none_is_refused(stored: Stored, content: bytes) -> None:
    stored.path.write_bytes(content)
    with pytest.raises(AdafocusError, match=r"predictions\.npz holds no predictions.*Delete it"):
        stored.load()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_file_that_is_cut_short_is_refused(stored: Stored, share: float) -> None:
    content = stored.path.read_bytes()
    stored.path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(AdafocusError, match="Delete it"):
        stored.load()


@pytest.mark.parametrize(
    "note", ["", "3", "[]", "{}", '{"key": 1}', '{"key": {}, "runs": [], "read": [], "broken": 3}']
)
def test_a_note_that_says_something_else_is_refused(stored: Stored, note: str) -> None:
    np.savez(stored.path, **{**stored.arrays(), KEY: np.array(note)})  # type: ignore[arg-type]
    with pytest.raises(AdafocusError, match="Delete it"):
        stored.load()


def test_a_missing_array_is_named(stored: Stored) -> None:
    arrays = {name: value for name, value in stored.arrays().items() if not name.endswith("logits")}
    np.savez(stored.path, **arrays)  # type: ignore[arg-type]
    with pytest.raises(AdafocusError, match=r"logits.*damaged"):
        stored.load()
