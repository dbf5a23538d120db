"""The demo: its videos, and what it says where it cannot go on."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import av
import pytest
from click.testing import CliRunner

from adafocus.apps.demo import __main__ as demo
from adafocus.apps.demo import program, videos
from adafocus.errors import AdafocusError
from tests.helpers.videos import encode

LONGEST_EXCERPT_FRAMES = 8 * 30


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(videos, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


def stand_in_for_pip(monkeypatch: pytest.MonkeyPatch, code: int, film: Path | None = None) -> list[Sequence[str]]:
    """Let a download write a small wheel whose videos are ``film``, or fail, and return the calls that are made."""
    calls: list[Sequence[str]] = []

    def run(call: Sequence[str], **_: object) -> SimpleNamespace:
        calls.append(call)
        if code == 0:
            wheel = Path(call[call.index("--dest") + 1]) / f"{videos.DEMO.wheel.replace('==', '-')}-py3-none-any.whl"
            with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("musicalgestures/__init__.py", "raise RuntimeError")
                for member in {excerpt.member for excerpt in videos.DEMO.videos.values()}:
                    archive.writestr(member, film.read_bytes() if film is not None else b"")
        return SimpleNamespace(returncode=code)

    monkeypatch.setattr("adafocus.apps.demo.videos.subprocess.run", run)
    return calls


def levels(path: Path) -> list[float]:
    """Return the mean grey level of every frame, as far as the longest excerpt goes."""
    with av.open(str(path)) as container:
        frames = container.decode(video=0)
        return [float(frame.to_ndarray(format="gray").mean()) for frame in frames][: LONGEST_EXCERPT_FRAMES + 1]


def test_passages_of_the_package_s_video_are_cut_out_once(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = encode(tmp_path / "film.avi", 90 * 30, g="60", preset="ultrafast")
    calls = stand_in_for_pip(monkeypatch, 0, film)
    assert videos.DEMO.fetch() == videos.DEMO.fetch() == [cache / name for name in videos.DEMO.videos]
    assert len(calls) == 1
    assert sorted(path.name for path in cache.iterdir()) == sorted(videos.DEMO.videos)
    with av.open(str(film)) as container:
        whole = [float(frame.to_ndarray(format="gray").mean()) for frame in container.decode(video=0)]
    for path, excerpt in zip(videos.DEMO.fetch(), videos.DEMO.videos.values(), strict=True):
        # key frames stand every two seconds
        start = int(excerpt.start_s // 2 * 2 * 30)
        assert excerpt.seconds is not None
        assert levels(path) == whole[start : start + round(excerpt.seconds * 30)]


def test_a_whole_video_is_taken_as_it_is(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "one.whl", "w") as archive:
        archive.writestr("some/film.mp4", b"some bytes")
    with zipfile.ZipFile(tmp_path / "one.whl") as archive:
        videos.Excerpt("some/film.mp4").write(archive, tmp_path / "film.mp4")
    assert (tmp_path / "film.mp4").read_bytes() == b"some bytes"


def test_without_a_package_index_the_sentence_says_what_to_type(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in_for_pip(monkeypatch, 1)
    with pytest.raises(AdafocusError, match=r"make demo VIDEO="):
        videos.DEMO.fetch()


def test_a_video_that_is_not_there_is_refused_before_anything_is_converted(tmp_path: Path) -> None:
    done = CliRunner().invoke(demo.main, [str(tmp_path / "missing.mp4")])
    assert done.exit_code == 2


def test_a_verb_that_fails_ends_the_demo_with_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adafocus.apps.demo.program.subprocess.run", lambda *_, **__: SimpleNamespace(returncode=3))
    with pytest.raises(SystemExit) as stopped:
        program.adafocus("selftest", "bundle")
    assert stopped.value.code == 3
