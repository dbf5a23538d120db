"""Malformed inputs end in an answer or a sentence, never in a traceback, a hang or a crash, and leave nothing behind.

A small share of the campaign; ``python -m tests.fuzzing`` runs all of it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adafocus.edge.bundle.bundle import Bundle
from adafocus.errors import AdafocusError
from tests.fuzzing import campaign
from tests.fuzzing.faulty import serve_faulty
from tests.fuzzing.kinds.manifests import Manifests
from tests.fuzzing.kinds.zips import Zips
from tests.fuzzing.mutations import damage

SEED = 1
# a try in a process of its own takes seconds
COUNTS = {
    "manifest": 60,
    "zip": 60,
    "media": 60,
    "golden": 30,
    "arrays": 60,
    "lists": 40,
    "checkpoints": 24,
    "recipes": 40,
    "graph": 4,
}


@pytest.fixture(scope="module")
def clips(real_videos: list[Path]) -> list[Path]:
    return real_videos


@pytest.mark.parametrize("kind", list(COUNTS))
def test_malformed_inputs_end_in_an_answer_or_a_sentence(kind: str, shipped_bundle: Bundle, clips: list[Path]) -> None:
    outcomes = list(campaign.run(kind, range(COUNTS[kind]), SEED, shipped_bundle.path, clips))
    found = campaign.summary(kind, SEED, outcomes)
    assert found["bad"] == []
    assert found["inputs"] == COUNTS[kind] == found["sentences"] + found["answers"]
    assert found["sentences"] > 0


def test_a_number_always_makes_the_same_input(shipped_bundle: Bundle, tmp_path: Path) -> None:
    made = []
    for turn in range(2):
        place = tmp_path / str(turn)
        place.mkdir()
        kind = Manifests(shipped_bundle.path, place)
        done, path = kind.make(np.random.default_rng((SEED, 17)), 17)
        made.append((done, (path / "manifest.json").read_bytes()))
    assert made[0] == made[1]
    content = bytes(range(256))
    assert damage(np.random.default_rng(3), content) == damage(np.random.default_rng(3), content)


def test_hostile_zips_break_the_rules_they_are_made_to_break(shipped_bundle: Bundle, tmp_path: Path) -> None:
    kind = Zips(shipped_bundle.path, tmp_path)
    for number in range(0, 3 * 10, 3):
        done, path = kind.make(np.random.default_rng((SEED, number)), number)
        # some fields say what nobody reads, and a zip may stand among other bytes
        if done.startswith(("directory field", "end record", "more bytes")):
            continue
        with pytest.raises(AdafocusError):
            Bundle.open(path)


def test_crashes_hangs_tracebacks_and_leftovers_are_noticed(
    monkeypatch: pytest.MonkeyPatch, shipped_bundle: Bundle
) -> None:
    monkeypatch.setattr(campaign, "serve", serve_faulty)
    outcomes = list(campaign.run("faulty", range(5), SEED, shipped_bundle.path, [], limit_s=1.0))
    assert [outcome.result for outcome in outcomes] == ["answer", "crash", "hang", "traceback", "leftovers"]
    assert "KeyError" in outcomes[3].text
    assert campaign.summary("faulty", SEED, outcomes)["crashes"] == 1
