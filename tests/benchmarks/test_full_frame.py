"""The comparison with full frames: what it refuses, and what its figures mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from adafocus.errors import AdafocusError
from benchmarks.full_frame import _report, measure


@pytest.mark.parametrize("preset", ["tsm-mbv2-r50-p96-8x12", "x3d-xs-xs"])
def test_networks_without_an_equal_pair_are_refused(preset: str, tmp_path: Path) -> None:
    with pytest.raises(AdafocusError, match="tsm-mbv2-r50-p96-8x8"):
        measure(preset, [tmp_path / "none.mp4"], 2, tmp_path)


def test_ratios_and_losses_add_up() -> None:
    host = {"pixels": 1.0, "select": 0.5, "crop": 0.5, "other": 1.0}
    spent = {
        "policy": [{"resize": 2.0, **host, "glance": 10.0, "policy": 3.0, "focus": 12.0}],
        "full": [{"resize": 1.0, "pixels": 1.0, "glance": 10.0, "more pixels": 1.0, "focus": 77.0}],
        "float": [{"resize": 1.0, "network": 359.0}],
    }
    found = _report("tsm", spent, {"policy": 10_000_000_000, "full": 40_000_000_000}, 1, 2)
    assert found["median_ms"] == {"policy": 30.0, "full": 90.0, "float": 360.0}
    assert list(found["ratios"].values()) == [4.0, 3.0, 12.0]
    fair, networks, hosts = found["lost"].values()
    assert fair == pytest.approx(87.0 / 4.0)
    assert fair + networks == pytest.approx(25.0)
    assert hosts == pytest.approx(5.0)
