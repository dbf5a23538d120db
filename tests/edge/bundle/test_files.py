"""Nothing half-written is ever seen."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from adafocus.edge.bundle.files import HOST, replacing_directory, replacing_file
from adafocus.edge.runtimes.log_filter import hide_log_lines
from adafocus.errors import AdafocusError


def write_half(path: Path) -> None:
    with replacing_file(path) as beside:
        beside.write_text("half")
        raise KeyError


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "answer.png"
    with pytest.raises(KeyError):
        write_half(path)
    assert list(path.parent.iterdir()) == []
    with replacing_file(path) as beside:
        beside.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    with pytest.raises(KeyError):
        write_half(path)
    assert path.read_text() == "whole"
    assert [entry.name for entry in path.parent.iterdir()] == ["answer.png"]


def test_a_directory_replaces_only_its_own_kind(tmp_path: Path) -> None:
    path = tmp_path / "bundle"
    with replacing_directory(path, "manifest.json") as beside:
        (beside / "manifest.json").write_text("1")
    with replacing_directory(path, "manifest.json") as beside:
        (beside / "manifest.json").write_text("2")
    assert (path / "manifest.json").read_text() == "2"
    with pytest.raises(KeyError), replacing_directory(path, "manifest.json"):
        raise KeyError
    assert (path / "manifest.json").read_text() == "2"
    assert [entry.name for entry in tmp_path.iterdir()] == ["bundle"]
    other = tmp_path / "photographs"
    other.mkdir()
    (other / "one.jpg").touch()
    with pytest.raises(AdafocusError, match="not replaced"), replacing_directory(other, "manifest.json"):
        pass
    assert (other / "one.jpg").exists()


def test_a_place_that_cannot_be_written_ends_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AdafocusError, match="Cannot write"), replacing_file(tmp_path / "file" / "x.png"):
        pass
    with pytest.raises(AdafocusError, match="Cannot write"), replacing_directory(tmp_path / "file" / "x", "m"):
        pass


def test_remarks_are_held_back_and_the_rest_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    with hide_log_lines():
        os.write(2, b"INFO: created a delegate\nERROR: no memory\n")
    assert capfd.readouterr().err == "ERROR: no memory\n"


SCRIPT = """
import pathlib, resource, sys
from adafocus.errors import AdafocusError
from adafocus.edge.bundle.files import replacing_directory, replacing_file
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
place = pathlib.Path(sys.argv[1])
try:
    if sys.argv[2] == "file":
        with replacing_file(place / "one") as beside:
            beside.write_bytes(bytes(5000))
    else:
        with replacing_directory(place / "many", "marker") as beside:
            (beside / "first").write_bytes(bytes(500))
            (beside / "second").write_bytes(bytes(5000))
except AdafocusError as error:
    print(error)
"""


@pytest.mark.parametrize(("kind", "name"), [("file", "one"), ("directory", "many")])
def test_a_disk_that_takes_no_more_leaves_what_was_there(tmp_path: Path, kind: str, name: str) -> None:
    """A limit on the size of files stands in for a full disk: writing meets an error of the system in the middle."""
    place = tmp_path / name
    if kind == "file":
        place.write_text("before")
    else:
        place.mkdir()
        (place / "marker").write_text("before")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path, kind], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.startswith(f"Cannot write {place}: File too large. Make room")
    assert done.stderr == ""
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    assert (place if kind == "file" else place / "marker").read_text() == "before"


def test_a_directory_that_cannot_be_exchanged_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bundle"
    path.mkdir()
    (path / "marker").write_text("before")
    real, calls = os.replace, []

    def replace_once(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(errno.EIO, "Input/output error")
        real(source, target)

    monkeypatch.setattr("adafocus.edge.bundle.files.os.replace", replace_once)
    with pytest.raises(AdafocusError, match="Input/output error"), replacing_directory(path, "marker") as beside:
        (beside / "marker").write_text("after")
    assert (path / "marker").read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["bundle"]


def test_an_error_of_what_is_read_is_not_said_to_be_one_of_writing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing_directory(tmp_path / "x", "marker"):
        (tmp_path / "missing").read_text()
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, pathlib, signal, sys
from adafocus.edge.bundle import files
place = pathlib.Path(sys.argv[1])
if sys.argv[2] == "file":
    with files.replacing_file(place) as beside:
        beside.write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "exchange":
    calls = []
    real = os.replace
    def replace(source, target):
        calls.append(target)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        real(source, target)
    files.os.replace = replace
with files.replacing_directory(place, "marker") as beside:
    (beside / "marker").write_text("half")
    if sys.argv[2] == "directory":
        os.kill(os.getpid(), signal.SIGKILL)
"""
NEXT = """
import pathlib, sys
from adafocus.edge.bundle.files import replacing_directory, replacing_file
place = pathlib.Path(sys.argv[1])
if sys.argv[2] == "file":
    with replacing_file(place.parent / "another.json") as beside:
        beside.write_text("whole")
else:
    try:
        with replacing_directory(place, "marker"):
            print(*(path.name for path in place.parent.iterdir() if not path.name.startswith(".")))
            raise KeyError
    except KeyError:
        pass
"""


def start(script: str, *arguments: object) -> int:
    call = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(call, check=False, timeout=120).returncode


@pytest.mark.parametrize("name", ["out.json", "a name with blanks.mp4", "n" * 240 + ".txt"])
def test_what_a_killed_run_left_beside_a_file_goes_with_the_next(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("before")
    (tmp_path / ".hidden.json").write_text("of somebody else")
    assert start(KILLED, tmp_path / name, "file") == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 3
    assert start(NEXT, tmp_path / name, "file") == 0
    assert {entry.name for entry in tmp_path.iterdir()} == {name, ".hidden.json", "another.json"}
    assert (tmp_path / name).read_text() == "before"


@pytest.mark.parametrize("way", ["directory", "exchange"])
def test_what_a_killed_run_left_beside_a_directory_goes_and_the_old_one_is_there(tmp_path: Path, way: str) -> None:
    place = tmp_path / "bundle"
    place.mkdir()
    (place / "marker").write_text("before")
    assert start(KILLED, place, way) == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 2
    assert start(NEXT, place, "directory") == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["bundle"]
    assert (place / "marker").read_text() == "before"


def test_what_is_being_written_is_left_alone(tmp_path: Path) -> None:
    with replacing_file(tmp_path / "one.json") as beside:
        beside.write_text("1")
        with replacing_directory(tmp_path / "bundle", "marker") as folder:
            (folder / "marker").touch()
            assert start(NEXT, tmp_path / "two.json", "file") == 0
            assert beside.exists()
            assert folder.exists()
    assert {entry.name for entry in tmp_path.iterdir()} == {"one.json", "bundle", "another.json"}


TEMPORARY = """
import os, signal, sys, tempfile
from adafocus.edge.bundle.files import temporary_prefix
place = tempfile.mkdtemp(prefix=temporary_prefix("bundle"))
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
os.rmdir(place)
"""


def test_temporary_folders_of_killed_runs_go_with_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    running = tmp_path / f".bundle.adafocus-{HOST}-{os.getpid()}-x"
    running.mkdir()
    assert start(TEMPORARY, "killed") == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 2
    assert start(TEMPORARY, "again") == 0
    assert list(tmp_path.iterdir()) == [running]
