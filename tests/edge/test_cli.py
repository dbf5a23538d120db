"""How the program ends: signals, readers that go, full disks, names that are no text."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adafocus.edge.bundle.archive import pack
from adafocus.edge.bundle.bundle import Bundle
from tests.fuzzing.kind import small_bundle

PROGRAM = Path(sys.executable).parent / "adafocus"
RUN_LIMIT_S = 120
MANY = 2000


@pytest.fixture(scope="module")
def archive(shipped_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("zip")
    pack(small_bundle(shipped_bundle.path, place / "bundle"), place / "bundle.zip")
    return place / "bundle.zip"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the program unpacks; empty again afterwards, however it ended."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    yield place
    assert list(place.iterdir()) == []


def small_files_only(size: int) -> Callable[[], None]:
    """For a child: a file that grows beyond ``size`` meets what a full disk answers."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_in_one_sentence_and_leaves_nothing(
    archive: Path, real_videos: list[Path], temporary: Path, number: signal.Signals, code: int
) -> None:
    arguments: list[str | Path] = [PROGRAM, "run", archive, *[real_videos[0]] * MANY]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + RUN_LIMIT_S
    while not list(temporary.glob(".*/golden/*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert time.monotonic() < deadline
    time.sleep(1.0)
    process.send_signal(number)
    _, errors = process.communicate(timeout=RUN_LIMIT_S)
    assert process.returncode == code, errors
    assert len(errors.split("\n")) <= 3
    assert errors.strip() == ("adafocus: stopped by SIGTERM." if number == signal.SIGTERM else "adafocus: stopped.")


def test_sigterm_in_the_middle_of_a_file_leaves_none(tmp_path: Path) -> None:
    script = """
import pathlib, sys, time
from adafocus.edge.bundle.files import replacing_directory, replacing_file
from adafocus.edge.signals import end_cleanly_on_sigterm
end_cleanly_on_sigterm()
with replacing_file(pathlib.Path(sys.argv[1]) / "file") as one, replacing_directory(
    pathlib.Path(sys.argv[1]) / "folder", "marker"
) as two:
    one.write_text("half")
    (two / "half").write_text("half")
    print("written", flush=True)
    time.sleep(60)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    assert len(list(tmp_path.iterdir())) == 2
    process.terminate()
    process.communicate(timeout=RUN_LIMIT_S)
    assert process.returncode != 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_reader_that_goes_is_no_error(
    archive: Path, real_videos: list[Path], temporary: Path, as_json: tuple[str, ...]
) -> None:
    process = subprocess.Popen(
        [PROGRAM, "run", archive, real_videos[0], *as_json], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read()
    assert process.wait(timeout=RUN_LIMIT_S) == 1
    assert errors == ""


def test_a_full_disk_ends_in_one_sentence_and_leaves_nothing(
    archive: Path, real_videos: list[Path], temporary: Path, tmp_path: Path
) -> None:
    folder = small_bundle(archive.parent / "bundle", tmp_path / "bundle")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    calls: tuple[tuple[list[str | Path], int, str], ...] = (
        (["run", folder, real_videos[0], "--picture", pictures / "out.png"], 20_000, "out.png"),
        (["run", archive, real_videos[0]], 100_000, "cannot be unpacked"),
    )
    for arguments, size, word in calls:
        done = subprocess.run(
            [PROGRAM, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=RUN_LIMIT_S,
            preexec_fn=small_files_only(size),
        )
        assert done.returncode == 2, done.stderr
        assert word in done.stderr
        assert "File too large" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
    assert list(pictures.iterdir()) == []
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [PROGRAM, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=RUN_LIMIT_S
        )
    assert done.returncode == 2
    assert done.stderr.startswith("adafocus: No space left on device")


def test_a_name_that_is_no_text_is_shown_as_far_as_it_is_one(
    archive: Path, real_videos: list[Path], temporary: Path, tmp_path: Path
) -> None:
    odd = os.path.join(os.fsencode(tmp_path), b"clip_\xff.mp4")
    shutil.copyfile(real_videos[0], odd)
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "ascii:strict"}
    done = subprocess.run(
        [os.fsencode(PROGRAM), b"run", os.fsencode(archive), odd],
        capture_output=True,
        env=environment,
        check=False,
        timeout=RUN_LIMIT_S,
    )
    assert done.returncode == 0, done.stderr
    assert b"clip_" in done.stdout
    assert done.stderr == b""


def test_a_mistake_in_the_program_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    import click

    from adafocus.edge import cli

    @click.command()
    def broken() -> None:
        raise KeyError("a mistake")

    monkeypatch.setitem(cli.program.commands, "broken", broken)
    with pytest.raises(KeyError):
        cli.run(["broken"])


def test_a_code_that_a_verb_leaves_with_is_the_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    import click

    from adafocus.edge import cli

    @click.command()
    @click.pass_context
    def leaving(context: click.Context) -> None:
        context.exit(7)

    monkeypatch.setitem(cli.program.commands, "leaving", leaving)
    assert cli.run(["leaving"]) == 7
