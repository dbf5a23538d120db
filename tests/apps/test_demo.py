"""The demo: its videos, and what it says where it cannot go on."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from adafocus.apps.demo import __main__ as demo
from adafocus.apps.demo import program, videos
from adafocus.errors import AdafocusError


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(videos, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


def stand_in_for_pip(monkeypatch: pytest.MonkeyPatch, code: int) -> list[Sequence[str]]:
    """Let a download write a small wheel, or fail, and return the calls that are made."""
    calls: list[Sequence[str]] = []

    def run(call: Sequence[str], **_: object) -> SimpleNamespace:
        calls.append(call)
        if code == 0:
            wheel = Path(call[call.index("--dest") + 1]) / "pose2sim-0.10.49-py3-none-any.whl"
            with zipfile.ZipFile(wheel, "w") as archive:
                archive.writestr("Pose2Sim/__init__.py", "raise RuntimeError")
                for name, member in videos.DEMO.videos.items():
                    archive.writestr(member, name)
        return SimpleNamespace(returncode=code)

    monkeypatch.setattr("adafocus.apps.demo.videos.subprocess.run", run)
    return calls


def test_the_videos_are_taken_out_of_the_package_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = stand_in_for_pip(monkeypatch, 0)
    assert videos.DEMO.fetch() == videos.DEMO.fetch() == [cache / name for name in videos.DEMO.videos]
    assert len(calls) == 1
    assert sorted(path.name for path in cache.iterdir()) == sorted(videos.DEMO.videos)
    assert [path.read_text() for path in videos.DEMO.fetch()] == list(videos.DEMO.videos)


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
