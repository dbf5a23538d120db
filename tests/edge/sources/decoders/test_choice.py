"""Hardware decoders, of which this machine has none: what is said, and what decodes instead.

FFmpeg's own decoder of H.264 stands in for one of hardware where one is needed that works.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.commands.options import DECODERS
from adafocus.edge.sources import open_finite
from adafocus.edge.sources.decoders import choice
from adafocus.edge.sources.decoders.choice import HARDWARE_DECODERS, V4L2_DECODER, Decoder, HardwareDecoder
from adafocus.edge.streaming.feeds import open_stream
from adafocus.edge.video.clip import read_clip
from adafocus.errors import AdafocusError
from tests.helpers.mjpeg_server import MjpegServer
from tests.helpers.program import CallHere
from tests.helpers.videos import GEOMETRY, assert_same, encode, frames_of

STAND_IN = HardwareDecoder("h264", "this machine", ("h264",), "name", lambda: True)
NO_DEVICE = pytest.mark.skipif(V4L2_DECODER.exists(), reason="this machine has a decoder behind V4L2")
HANGS_AFTER_FIVE = """
import sys, time
from adafocus.edge.sources.decoders import pyav_program as program

whole = program.by_name

def hanging(path, decoder):
    stream, frames, matrix = whole(path, decoder)

    def five():
        for number, frame in enumerate(frames):
            if number == 5:
                time.sleep(60)
            yield frame

    return stream, five(), matrix

program.by_name = hanging
program.serve(*sys.argv[1:4])
"""


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(HARDWARE_DECODERS, "h264", STAND_IN)


@NO_DEVICE
def test_a_decoder_without_its_device_is_replaced_by_software_and_that_is_said_once(tmp_path: Path) -> None:
    path, said = encode(tmp_path / "clip.mp4", 30), list[str]()
    decoder = Decoder("h264_v4l2m2m", said.append)
    expected = read_clip(path, GEOMETRY)
    for _ in range(3):
        assert_same(read_clip(path, GEOMETRY, decoder=decoder), expected)
    assert decoder.used == "software"
    assert len(said) == 1
    assert "h264_v4l2m2m cannot be used (clip.mp4: " in said[0]
    assert said[0].endswith("; h264 is decoded in software.")


@NO_DEVICE
def test_run_says_it_beside_the_answers_and_in_json(
    tmp_path: Path, ready_bundle: Bundle, adafocus_here: CallHere
) -> None:
    paths = [encode(tmp_path / name, 20) for name in ("one.mp4", "two.mp4")]
    done = adafocus_here("run", ready_bundle.path, *paths, "--decoder", "h264_v4l2m2m")
    assert done.returncode == 0
    assert done.stderr.count("h264_v4l2m2m cannot be used") == 1
    done = adafocus_here("run", ready_bundle.path, *paths, "--decoder", "h264_v4l2m2m", "--json")
    content = json.loads(done.stdout)
    assert content["decoder"]["asked"] == "h264_v4l2m2m"
    assert len(content["decoder"]["notes"]) == 1
    assert [video["decoder"] for video in content["videos"]] == ["software", "software"]
    assert not done.stderr


def test_an_accelerator_that_is_not_built_in_never_decodes_in_software_in_silence(tmp_path: Path) -> None:
    if HARDWARE_DECODERS["videotoolbox"].here():
        pytest.skip("this is a Mac")
    decoder = Decoder("videotoolbox")
    read_clip(encode(tmp_path / "clip.mp4", 12), GEOMETRY, decoder=decoder)
    assert decoder.used == "software"
    assert decoder.notes[0].startswith("videotoolbox cannot be used")


def test_auto_says_that_there_is_none_and_a_codec_that_a_decoder_does_not_know_is_named(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mkv", 12, "libvpx-vp9")
    for asked, sentence in {
        "auto": "There is no hardware decoder for vp9 that is known here; it is decoded in software.",
        "h264_v4l2m2m": "h264_v4l2m2m does not decode vp9, which is decoded in software.",
    }.items():
        decoder = Decoder(asked)
        read_clip(path, GEOMETRY, decoder=decoder)
        assert decoder.notes == [sentence]
    with pytest.raises(AdafocusError, match="--decoder is 'gpu', expected one of software, auto"):
        Decoder("gpu")


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize(("name", "asked"), [("clip.mp4", "h264"), ("clip.mkv", "h264"), ("clip.mp4", "auto")])
def test_a_decoder_that_works_gives_the_frames_of_software(tmp_path: Path, name: str, asked: str) -> None:
    path, decoder = encode(tmp_path / name, 30), Decoder(asked)
    assert_same(read_clip(path, GEOMETRY, decoder=decoder), read_clip(path, GEOMETRY))
    assert (decoder.used, decoder.notes) == ("h264", [])


@pytest.fixture
def hanging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_in: None) -> Iterator[Decoder]:
    """A decoder that gives five frames and then hangs, as a driver does."""
    (tmp_path / "hangs_after_five.py").write_text(HANGS_AFTER_FIVE)
    monkeypatch.setattr(choice, "PROGRAM", "hangs_after_five")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    decoder = Decoder("h264", limit_s=3.0)
    yield decoder
    assert decoder.used == "software"
    assert len(decoder.notes) == 1
    assert "the decoder gave nothing for 3 s" in decoder.notes[0]


def test_frames_go_on_in_software_where_a_decoder_hangs(tmp_path: Path, hanging: Decoder) -> None:
    path = encode(tmp_path / "clip.mp4", 12)
    source = hanging.open_file(path, lambda: open_finite(path))
    assert source is not None
    assert hanging.used == "h264"
    frames, expected = frames_of(source), frames_of(open_finite(path))
    assert [frame.number for frame in frames] == [frame.number for frame in expected]
    for frame, other in zip(frames, expected, strict=True):
        assert np.array_equal(frame.pixels, other.pixels)


@pytest.mark.usefixtures("stand_in")
def test_a_stream_of_the_network_is_decoded_or_that_is_said() -> None:
    decoder = Decoder("h264")
    with (
        MjpegServer(fps=20) as server,
        closing(open_stream(f"http://127.0.0.1:{server.port}/", 6.0, decoder)) as source,
    ):
        assert source.read(10.0) is not None  # type: ignore[union-attr]
    assert decoder.used == "software"
    assert "h264 cannot be used" in decoder.notes[0]


def test_the_commands_know_every_decoder() -> None:
    assert DECODERS == choice.NAMES
