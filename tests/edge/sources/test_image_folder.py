"""A folder of pictures."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from adafocus.edge.commands.inputs import looks_like_source
from adafocus.edge.sources import open_source
from adafocus.errors import SourceError
from tests.helpers.videos import frames_of


def test_pictures_come_in_the_order_in_which_people_count(tmp_path: Path) -> None:
    for number in (10, 2, 1, 100):
        cv2.imwrite(str(tmp_path / f"frame_{number}.png"), np.full((6, 8, 3), number, np.uint8))
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    source = open_source(tmp_path, fps=10)
    frames = frames_of(source)
    assert [int(frame.pixels[0, 0, 0]) for frame in frames] == [1, 2, 10, 100]
    assert [frame.timestamp_s for frame in frames] == [0, 0.1, 0.2, 0.3]
    assert {frame.source for frame in frames} == {tmp_path.name}


@pytest.mark.parametrize("name", ["._1.png", ".DS_Store.jpg", ".hidden.PNG"])
def test_hidden_files_are_no_pictures(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\0\5\x16\7 what a system keeps beside a picture")
    with pytest.raises(SourceError, match="holds no pictures"):
        open_source(tmp_path)
    assert not looks_like_source(str(tmp_path))
    cv2.imwrite(str(tmp_path / "1.png"), np.full((6, 8, 3), 50, np.uint8))
    assert [int(frame.pixels[0, 0, 0]) for frame in frames_of(open_source(tmp_path))] == [50]
    assert looks_like_source(str(tmp_path))


def test_a_damaged_picture_is_no_frame_and_not_the_end(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), np.full((6, 8, 3), 50, np.uint8))
    (tmp_path / "2.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    cv2.imwrite(str(tmp_path / "3.png"), np.full((6, 8, 3), 70, np.uint8))
    with closing(open_source(tmp_path)) as source:
        found = []
        while source.grab():
            found.append(source.retrieve() is not None)
    assert found == [True, False, True]
    assert not capfd.readouterr().err
