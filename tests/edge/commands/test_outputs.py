"""No output takes the place of an input or of a part of a bundle, and none is appended to what is no events file."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.commands.outputs import check_outputs
from adafocus.edge.streaming.events import EventLog
from adafocus.errors import AdafocusError
from tests.helpers.program import CallHere
from tests.helpers.videos import write_video

MANIFEST = json.dumps({"schema_version": 1})


def itself(path: Path) -> Path:
    return path


def another_spelling(path: Path) -> Path:
    return path.parent / ".." / path.parent.name / path.name


def symbolic_link(path: Path) -> Path:
    link = path.parent / f"link{path.suffix}"
    link.symlink_to(path)
    return link


def hard_link(path: Path) -> Path:
    link = path.parent / f"hard{path.suffix}"
    os.link(path, link)
    return link


def linked_folder(path: Path) -> Path:
    link = path.parent.parent / "linked_folder"
    link.symlink_to(path.parent)
    return link / path.name


WAYS = (itself, another_spelling, symbolic_link, hard_link, linked_folder)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return a folder with inputs of several kinds."""
    folder = tmp_path / "files"
    folder.mkdir()
    write_video(folder / "clip.mp4", 4)
    np.save(folder / "frames.npy", np.zeros((2, 8, 8, 3), np.uint8))
    (folder / "before.json").write_text("{}")
    (folder / "clips.csv").write_text("path,label,group,split\nclip.mp4,walk,a,val\n")
    return folder


@pytest.fixture
def folder_bundle(tmp_path: Path) -> Path:
    bundle = tmp_path / "a bundle"
    (bundle / "graphs").mkdir(parents=True)
    (bundle / "manifest.json").write_text(MANIFEST)
    for stage in ("glance", "policy"):
        (bundle / "graphs" / f"{stage}.tflite").write_text(stage)
    return bundle


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["clip.mp4", "frames.npy", "before.json"])
@pytest.mark.parametrize("option", ["--annotate", "--out", "--events"])
def test_an_output_that_is_an_input_is_refused(
    files: Path, way: Callable[[Path], Path], name: str, option: str
) -> None:
    with pytest.raises(AdafocusError, match=f"{option} is .*the same file as the input .*{name}"):
        check_outputs({option: way(files / name)}, ["camera:0", files / name])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["manifest.json", "graphs/glance.tflite", "graphs/policy.tflite"])
def test_an_output_that_is_a_part_of_the_bundle_is_refused(
    folder_bundle: Path, way: Callable[[Path], Path], name: str
) -> None:
    with pytest.raises(AdafocusError, match=r"--events is .* bundle"):
        check_outputs({"--events": way(folder_bundle / name)}, [folder_bundle, "camera:0"])


@pytest.mark.parametrize("name", ["events.jsonl", "graphs/new.mp4", "notes/deep/report.json"])
def test_an_output_inside_the_folder_of_any_bundle_is_refused(folder_bundle: Path, name: str) -> None:
    for inputs in ([folder_bundle], []):
        with pytest.raises(AdafocusError, match="lies in the bundle"):
            check_outputs({"--out": folder_bundle / name}, inputs)
    with pytest.raises(AdafocusError, match="lies in the bundle"):
        check_outputs({"--out": folder_bundle / name}, [], bundle="--out")
    (folder_bundle / "manifest.json").write_text(MANIFEST + '{"event": "started"}\n')
    with pytest.raises(AdafocusError, match="lies in the bundle"):
        check_outputs({"--out": folder_bundle / name}, [])


@pytest.mark.parametrize("content", ["{}", '{"name": "an app"}', "no JSON", "[1]"])
def test_a_manifest_of_another_program_makes_no_bundle(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    check_outputs({"--out": tmp_path / "bench.json", "--events": tmp_path / "events.jsonl"}, [])


def test_a_zip_that_is_a_bundle_is_replaced_by_bundles_only(tmp_path: Path, folder_bundle: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", folder_bundle))
    with pytest.raises(AdafocusError, match="which is a bundle"):
        check_outputs({"--out": archive}, [])
    for place in (archive, folder_bundle):
        check_outputs({"--out": place}, [place], bundle="--out")


def test_a_bundle_that_is_replaced_takes_no_input_along(folder_bundle: Path) -> None:
    for name in ("clip.mp4", "clips/clip.mp4", "labels.txt"):
        (folder_bundle / name).parent.mkdir(exist_ok=True)
        (folder_bundle / name).touch()
        with pytest.raises(AdafocusError, match="will be replaced, and the input"):
            check_outputs({"--out": folder_bundle}, [folder_bundle / name], bundle="--out")


@pytest.mark.parametrize(
    "address", ["jetson:{}", "gst:filesrc location={} ! decodebin ! appsink", 'gst:filesrc location="{}" ! appsink']
)
def test_a_file_inside_an_address_is_an_input(files: Path, address: str) -> None:
    clip = files / "clip.mp4"
    with pytest.raises(AdafocusError, match="the same file as the input"):
        check_outputs({"--annotate": clip}, [address.format(clip)])


@pytest.mark.parametrize("name", ["0001.png", "new.PNG", "new.jpg"])
def test_a_picture_among_the_pictures_that_are_read_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "0001.png").touch()
    with pytest.raises(AdafocusError, match="whose pictures are the input"):
        check_outputs({"--picture": tmp_path / name}, [tmp_path])
    check_outputs({"--out": tmp_path / "bench.json", "--picture": tmp_path / "pictures" / name}, [tmp_path])


def test_two_outputs_are_two_files(files: Path) -> None:
    for one, other in (("a.mp4", "a.mp4"), ("a.mp4", "../files/a.mp4"), ("before.json", "hard.json")):
        if other == "hard.json":
            hard_link(files / one)
        with pytest.raises(AdafocusError, match="--annotate and --events are the same file"):
            check_outputs({"--annotate": files / one, "--events": files / other}, [])


def test_a_device_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (Path(os.devnull), tmp_path / "pipe"):
        with pytest.raises(AdafocusError, match="a device or a pipe"):
            check_outputs({"--out": place}, [])
        check_outputs({"--events": place}, [])


def test_ordinary_outputs_are_let_through(files: Path, folder_bundle: Path) -> None:
    (files / "old.json").touch()
    check_outputs(
        {"--out": files / "old.json", "--report": files / "new.html", "--picture": None},
        [folder_bundle, files / "clip.mp4", files, "rtsp://host/stream", "missing.mp4", None],
    )


@pytest.mark.parametrize(
    "content", [b"\x00\x00\x00 ftypisom", b'{"schema_version": 1}', b"path,label\n", b"[]", b"text"]
)
def test_events_are_not_appended_to_what_holds_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(AdafocusError, match="expected a new file, or one of events"):
        EventLog.open(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "before", ["", "\n", '{"event": "started"}\n', '{"event":"answer","t_s":1}\n', '{"event": "ans']
)
def test_events_are_appended_to_events_on_lines_of_their_own(tmp_path: Path, before: str) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(before)
    log = EventLog.open(path)
    log.write("started")
    log.close()
    text = path.read_text()
    assert text.startswith(before)
    assert json.loads(text.splitlines()[-1])["event"] == "started"


VERBS = (
    ("stream", "{bundle}", "{clip}", "--annotate", "{clip}"),
    ("stream", "{bundle}", "{clip}", "--events", "{bundle}/manifest.json"),
    ("run", "{bundle}", "{folder}", "--picture", "{folder}/0.png"),
    ("run", "{bundle}", "{folder}/0.png", "--picture", "{folder}/0.PNG"),
    ("bench", "{bundle}", "{clip}", "--out", "{clip}"),
    ("bench", "--compare", "{clip}", "{report}", "--out", "{report}"),
    ("export", "{clip}", "--verify", "{clip}", "--out", "{clip}"),
    ("export", "{clip}", "--verify", "{clip}", "--calibration", "{list}", "--out", "{list}"),
    ("presets", "--out", "{bundle}/manifest.json"),
    ("calibrate", "{bundle}", "{list}", "--predictions", "{clip}"),
    ("calibrate", "{bundle}", "{list}", "--predictions", "{bundle}/new.npz"),
    ("evaluate", "{bundle}", "{list}", "--out", "{clip}"),
    ("evaluate", "{bundle}", "{list}", "--report", "{list}"),
    ("evaluate", "{bundle}", "{list}", "--compare", "{report}", "--out", "{report}"),
    ("evaluate", "{bundle}", "{list}", "--touch-log", "{list}"),
    ("split", "{list}", "--out", "{list}"),
    ("quantize", "{report}", "--clips", "{list}", "--work", "w", "--out", "{report}"),
    ("quantize", "{report}", "--clips", "{list}", "--work", "w", "--out", "new.safetensors", "--report", "{clip}"),
    ("quantize", "{report}", "--clips", "{list}", "--work", "{bundle}", "--out", "new.safetensors"),
    ("train", "{report}", "--clips", "{list}", "--work", "w", "--out", "{clip}"),
    ("predict", "{report}", "--clips", "{list}", "--out", "{report}"),
    ("probe", "{report}", "--clips", "{list}", "--out", "{list}"),
    ("vectors", "{bundle}", "--bundle", "{bundle}"),
    ("vectors", "{bundle}/new", "--bundle", "{bundle}"),
    ("train", "{report}", "--clips", "{list}", "--work", "w", "--start", "glance={clip}", "--out", "{clip}"),
)


@pytest.mark.parametrize("words", VERBS, ids=lambda words: f"{words[0]} {words[-2]}")
def test_every_verb_refuses_before_any_work(
    adafocus_here: CallHere, ready_bundle: Bundle, files: Path, tmp_path: Path, words: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    bundle = tmp_path / "bundle"
    if ready_bundle.path.is_dir():
        shutil.copytree(ready_bundle.path, bundle)
    else:
        shutil.unpack_archive(ready_bundle.path, bundle)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "0.png").write_bytes(b"picture")
    places = {
        "bundle": bundle, "clip": files / "clip.mp4", "folder": pictures,
        "list": files / "clips.csv", "report": files / "before.json",
    }  # fmt: skip
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    done = adafocus_here(*(word.format(**places) for word in words))
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert "Choose another" in done.stderr
    assert done.stderr.startswith(("adafocus: --", "adafocus: OUT is "))
    assert len(done.stderr.splitlines()) == 1
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
