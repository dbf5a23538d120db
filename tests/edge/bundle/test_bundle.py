"""A bundle on disk that somebody else made: links, pipes, files that cannot be read, arrays that claim anything."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adafocus.edge.bundle.archive import MANIFEST, pack
from adafocus.edge.bundle.arrays import read_arrays
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import MAX_BUNDLE_FILES
from adafocus.errors import BundleError
from tests.fuzzing.kind import replace_file, small_bundle

NOBODY = 65534
BOMB_BYTES = 1 << 26


def graph_of(folder: Path) -> Path:
    return folder / json.loads((folder / MANIFEST).read_text())["stages"]["policy"]["litert"]["file"]


def link_file(folder: Path) -> None:
    graph = graph_of(folder)
    graph.rename(folder.parent / "elsewhere")
    graph.symlink_to(folder.parent / "elsewhere")


def link_folder(folder: Path) -> None:
    (folder / "graphs").rename(folder.parent / "elsewhere")
    (folder / "graphs").symlink_to(folder.parent / "elsewhere")


def link_manifest(folder: Path) -> None:
    (folder / MANIFEST).rename(folder.parent / "elsewhere")
    (folder / MANIFEST).symlink_to(folder.parent / "elsewhere")


def link_unnamed(folder: Path) -> None:
    (folder / "golden" / "more").symlink_to("/etc/passwd")


def link_to_itself(folder: Path) -> None:
    (folder / "loop").symlink_to(folder)


def pipe_for_file(folder: Path) -> None:
    graph_of(folder).unlink()
    os.mkfifo(graph_of(folder))


def pipe_unnamed(folder: Path) -> None:
    os.mkfifo(folder / "pipe")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (link_file, "symbolic link"),
        (link_folder, "symbolic link"),
        (link_manifest, "symbolic link"),
        (link_unnamed, "symbolic link"),
        (link_to_itself, "symbolic link"),
        (pipe_for_file, "pipe or a device"),
        (pipe_unnamed, "pipe or a device"),
    ],
)
def test_links_and_pipes_are_refused_wherever_they_stand(
    folder: Path, change: Callable[[Path], None], word: str
) -> None:
    change(folder)
    with pytest.raises(BundleError, match=word):
        Bundle.open(folder)


def test_a_manifest_that_is_a_pipe_is_none(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    os.mkfifo(folder / MANIFEST)
    with pytest.raises(BundleError, match="has no manifest"):
        Bundle.open(folder)


def test_a_bundle_may_be_reached_by_a_link_and_hold_files_of_others(folder: Path, tmp_path: Path) -> None:
    (folder / ".DS_Store").write_text("a file manager was here")
    (tmp_path / "latest").symlink_to(folder)
    assert Bundle.open(tmp_path / "latest").manifest == Bundle.open(folder).manifest


def test_a_folder_without_end_is_refused(folder: Path) -> None:
    for number in range(MAX_BUNDLE_FILES):
        (folder / str(number)).touch()
    with pytest.raises(BundleError, match=f"more than {MAX_BUNDLE_FILES} files"):
        Bundle.open(folder)


def test_a_file_that_may_not_be_read_is_named(shipped_bundle: Bundle) -> None:
    # not pytest's own folder, which others may not enter
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        folder = small_bundle(shipped_bundle.path, Path(place) / "bundle")
        graph = graph_of(folder)
        content = graph.read_bytes()
        graph.unlink()
        graph.write_bytes(content)
        graph.chmod(0)
        user = os.geteuid()
        try:
            if user == 0:
                os.seteuid(NOBODY)
            with pytest.raises(BundleError, match=f"{graph.name} cannot be read: Permission denied"):
                Bundle.open(folder)
        finally:
            os.seteuid(user)


def test_a_fault_in_a_zip_is_told_with_the_name_of_the_zip(folder: Path, tmp_path: Path) -> None:
    graph = graph_of(folder)
    content = bytearray(graph.read_bytes())
    content[-1] ^= 1
    graph.unlink()
    graph.write_bytes(content)
    pack(folder, tmp_path / "b.zip")
    with pytest.raises(BundleError, match=f"{tmp_path}/b.zip/graphs/{graph.name} was changed"):
        Bundle.open(tmp_path / "b.zip")


def test_opening_and_closing_thirty_times_leaves_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(folder, tmp_path / "b.zip")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    for turn in range(30):
        if turn % 3 == 2:
            with zipfile.ZipFile(tmp_path / "b.zip", "a") as changed:
                changed.writestr(f"../{turn}", "")
            with pytest.raises(BundleError):
                Bundle.open(tmp_path / "b.zip")
            pack(folder, tmp_path / "b.zip")
        else:
            with Bundle.open(tmp_path / "b.zip") as bundle:
                bundle.golden_frames()
                assert bundle.path.parent == temporary
        assert list(temporary.iterdir()) == []
        assert len(list(descriptors.iterdir())) == before


def with_golden(folder: Path, part: str, content: bytes) -> Bundle:
    manifest = json.loads((folder / MANIFEST).read_text())
    replace_file(folder, manifest["golden"][part], content)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return Bundle.open(folder)


def saved(arrays: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def claiming(header: str) -> bytes:
    """Return an array whose header says anything."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        text = header.encode().ljust(117) + b"\n"
        made.writestr("glance.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(100))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no arrays", "cannot be read"),
        (saved({"glance": np.zeros(BOMB_BYTES, np.uint8)}), "take .* bytes, expected at most"),
        (saved({"glance": np.array([{}], dtype=object)}), "expected plain numbers"),
        (saved({"glance": np.zeros((1, 2, 2, 3), np.uint8)}), "expected uint8 frames"),
        (saved({}), "holds nothing"),
        (claiming("{'descr': '|u1', 'fortran_order': False, 'shape': (10**12,), }"), "cannot be read"),
        (
            claiming("{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000,), }"),
            "holds 100 bytes of numbers",
        ),
        (claiming("{'descr': '|u1', 'fortran_order': False, 'shape': (-1,), }"), "expected plain numbers"),
        (claiming("((((((((("), "cannot be read"),
    ],
)
def test_golden_frames_that_are_none_end_in_a_sentence(folder: Path, content: bytes, words: str) -> None:
    with pytest.raises(BundleError, match=words):
        with_golden(folder, "frames", content).golden_frames()


def test_golden_answers_are_those_of_the_stages(folder: Path) -> None:
    right = Bundle.open(folder).golden_outputs()
    first = next(name for name in right if name.startswith("glance."))
    wrong: list[tuple[dict[str, Any], str]] = [
        ({name: values for name, values in right.items() if name != first}, f"has no {first}"),
        ({**right, first: right[first].reshape(-1)[:1]}, "no stage answers"),
        ({**right, first: right[first].astype(np.float64)}, "no stage answers"),
        ({**right, "glance.colour": np.zeros(3)}, "no stage answers"),
        ({**right, "frame_indices": np.array(1)}, "no stage answers"),
    ]
    for arrays, words in wrong:
        with pytest.raises(BundleError, match=words):
            with_golden(folder, "answers", saved(arrays)).golden_outputs()
    assert with_golden(folder, "answers", saved(right)).golden_outputs().keys() == right.keys()


def test_arrays_come_back_as_they_were_saved(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {
        "a": np.arange(6.0).reshape(2, 3),
        "b": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "c": np.array(7),
    }
    np.savez(tmp_path / "a.npz", **arrays)
    found = read_arrays(tmp_path / "a.npz", 1000)
    for name, values in arrays.items():
        np.testing.assert_array_equal(found[name], values)


def test_closing_twice_is_allowed_and_a_folder_stays(folder: Path, tmp_path: Path) -> None:
    with Bundle.open(folder) as bundle:
        bundle.close()
    assert folder.is_dir()
    pack(folder, tmp_path / "b.zip")
    bundle = Bundle.open(tmp_path / "b.zip")
    bundle.close()
    bundle.close()
    assert not bundle.path.exists()
    shutil.rmtree(folder)


def test_onnx_runtime_reports_to_nobody(shipped_bundle: Bundle, tmp_path: Path) -> None:
    """Its reports begin with a file of its own among the temporary ones."""
    script = (
        "import sys; from adafocus.edge.recognizer import Recognizer; Recognizer.open(sys.argv[1], 'onnx', 1); "
        "import onnxruntime, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    done = subprocess.run(
        [sys.executable, "-c", script, shipped_bundle.path],
        env={**environment, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout == "1\n"
    assert list(tmp_path.iterdir()) == []
