"""Names of files that a locale cannot read, or that libraries take for something else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from adafocus.edge.bundle.archive import pack
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.selftest import check_golden
from adafocus.edge.sources import open_finite
from adafocus.edge.video.clip import read_clip
from adafocus.errors import AdafocusError, BundleError, SourceError
from adafocus.native_names import native_name, plain_name, plain_text, with_folder
from tests.fuzzing.kind import small_bundle
from tests.helpers.videos import GEOMETRY, encode, frames_of

# Latin-1, an old Japanese Windows, a name that was cut in the middle of a letter
NO_UTF8 = [b"caf\xe9", b"\x93\xae\x89\xe6", b"film_\xe2\x82"]
ODD = [
    "a:b",
    "http:clip",
    "concat:clip",
    "-x",
    "100%03d",
    "per % cent",
    "l" * 250,
    "two  blanks",
    "quo'te\"s",
    "дом",
    "#1?",
]
CODECS = {".mp4": "libx264", ".webm": "libvpx", ".avi": "mpeg4", ".ts": "libx264"}
posix = pytest.mark.skipif(sys.platform != "linux", reason="other systems keep names as text")


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("videos")
    return {suffix: encode(folder / f"plain{suffix}", 12, codec) for suffix, codec in CODECS.items()}


@posix
@pytest.mark.parametrize("suffix", CODECS)
@pytest.mark.parametrize("name", NO_UTF8)
def test_a_video_whose_name_is_no_utf8_is_read(
    tmp_path: Path, videos: dict[str, Path], name: bytes, suffix: str
) -> None:
    path = Path(shutil.copy(videos[suffix], tmp_path / os.fsdecode(name + suffix.encode())))
    assert len(frames_of(open_finite(path))) == 12
    for packets in (True, False):
        clip = read_clip(path, GEOMETRY, packets=packets)
        assert np.array_equal(clip.candidates, read_clip(videos[suffix], GEOMETRY, packets=packets).candidates)
    assert os.listdir(tmp_path) == [path.name]


@posix
@pytest.mark.parametrize("name", NO_UTF8)
def test_pictures_and_folders_whose_names_are_no_utf8_are_read(tmp_path: Path, name: bytes) -> None:
    folder = tmp_path / os.fsdecode(name)
    folder.mkdir()
    cv2.imwrite(str(tmp_path / "a.png"), np.full((8, 8, 3), 70, np.uint8))
    (tmp_path / "a.png").rename(folder / os.fsdecode(name + b".png"))
    assert [int(frame.pixels.mean()) for frame in frames_of(open_finite(folder))] == [70]


@posix
@pytest.mark.parametrize("name", NO_UTF8)
def test_a_bundle_in_a_folder_whose_name_is_no_utf8_answers(tmp_path: Path, ready_bundle: Bundle, name: bytes) -> None:
    folder = tmp_path / os.fsdecode(name)
    folder.mkdir()
    small_bundle(ready_bundle.path, folder / os.fsdecode(name))
    pack(folder / os.fsdecode(name), folder / os.fsdecode(name + b".zip"))
    for path in (folder / os.fsdecode(name), folder / os.fsdecode(name + b".zip")):
        with Bundle.open(path) as bundle:
            assert check_golden(bundle, Recognizer.open(bundle, threads=1)).broken == []
    (folder / os.fsdecode(name) / "graphs" / "focus.tflite").unlink()
    with pytest.raises(BundleError, match=r"focus.tflite is missing"):
        Bundle.open(folder / os.fsdecode(name))


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
@pytest.mark.parametrize("name", ODD)
def test_names_that_mean_something_else_elsewhere_are_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, videos: dict[str, Path], name: str, suffix: str
) -> None:
    shutil.copy(videos[suffix], tmp_path / f"{name}{suffix}")
    monkeypatch.chdir(tmp_path)
    assert len(frames_of(open_finite(f"{name}{suffix}"))) == 12
    assert read_clip(f"{name}{suffix}", GEOMETRY).frame_count == 12


@pytest.mark.parametrize("name", ["a%d.png", "a%03d.jpg", "a%2d.bmp"])
def test_a_percent_sign_is_no_pattern_for_other_pictures(tmp_path: Path, name: str) -> None:
    for level, other in ((50, name), (200, name % 1), (220, name % 2)):
        encoded = cv2.imencode(Path(name).suffix, np.full((64, 64, 3), level, np.uint8))[1]
        (tmp_path / other).write_bytes(encoded.tobytes())
    assert [round(float(frame.pixels.mean())) for frame in frames_of(open_finite(tmp_path / name))] == [50]
    assert read_clip(tmp_path / name, GEOMETRY).frame_count == 1


@posix
@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".avi"])
def test_a_locale_without_utf8_reads_what_any_other_reads(tmp_path: Path, videos: dict[str, Path], suffix: str) -> None:
    (tmp_path / "ü").mkdir()
    path = shutil.copy(videos[suffix], tmp_path / "ü" / f"ä{suffix}")
    picture = tmp_path / "bäume"
    picture.mkdir()
    cv2.imwrite(str(tmp_path / "a.png"), np.full((8, 8, 3), 70, np.uint8))
    (tmp_path / "a.png").rename(picture / "ö.png")
    code = (
        "import sys; from adafocus.edge.sources import open_finite\n"
        "for address in sys.argv[1:]:\n"
        "    source = open_finite(address); source.grab(); print(source.retrieve().pixels.shape)"
    )
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", code, path, picture], env=plain, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "(64, 96, 3)\n(8, 8, 3)\n"), done.stderr


@posix
@pytest.mark.parametrize("name", ["l" * 300 + ".mp4", "l" * 300, "deep/" * 1000 + "clip.mkv"])
def test_names_that_no_file_can_have_end_in_a_sentence(name: str) -> None:
    with pytest.raises(SourceError, match=r"cannot be looked for \(File name too long\)"):
        read_clip(name, GEOMETRY)


@posix
def test_a_library_writes_under_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"out\xe9.png")
    with native_name(path) as name:
        assert name.isascii()
        assert name.endswith(".png")
        assert cv2.imwrite(name, np.zeros((4, 4, 3), np.uint8))
    assert path.stat().st_size > 0
    assert not Path(name).exists()


def test_ordinary_names_stay_what_they_are(tmp_path: Path) -> None:
    with native_name(tmp_path / "clip.mp4") as name:
        assert name == str(tmp_path / "clip.mp4")
    assert plain_name("clip.mp4") == with_folder("clip.mp4") == os.path.join(".", "clip.mp4")
    assert plain_text("rtsp://häuser/1") == "rtsp://häuser/1"
    assert plain_text("\udce9") is None
    assert plain_text("a\0b") is None


@posix
def test_where_no_link_can_be_made_the_file_is_to_be_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    with (
        pytest.raises(AdafocusError, match=r"not UTF-8.*Rename the file"),
        native_name(tmp_path / os.fsdecode(b"\xe9.mp4")),
    ):
        pass
