"""The experiment on exits, on the shipped bundle and two real videos."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from adafocus.edge.bundle.bundle import Bundle
from benchmarks.exit_curve import main


@pytest.fixture
def clip_list(tmp_path: Path, real_videos: list[Path]) -> Path:
    rows = [f"{video},{index},{index},val" for index, video in enumerate(real_videos)]
    path = tmp_path / "clips.csv"
    path.write_text("\n".join(["path,label,group,split", *rows]) + "\n")
    return path


def test_the_curve_runs_from_never_stopping_to_always_stopping_at_the_glance(
    shipped_bundle: Bundle, clip_list: Path, tmp_path: Path
) -> None:
    out, plot = tmp_path / "exits.json", tmp_path / "exits.png"
    arguments = [str(shipped_bundle.path), "--clips", str(clip_list), "--out", str(out), "--plot", str(plot)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    (found,) = json.loads(out.read_text())["bundles"]
    macs = [shipped_bundle.manifest.macs(stage) for stage in ("glance", "policy", "focus")]
    first, last = found["curve"][0], found["curve"][-1]
    assert (first["stopped_at_glance"], last["stopped_at_glance"]) == (0.0, 1.0)
    assert first["gmac"] == pytest.approx(sum(macs) / 1e9, rel=1e-3)
    assert last["gmac"] == pytest.approx(macs[0] / 1e9, rel=1e-3)
    shares = [point["stopped_at_glance"] for point in found["curve"]]
    assert shares == sorted(shares)
    assert 0 < found["host_share"] < found["host_share_with_resizing"] < 1
    assert found["resize_ms"] > 0
    with Image.open(plot) as picture:
        assert picture.width > 400


def test_a_list_that_is_not_there_ends_in_a_sentence(shipped_bundle: Bundle, tmp_path: Path) -> None:
    arguments = [str(shipped_bundle.path), "--clips", str(tmp_path / "no.csv"), "--out", str(tmp_path / "o.json")]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert "There is no clip list" in done.output
    assert not (tmp_path / "o.json").exists()
