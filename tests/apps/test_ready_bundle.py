"""The ready bundle in the repository is what today's code makes of the shipped model, byte for byte."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from adafocus.apps.demo.ready_bundle import READY, make_bundle
from adafocus.edge.bundle.tolerances import MAX_RELATIVE_OF_ITSELF
from adafocus.edge.commands.inputs import DEFAULT_BUNDLE

ANSWERS, MANIFEST = "golden/answers.npz", "manifest.json"


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_commands_take_the_bundle_that_make_bundle_writes() -> None:
    assert READY == DEFAULT_BUNDLE


@pytest.mark.slow
def test_making_the_ready_bundle_again_gives_the_same_bytes(tmp_path: Path) -> None:
    """Only the float32 numbers of the golden answers may differ in the last place, from processor to processor."""
    again = tmp_path / READY.name
    make_bundle(again)
    if again.read_bytes() == READY.read_bytes():
        return
    made, ready = members(again), members(READY)
    assert list(made) == list(ready), "type: make bundle"
    differing = {name for name in made if made[name] != ready[name]}
    assert differing == {ANSWERS, MANIFEST}, "type: make bundle"
    found, wanted = (json.loads(content[MANIFEST]) for content in (made, ready))
    for manifest in (found, wanted):
        del manifest["golden"]["answers"]["sha256"]
    assert found == wanted
    with np.load(io.BytesIO(made[ANSWERS])) as given, np.load(io.BytesIO(ready[ANSWERS])) as kept:
        assert given.files == kept.files
        for name in kept.files:
            if np.issubdtype(kept[name].dtype, np.floating):
                largest = np.abs(kept[name]).max()
                assert np.abs(given[name] - kept[name]).max() <= MAX_RELATIVE_OF_ITSELF * largest, name
            else:
                assert np.array_equal(given[name], kept[name]), name
