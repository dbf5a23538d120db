"""Frames that are cheap to decode: near, in order, and the frames that they say they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.video import selective_decoder
from adafocus.edge.video.cheap_frames import FrameCosts, cheap_frames, nearest_decoded
from adafocus.edge.video.clip import read_clip, read_frames
from tests.helpers.program import CallHere
from tests.helpers.videos import GEOMETRY, encode


def costs(entries: list[int], unneeded: list[int], count: int) -> FrameCosts:
    """Frames that are decoded in the order in which they are shown."""
    begun, needed = np.zeros(count, bool), np.ones(count, bool)
    begun[entries], needed[unneeded] = True, False
    return FrameCosts(np.arange(count), begun, needed)


@pytest.mark.parametrize(
    ("entries", "unneeded", "expected"),
    [
        # the chain goes through all parts, and ends as soon as it can
        ([0], [], [5, 15, 25, 30]),
        ([0], [15, 30], [5, 14, 25, 31]),
        # key frames in every part
        ([0, 10, 20, 30], [], [0, 10, 20, 30]),
        # decoding begins anew in the third part: the second ends soon, the third goes on from its key frame
        ([0, 22], [], [5, 10, 25, 30]),
        ([0, 28], [], [5, 10, 28, 30]),
    ],
)
def test_frames_give_way_to_cheaper_ones_of_their_part(
    entries: list[int], unneeded: list[int], expected: list[int]
) -> None:
    found = cheap_frames(np.array([5, 15, 25, 35]), 0, 40, costs(entries, unneeded, 40))
    assert found.tolist() == expected


def test_frames_that_stand_twice_stay_in_order() -> None:
    wanted = np.array([0, 0, 1, 1, 2])
    found = cheap_frames(wanted, 0, 3, costs([0], [1], 3))
    assert (np.diff(found) >= 0).all()
    assert found.min() >= 0
    assert found.max() < 3


def test_other_frames_give_way_to_those_that_are_decoded_anyway() -> None:
    found = nearest_decoded(np.array([3, 8, 15, 19]), np.array([6, 14]), costs([0, 12], [3], 20))
    # up to 6 all that others refer to, then from 12 to 14
    assert found.tolist() == [2, 6, 14, 14]


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("groups.mp4", "libx264", {"g": "12"}),
        ("one_group.mp4", "libx264", {"bf": "3"}),
        ("open.mkv", "libx264", {"g": "15", "x264-params": "open-gop=1"}),
        ("hevc.mp4", "libx265", {"x265-params": "log-level=none:keyint=20"}),
    ],
)
@pytest.mark.parametrize("window", [None, (60, 190)])
def test_cheap_frames_are_near_exact_and_cost_less(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    codec: str,
    options: dict[str, str],
    window: tuple[int, int] | None,
) -> None:
    path = encode(tmp_path / name, 200, codec, **options)
    decoded: list[int] = []
    convert = selective_decoder.SelectiveDecoder._convert

    def counted(
        decoder: selective_decoder.SelectiveDecoder, frames: list[Any], left: dict[int, int]
    ) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        decoded[-1] += len(frames)
        return convert(decoder, frames, left)

    monkeypatch.setattr(selective_decoder.SelectiveDecoder, "_convert", counted)
    clips = []
    for cheap in (False, True):
        decoded.append(0)
        clips.append(read_clip(path, GEOMETRY, window, cheap=cheap))
    exact, cheap_clip = clips
    assert decoded[1] < decoded[0]
    steps = np.diff(exact.candidate_indices).max()
    assert np.abs(cheap_clip.candidate_indices - exact.candidate_indices).max() <= (steps + 1) // 2
    assert (np.diff(cheap_clip.candidate_indices) > 0).all()
    # what comes at these numbers when everything is read in order
    monkeypatch.setattr("adafocus.edge.video.clip.frames_at", lambda *_: cheap_clip.candidate_indices)
    assert np.array_equal(read_clip(path, GEOMETRY, window, packets=False).candidates, cheap_clip.candidates)


def test_where_costs_are_not_known_nothing_changes(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.webm", 40, "libvpx")
    assert np.array_equal(read_clip(path, GEOMETRY, cheap=True).candidates, read_clip(path, GEOMETRY).candidates)
    assert len(read_frames(path, [3])) == 1


def test_run_takes_cheap_frames_or_a_decoder_in_hardware(
    tmp_path: Path, ready_bundle: Bundle, adafocus_here: CallHere
) -> None:
    path = encode(tmp_path / "clip.mp4", 60, g="10")
    assert adafocus_here("run", ready_bundle.path, path, "--cheap-frames").returncode == 0
    done = adafocus_here("run", ready_bundle.path, path, "--cheap-frames", "--decoder", "auto")
    assert done.returncode == 2
    assert "Found --cheap-frames and --decoder auto, expected one of the two" in done.stderr
