"""Nothing half-written is ever seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.errors import AdafocusError
from edge.files import replacing_directory, replacing_file
from edge.quiet import without_remarks


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
    import os

    with without_remarks():
        os.write(2, b"INFO: created a delegate\nERROR: no memory\n")
    assert capfd.readouterr().err == "ERROR: no memory\n"
