"""``export --device ios`` writes a second bundle beside the first one, and looks at its place before it reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from adafocus.converters.commands import beside
from adafocus.errors import AdafocusError
from tests.helpers.program import CallHere


@pytest.mark.parametrize(("out", "second"), [("b.zip", "b-fp16.zip"), ("a/b", "a/b-fp16"), ("a/b/", "a/b-fp16")])
def test_the_second_bundle_stands_beside_the_first(out: str, second: str) -> None:
    assert beside(Path(out), "fp16") == Path(second)


@pytest.mark.parametrize("out", [".", "..", "/"])
def test_a_place_without_a_name_is_refused(out: str) -> None:
    with pytest.raises(AdafocusError, match="Choose a name"):
        beside(Path(out), "fp16")


def test_the_second_bundle_does_not_take_the_place_of_what_is_read(adafocus_here: CallHere, tmp_path: Path) -> None:
    model, video = tmp_path / "model-fp16.zip", tmp_path / "video.mp4"
    for path in (model, video):
        path.write_bytes(b"content")
    words = ("export", model, "--verify", video, "--out", tmp_path / "model.zip")
    refused = adafocus_here(*words, "--device", "ios")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
    assert "model-fp16.zip" in refused.stderr
    assert model.read_bytes() == b"content"
    # nothing stands beside a bundle in fp16, so that the model itself is looked at
    done = adafocus_here(*words, "--device", "ios", "--precision", "fp16")
    assert "--out is" not in done.stderr
