"""Which argument is the bundle: with one, without one, and with neither."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from adafocus.edge.bundle.archive import pack
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.cli import run
from adafocus.edge.commands import inputs
from adafocus.edge.commands.inputs import BUNDLE_IN_CHECKOUT, looks_like_source, read_inputs
from adafocus.errors import AdafocusError, BundleError
from tests.fuzzing.kind import small_bundle

USAGE = ("adafocus run BUNDLE VIDEO", "VIDEOS...")


@pytest.fixture(scope="module")
def archive(shipped_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("checkout")
    pack(small_bundle(shipped_bundle.path, place / "bundle"), place / "default.zip")
    return place / "default.zip"


@pytest.fixture
def default(archive: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run the program from a checkout that has a bundle."""
    monkeypatch.setattr(inputs, "DEFAULT_BUNDLE", archive)
    return archive


@pytest.fixture
def no_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the program as installed from a wheel."""
    monkeypatch.setattr(inputs, "DEFAULT_BUNDLE", tmp_path / "nowhere" / "default.zip")


def pictures(folder: Path) -> Path:
    folder.mkdir()
    (folder / "1.png").touch()
    return folder


def test_the_default_bundle_is_looked_for_in_the_checkout() -> None:
    assert Path(__file__).resolve().parents[3] / BUNDLE_IN_CHECKOUT == inputs.DEFAULT_BUNDLE


def test_a_bundle_and_sources_are_told_apart(archive: Path, tmp_path: Path, default: Path) -> None:
    folder, renamed = archive.parent / "bundle", tmp_path / "renamed.mp4"
    shutil.copyfile(archive, renamed)
    for bundle in (folder, archive, renamed):
        assert read_inputs([str(bundle), "a.mp4", "b.mp4"], *USAGE) == inputs.Inputs(bundle, ("a.mp4", "b.mp4"))
    for sources in (["a.mp4"], ["a.mp4", "b.MKV"], ["camera:0"], ["rtsp://camera/1"], [str(pictures(tmp_path / "p"))]):
        found = read_inputs(sources, *USAGE)
        assert (found.bundle, found.sources) == (default, tuple(sources))
        assert str(default) in found.note


@pytest.mark.parametrize(
    "text", ["clip.mp4", "folder/clip.webm", "frames.npy", "/dev/video0", "picamera:0", "jetson:0", "http://h/mjpeg"]
)
def test_a_source_is_known_by_its_name(text: str) -> None:
    assert looks_like_source(text)


@pytest.mark.parametrize(
    "text", ["nothing", "models/x3d.v2", "gone.zip", "folder/gone.ZIP", "folder/manifest.json", ""]
)
def test_any_other_name_is_taken_for_a_bundles(text: str) -> None:
    assert not looks_like_source(text)


def test_a_folder_is_a_source_where_it_holds_pictures_and_no_manifest(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "pictures")
    assert looks_like_source(str(folder))
    (folder / "manifest.json").touch()
    assert not looks_like_source(str(folder))
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "graph.tflite").touch()
    assert not looks_like_source(str(tmp_path / "damaged"))


@pytest.mark.parametrize("name", ["nothing", "gone.zip", "x3d.v2"])
def test_a_bundle_that_is_missing_is_never_replaced_by_the_default(default: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleError, match="There is no bundle at"):
        read_inputs([str(tmp_path / name)], *USAGE)
    found = read_inputs([str(tmp_path / name), "clip.mp4"], *USAGE)
    assert (found.bundle, found.note) == (tmp_path / name, "")


@pytest.mark.usefixtures("no_default")
def test_where_there_is_no_default_bundle_it_is_said_how_to_get_one() -> None:
    with pytest.raises(AdafocusError, match="is no bundle") as caught:
        read_inputs(["rtsp://user:secret@host/1"], *USAGE)
    for words in (str(BUNDLE_IN_CHECKOUT), "adafocus export", USAGE[0]):
        assert words in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.usefixtures("no_default")
def test_a_video_is_no_bundle(capfd: pytest.CaptureFixture[str], real_videos: list[Path]) -> None:
    for verb, videos in (("run", [real_videos[0]] * 2), ("stream", [real_videos[0]])):
        assert run([verb, *map(str, videos)]) == 2
        out, errors = capfd.readouterr()
        assert out == ""
        assert len(errors.strip().splitlines()) == 1
        assert f"{real_videos[0]} is no bundle" in errors


def called(capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def call(*arguments: object) -> str:
        capfd.readouterr()
        assert run([str(argument) for argument in arguments]) == 0
        out, errors = capfd.readouterr()
        assert errors == ""
        return out

    return call


def test_run_uses_the_bundle_of_the_checkout_and_says_so(
    capfd: pytest.CaptureFixture[str], default: Path, real_videos: list[Path]
) -> None:
    call, video = called(capfd), real_videos[0]
    note = f"No bundle was given, so {default} is used."
    assert call("run", video).splitlines()[0] == note
    assert "No bundle was given" not in call("run", default, video)
    short, long = (json.loads(call("run", *given, video, video, "--json")) for given in ((), (default,)))
    assert short["bundle"] == str(default)
    assert [one["top"] for one in short["videos"]] == [one["top"] for one in long["videos"]]


def test_stream_uses_the_bundle_of_the_checkout_and_says_so(
    capfd: pytest.CaptureFixture[str], default: Path, real_videos: list[Path]
) -> None:
    call, video = called(capfd), real_videos[0]
    assert call("stream", video).splitlines()[0] == f"No bundle was given, so {default} is used."
    events = [json.loads(line) for line in call("stream", video, "--json").splitlines()]
    assert (events[0]["event"], events[0]["bundle"]) == ("started", str(default))
    assert "No bundle was given" not in call("stream", default, video)


def test_what_is_left_out_or_too_much_is_named(
    capfd: pytest.CaptureFixture[str], default: Path, real_videos: list[Path]
) -> None:
    for arguments, words in (
        (["run"], "Missing argument 'VIDEOS...'"),
        (["run", default], "Missing argument 'VIDEOS...'"),
        (["stream", default], "Missing argument 'SOURCE'"),
        (["stream", real_videos[0], "camera:0"], "expected one source"),
        (["stream", default, real_videos[0], "camera:0"], "expected one source"),
    ):
        assert run([str(argument) for argument in arguments]) == 2
        assert words in capfd.readouterr().err
