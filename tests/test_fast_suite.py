"""``make test-fast``: a share of every room in a minute, without a conversion, a network or ../shared."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from adafocus import Recognizer
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.selftest import check_golden
from tests.helpers import COLLECTED
from tests.helpers.program import Call
from tests.helpers.videos import write_video

TESTS = Path(__file__).resolve().parent
ROOMS = ("edge", "networks", "calibration", "converters", "apps", "benchmarks")
LEFT_OUT = ("slow", "shared", "hardware")
FEWEST_TESTS = 4


def room_of(item: pytest.Item) -> str:
    """Return the folder below ``tests`` that a test stands in."""
    return item.path.relative_to(TESTS).parts[0]


def test_every_room_is_represented(request: pytest.FixtureRequest) -> None:
    items = request.config.stash[COLLECTED]
    collected = {room_of(item) for item in items}
    fast = Counter(room_of(item) for item in items if not any(map(item.get_closest_marker, LEFT_OUT)))
    # one file alone may be run as well
    missing = [room for room in ROOMS if room in collected and fast[room] < FEWEST_TESTS]
    assert not missing, f"mark fewer tests of {', '.join(missing)} as slow, or add quick ones"


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "gradient.mp4", 60, (320, 240))


def test_the_ready_bundle_gives_its_golden_outputs(ready_bundle: Bundle) -> None:
    check = check_golden(ready_bundle, Recognizer.open(ready_bundle, threads=1))
    assert check.broken == []
    assert set(check.steps.values()) == {0}


def test_the_ready_bundle_recognizes_a_video(ready_bundle: Bundle, video: Path) -> None:
    prediction = Recognizer.open(ready_bundle).recognize(video)
    assert prediction.label in ready_bundle.manifest.labels
    assert 0.0 < prediction.score <= 1.0
    assert prediction.frame_indices == tuple(sorted(prediction.frame_indices))


def test_the_program_recognizes_a_video_with_the_ready_bundle(
    adafocus: Call, ready_bundle: Bundle, video: Path
) -> None:
    done = adafocus("run", ready_bundle.path, video, "--json")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["videos"]
    assert found["label"] in ready_bundle.manifest.labels
