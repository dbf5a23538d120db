"""What is said to be typed next can be typed: quoted for the shell, on one line, never taken for an option."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.commands.options import command
from adafocus.edge.video.clip import read_clip
from adafocus.errors import VideoError, shell_word
from tests.helpers.program import CallHere
from tests.helpers.videos import GEOMETRY, write_video

NAMES = (
    "plain",
    "two words",
    "it's",
    "a [bold]b",
    "$HOME",
    "a;b",
    "-x",
    "a name that is longer than any terminal is wide, so that it would be broken into several lines " * 2,
)


@pytest.mark.parametrize("name", NAMES)
def test_a_shell_sees_the_path_again(name: str) -> None:
    (word,) = shlex.split(shell_word(Path(name)))
    assert not word.startswith("-")
    assert Path(word) == Path(name)
    assert shlex.split(command("run", Path(name), "VIDEO")) == ["adafocus", "run", word, "VIDEO"]


@pytest.mark.parametrize("name", NAMES)
def test_every_verb_quotes_what_is_typed_next(
    adafocus_here: CallHere, ready_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    bundle = Path(name.strip())
    if ready_bundle.path.is_dir():
        shutil.copytree(ready_bundle.path, bundle)
    else:
        shutil.unpack_archive(ready_bundle.path, bundle)
    video = write_video(Path("clip.mp4"), 8).rename(f"{bundle.name}.mp4")
    bench = ("--clips", "1", "--seconds", "0", "--warm-up", "0")
    calls: tuple[tuple[str, tuple[str, ...], list[Path], list[str | Path]], ...] = (
        ("inspect", (), [bundle], ["adafocus", "selftest", bundle]),
        ("run", (), [bundle, video], ["adafocus", "bench", bundle, video]),
        ("bench", bench, [bundle, video], ["adafocus", "bench", bundle, video, "--out", "before.json"]),
    )
    for verb, options, paths, following in calls:
        done = adafocus_here(verb, *options, "--", *paths)
        assert done.returncode == 0, done.stderr
        (line,) = [line for line in done.stdout.splitlines() if line.startswith("next: ")]
        found = shlex.split(line.removeprefix("next: "))
        assert [Path(word) for word in found] == [Path(word) for word in following]
        assert not any(word.startswith("-x") for word in found)


@pytest.mark.parametrize("name", ["two words", "it's", "-x", "$HOME"])
def test_what_converts_a_video_that_cannot_be_read_is_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path(f"{name}.mp4")
    path.write_text("no video")
    with pytest.raises(VideoError) as caught:
        read_clip(path, GEOMETRY)
    line = shlex.split(str(caught.value).rpartition("convert it: ")[2])
    assert line[:2] == ["ffmpeg", "-i"]
    assert not line[2].startswith("-")
    assert Path(line[2]) == path
