"""Bundles as one stored zip: aligned, the same bytes every time, and nothing else is taken for one."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from edge.archive import ALIGNMENT, MANIFEST, pack
from edge.bundle import Bundle, is_bundle
from edge.errors import BundleError
from edge.recognizer import Recognizer


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
    script = "import sys; from edge.bundle import Bundle; print(Bundle.open(sys.argv[1]).path)"
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
