"""Bundles as one stored zip: aligned, the same bytes every time, and nothing else is taken for one."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from adafocus.edge.bundle.archive import ALIGNMENT, MANIFEST, collision, is_archive, pack, unpack, unsafe
from adafocus.edge.bundle.bundle import Bundle, is_bundle
from adafocus.edge.bundle.manifest import MAX_BUNDLE_FILES
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import BundleError


@pytest.fixture
def archive(shipped_bundle: Bundle, tmp_path: Path) -> Path:
    path = tmp_path / "bundle.zip"
    pack(shipped_bundle.path, path)
    return path


def test_every_member_is_stored_and_starts_on_a_boundary(archive: Path) -> None:
    content = archive.read_bytes()
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        members = opened.infolist()
        assert members[0].filename == MANIFEST
        for info in members:
            assert info.compress_type == zipfile.ZIP_STORED
            name, extra = struct.unpack_from("<HH", content, info.header_offset + 26)
            start = info.header_offset + 30 + name + extra
            assert start % ALIGNMENT == 0
            assert content[start : start + info.file_size] == opened.read(info)


def test_the_same_folder_gives_the_same_bytes_at_another_time(
    shipped_bundle: Bundle, archive: Path, tmp_path: Path
) -> None:
    copied = Path(shutil.copytree(shipped_bundle.path, tmp_path / "copied", copy_function=shutil.copyfile))
    pack(copied, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == archive.read_bytes()


def test_a_zip_answers_like_its_folder(shipped_bundle: Bundle, archive: Path, real_videos: list[Path]) -> None:
    assert is_bundle(archive)
    opened = Bundle.open(archive)
    assert opened.manifest == shipped_bundle.manifest
    ours, theirs = (Recognizer.open(bundle).recognize(real_videos[0]) for bundle in (opened, shipped_bundle))
    assert ours.logits.tolist() == theirs.logits.tolist()


def test_the_unpacked_folder_goes_with_the_process(archive: Path) -> None:
    script = "import sys; from adafocus.edge.bundle.bundle import Bundle; print(Bundle.open(sys.argv[1]).path)"
    done = subprocess.run([sys.executable, "-c", script, archive], capture_output=True, text=True, check=True)
    assert not Path(done.stdout.strip()).exists()


def test_what_is_no_bundle_is_refused_with_a_sentence(archive: Path, tmp_path: Path) -> None:
    nothing = tmp_path / "text.zip"
    nothing.write_text("no zip")
    with pytest.raises(BundleError, match="no zip file"):
        Bundle.open(nothing)
    cut = tmp_path / "cut.zip"
    cut.write_bytes(archive.read_bytes()[:5000])
    with pytest.raises(BundleError, match="no zip file"):
        Bundle.open(cut)
    squeezed = tmp_path / "squeezed.zip"
    with zipfile.ZipFile(squeezed, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(MANIFEST, "{}")
    with pytest.raises(BundleError, match="compressed"):
        Bundle.open(squeezed)
    leading_out = tmp_path / "out.zip"
    with zipfile.ZipFile(leading_out, "w") as made:
        made.writestr("../outside", "x")
    with pytest.raises(BundleError, match="outside"):
        Bundle.open(leading_out)
    assert not (tmp_path.parent / "outside").exists()


def test_a_changed_byte_inside_a_zip_is_found(archive: Path, tmp_path: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
    with pytest.raises(BundleError, match=r"changed|damaged"):
        Bundle.open(archive)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Write a zip like a bundle's, of a few bytes: what is refused is refused before anything is looked into."""
    folder = tmp_path / "folder"
    (folder / "graphs").mkdir(parents=True)
    (folder / MANIFEST).write_text("{}")
    (folder / "graphs" / "one.tflite").write_bytes(bytes(range(256)) * 8)
    pack(folder, tmp_path / "small.zip")
    return tmp_path / "small.zip"


def refused(archive: Path) -> str:
    """Return what is said of a zip; nothing of it was written, inside the folder or beside it."""
    place = archive.parent / "place"
    (place / "inside").mkdir(parents=True)
    before = sorted(archive.parent.rglob("*"))
    with pytest.raises(BundleError) as caught:
        unpack(archive, place / "inside")
    assert sorted(archive.parent.rglob("*")) == before
    return str(caught.value)


def add(archive: Path, name: str, mode: int = 0o644, content: bytes = b"x") -> None:
    with zipfile.ZipFile(archive, "a") as changed:
        info = zipfile.ZipInfo("x")
        # set afterwards: the constructor makes some names harmless
        info.filename, info.external_attr = name, mode << 16
        changed.writestr(info, content)


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../../x", "/etc/x", "//x", "C:\\x", "C:x", "..\\x", "a/..", "a\\b"],
)
def test_names_that_lead_out_are_refused(small: Path, name: str) -> None:
    add(small, name)
    assert "lies outside" in refused(small)


@pytest.mark.parametrize("name", ["a//b", "./a", "a/./b", "x\ny", "x\x1b[2J", "x" * 256, "a/" * 600 + "x"])
def test_names_that_are_none_are_refused(small: Path, name: str) -> None:
    add(small, name)
    assert "which" in refused(small)


@pytest.mark.parametrize("mode", [0o120777, 0o010644, 0o020644, 0o060644, 0o140644])
def test_links_pipes_and_devices_are_refused(small: Path, mode: int) -> None:
    add(small, "graphs/link", mode, b"/etc/passwd")
    assert "link or a device" in refused(small)


@pytest.mark.parametrize("name", [MANIFEST, "Manifest.JSON", "graphs/ONE.tflite", "graphs", f"{MANIFEST}/x"])
def test_names_that_meet_in_one_file_are_refused(small: Path, name: str) -> None:
    add(small, name)
    assert "twice" in refused(small)


def test_an_accent_spelled_in_two_ways_is_one_name() -> None:
    assert collision(["caf\u00e9", "cafe\u0301"]) == "cafe\u0301"
    assert collision(["a/b", "a/c", "ab"]) is None
    assert unsafe("graphs/caf\u00e9.tflite") is None


def test_folders_that_other_programs_name_are_passed_over(small: Path, tmp_path: Path) -> None:
    add(small, "graphs/", 0o040755, b"")
    add(small, "empty/", 0o040755, b"")
    (tmp_path / "inside").mkdir()
    unpack(small, tmp_path / "inside")
    assert sorted(path.name for path in (tmp_path / "inside").rglob("*")) == ["graphs", MANIFEST, "one.tflite"]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_bombs_are_refused_before_they_go_off(tmp_path: Path, method: int) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", method) as made:
        made.writestr(MANIFEST, bytes(1 << 24))
    assert bomb.stat().st_size < 1 << 16
    assert "compressed" in refused(bomb)


def directory_records(content: bytes | bytearray) -> list[int]:
    start = struct.unpack_from("<L", content, content.rfind(b"PK\5\6") + 16)[0]
    return [start + found for found in range(len(content) - start) if content[start + found :][:4] == b"PK\1\2"]


def test_members_that_share_their_bytes_are_refused(small: Path) -> None:
    content = bytearray(small.read_bytes())
    first, second = directory_records(content)
    # both records now point to the larger member, as in a zip that unpacks to more than it holds
    for start, stop in ((16, 28), (42, 46)):
        content[first + start : first + stop] = content[second + start : second + stop]
    small.write_bytes(content)
    assert "runs into the member after it" in refused(small)


def test_a_size_that_a_member_does_not_have_is_refused(small: Path) -> None:
    content = bytearray(small.read_bytes())
    struct.pack_into("<LL", content, directory_records(content)[1] + 20, 1 << 31, 1 << 31)
    small.write_bytes(content)
    assert "runs into" in refused(small)


def test_members_without_end_are_refused_before_their_names_are_read(tmp_path: Path) -> None:
    archive = tmp_path / "many.zip"
    for count, words in ((MAX_BUNDLE_FILES + 1, "expected at most"), (70_000, "64-bit zip")):
        with zipfile.ZipFile(archive, "w") as made:
            for number in range(count):
                made.writestr(zipfile.ZipInfo(str(number)), "")
        assert not is_archive(archive)
        assert words in refused(archive)
        shutil.rmtree(tmp_path / "place")


def test_every_cut_is_noticed(small: Path) -> None:
    content = small.read_bytes()
    for length in range(0, len(content), 61):
        small.write_bytes(content[:length])
        assert not is_archive(small)
        with pytest.raises(BundleError):
            unpack(small, small.parent / "inside")
