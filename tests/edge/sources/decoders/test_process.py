"""A process that decodes: what becomes of one that hangs, ends or says nothing of use."""

from __future__ import annotations

import sys
import time

import psutil
import pytest

from adafocus.edge.sources.decoders.process import DecoderFailed, ProcessSource


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        ("import time; time.sleep(60)", r"gave nothing for 0.5 s"),
        ("pass", "the decoder has ended"),
        ("print('driver 1.0'); import time; time.sleep(60)", "the decoder has ended"),
        ("""print('{"error": "rtsp://me:hunter2@host is away"}')""", r"rtsp://\*\*\*@host is away"),
    ],
)
def test_a_process_that_gives_no_frame_is_ended_with_a_sentence(program: str, sentence: str) -> None:
    began_s = time.monotonic()
    limit_s = 0.5 if program.startswith("import time") else 20.0
    with pytest.raises(DecoderFailed, match=sentence):
        ProcessSource((sys.executable, "-S", "-c", program), "clip.mp4", False, limit_s)
    assert time.monotonic() - began_s < 10
    assert not [child for child in psutil.Process().children() if program in child.cmdline()]


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(DecoderFailed, match="no-such-program cannot be started"):
        ProcessSource(("no-such-program",), "clip.mp4", False, 1.0)
