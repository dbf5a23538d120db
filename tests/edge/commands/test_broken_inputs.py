"""One input of many that cannot be read: the others are answered, it is reported, and the exit code is 2."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from adafocus.edge.bundle.bundle import Bundle
from tests.helpers.program import CallHere
from tests.helpers.videos import write_video

QUICK = ("--clips", 2, "--seconds", 0, "--warm-up", 1)


def missing(path: Path) -> Path:
    return path.with_suffix(".mp4")


def empty(path: Path) -> Path:
    missing(path).touch()
    return missing(path)


def text(path: Path) -> Path:
    missing(path).write_text("no video")
    return missing(path)


def cut_off(path: Path) -> Path:
    whole = write_video(missing(path), 12)
    whole.write_bytes(whole.read_bytes()[:600])
    return whole


def bad_array(path: Path) -> Path:
    path.with_suffix(".npy").write_bytes(b"\x93NUMPY")
    return path.with_suffix(".npy")


def empty_folder(path: Path) -> Path:
    path.mkdir()
    return path


BROKEN = (missing, empty, text, cut_off, bad_array, empty_folder)


@pytest.fixture
def good(tmp_path: Path) -> list[Path]:
    """Return a video and an array."""
    np.save(tmp_path / "c.npy", np.zeros((8, 64, 48, 3), np.uint8))
    return [write_video(tmp_path / "a.mp4", 24), tmp_path / "c.npy"]


@pytest.mark.parametrize("kind", BROKEN)
def test_the_others_are_answered(
    adafocus_here: CallHere, ready_bundle: Bundle, good: list[Path], tmp_path: Path, kind: object
) -> None:
    broken = kind(tmp_path / "b_broken")  # type: ignore[operator]
    for videos in ([good[0], broken, good[1]], [broken, *good], [*good, broken]):
        done = adafocus_here("run", ready_bundle.path, *videos, "--json", "--top", 1)
        assert done.returncode == 2
        answers = json.loads(done.stdout)["videos"]
        assert [answer["video"] for answer in answers] == list(map(str, videos))
        assert [("error" in answer, "label" in answer) for answer in answers] == [
            (path == broken, path != broken) for path in videos
        ]
        assert str(broken) in done.stderr
        assert "1 of 3 videos cannot be used" in done.stderr
    done = adafocus_here("run", ready_bundle.path, good[0], broken, good[1])
    assert done.returncode == 2
    assert done.stdout.count("predicted after") == 2
    assert "b_broken" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", [empty, bad_array, missing])
def test_an_only_input_is_its_own_sentence(
    adafocus_here: CallHere, ready_bundle: Bundle, tmp_path: Path, kind: object
) -> None:
    broken = kind(tmp_path / "b_broken")  # type: ignore[operator]
    done = adafocus_here("run", ready_bundle.path, broken)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    done = adafocus_here("run", ready_bundle.path, broken, broken, "--json")
    assert done.returncode == 2
    assert ["error" in answer for answer in json.loads(done.stdout)["videos"]] == [True, True]


@pytest.mark.parametrize("error", [MemoryError(), PermissionError(13, "Permission denied"), OSError("broken")])
def test_an_error_of_the_system_belongs_to_its_video(
    adafocus_here: CallHere, ready_bundle: Bundle, good: list[Path], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    from adafocus.edge.commands import run

    real = run.read_clip

    def read(video: Path, *rest: object, **others: object) -> object:
        if video == good[0]:
            raise error
        return real(video, *rest, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(run, "read_clip", read)
    done = adafocus_here("run", ready_bundle.path, *good, "--json")
    assert done.returncode == 2
    assert ["error" in answer for answer in json.loads(done.stdout)["videos"]] == [True, False]
    assert str(good[0]) in done.stderr


@pytest.mark.parametrize("kind", [empty, bad_array, missing])
@pytest.mark.parametrize("decoding", [(), ("--without-decoding",)])
def test_bench_times_the_others(
    adafocus_here: CallHere,
    ready_bundle: Bundle,
    good: list[Path],
    tmp_path: Path,
    kind: object,
    decoding: tuple[str, ...],
) -> None:
    broken = kind(tmp_path / "b_broken")  # type: ignore[operator]
    done = adafocus_here("bench", ready_bundle.path, broken, *good, *QUICK, *decoding, "--json")
    assert done.returncode == 2
    report = json.loads(done.stdout)
    assert [video["name"] for video in report["videos"]] == ["a.mp4", "c.npy"]
    assert [entry["video"] for entry in report["errors"]] == [str(broken)]
    assert report["clips"] >= 2
    assert "1 of 3 videos cannot be used" in done.stderr
    done = adafocus_here("bench", ready_bundle.path, broken, *QUICK, *decoding)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
