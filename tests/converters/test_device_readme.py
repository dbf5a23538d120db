"""The README that a bundle carries for an app's team."""

from __future__ import annotations

import pytest

from adafocus.converters.backends.registry import DEVICES
from adafocus.converters.device_readme import NOTES, readme_of
from adafocus.edge.bundle.manifest import Exits
from adafocus.edge.conformance.trial import CANDIDATES, trial_manifest


@pytest.mark.parametrize("device", sorted(NOTES))
def test_names_every_file_with_its_size_and_digest(device: str) -> None:
    manifest = trial_manifest("tsm", CANDIDATES, Exits())
    text = readme_of(device, manifest)
    assert text is not None
    for record in manifest.files():
        assert f"| `{record.file}` | {record.bytes} | `{record.sha256}` |" in text
    assert device in DEVICES


def test_a_device_that_takes_a_path_has_none() -> None:
    assert readme_of("pi", trial_manifest("tsm", CANDIDATES, Exits())) is None
