"""What is kept of modelled joules for the page of results."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from adafocus.edge.bundle.bundle import Bundle
from benchmarks.energy.modelled import main


def test_figures_are_put_beside_others_and_called_no_measurement(ready_bundle: Bundle, tmp_path: Path) -> None:
    out = tmp_path / "energy.yaml"
    out.write_text("other: {kept: true}\n", encoding="utf-8")
    done = CliRunner().invoke(main, [str(ready_bundle.path), "--out", str(out)])
    assert done.exit_code == 0, done.output
    content = yaml.safe_load(out.read_text(encoding="utf-8"))
    assert content["other"] == {"kept": True}
    assert "no measurement" in content["modelled"]["note"]
    [figures] = content["modelled"]["bundles"]
    glance, full = figures["glance"], figures["full"]
    macs = ready_bundle.manifest.macs("glance")
    assert glance["operations"] == pytest.approx(0.3e-9 * macs, rel=1e-3)
    assert 0 < glance["low"] < glance["middle"] < glance["high"]
    assert glance["middle"] < full["middle"]
