"""Exits that were calibrated on a bundle stay with its model when that is exported again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adafocus.converters.export import exits_of
from adafocus.converters.model_source import Source
from adafocus.edge.bundle.bundle import Bundle, rewrite_bundle
from adafocus.edge.bundle.manifest import ExitBudget, Exits, Measured
from adafocus.errors import AdafocusError

EXITS = Exits(temperature=2.0, budgets=(ExitBudget(unit="GMAC", budget=0.9, thresholds=(0.6,)),))
MEASURED = (Measured(dataset="clips", split="test", n=9, metric="top1_percent", value=80.0),)


def calibrated(bundle: Bundle, path: Path, exits: Exits) -> Path:
    manifest = bundle.manifest.model_copy(update={"exits": exits, "measured": MEASURED})
    rewrite_bundle(bundle, manifest, path).close()
    return path


@pytest.fixture
def source(ready_bundle: Bundle) -> Source:
    made_from = ready_bundle.manifest.provenance
    return Source(Path("model.safetensors"), "model", made_from.model, made_from.model_sha256)


def test_exits_and_figures_of_the_same_model_are_taken_over(
    ready_bundle: Bundle, source: Source, tmp_path: Path
) -> None:
    found = exits_of(calibrated(ready_bundle, tmp_path / "calibrated.zip", EXITS), source)
    assert found == {"exits": EXITS, "measured": MEASURED}


def test_exits_of_another_model_are_refused(ready_bundle: Bundle, source: Source, tmp_path: Path) -> None:
    path = calibrated(ready_bundle, tmp_path / "calibrated.zip", EXITS)
    with pytest.raises(AdafocusError, match=r"Thresholds of one model are wrong for another: .*adafocus calibrate"):
        exits_of(path, replace(source, sha256="0" * 64))


def test_a_bundle_without_thresholds_is_refused(ready_bundle: Bundle, source: Source, tmp_path: Path) -> None:
    with pytest.raises(AdafocusError, match=r"has no calibrated thresholds.*Find them first: adafocus calibrate"):
        exits_of(calibrated(ready_bundle, tmp_path / "plain.zip", Exits()), source)
