"""What ``adafocus inspect`` says of presets and checkpoints."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from adafocus import networks

PROGRAM = Path(sys.executable).parent / "adafocus"


def inspect(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, "inspect", *map(str, arguments)], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_preset_is_described_with_its_cost() -> None:
    content = json.loads(inspect("tsm-mbv2-r50-p96-8x12", "--json").stdout)
    assert content["variant"] == "tsm"
    assert content["classes"] == 174
    assert [stage["stage"] for stage in content["stages"]] == ["glance", "policy", "focus"]
    assert content["exits"][-1]["gmac_as_published"] == pytest.approx(11.830, rel=1e-3)
    for stage in content["stages"]:
        assert stage["peak_activation_bytes_fp32"] == 4 * stage["peak_activation_bytes_int8"] > 0
    assert "11.8" in inspect("tsm-mbv2-r50-p96-8x12").stdout


@pytest.mark.parametrize(
    ("name", "kind", "classes", "fits"),
    [
        ("tsm_8_24_8_p96", "official Uni-AdaFocus, TSM", 20, "tsm-mbv2-r50-p96-8x8"),
        ("ptv_x3d_s", "PyTorchVideo X3D", 400, "x3d_s"),
        ("ptv_x3d_l", "PyTorchVideo X3D", 400, "x3d_l"),
        ("tsn_mobilenetv2_k174", "temporal-shift-module (TSN, MobileNetV2)", 174, "mobilenet_v2"),
    ],
)
def test_a_published_checkpoint_is_recognized(
    shared: Path, tmp_path: Path, name: str, kind: str, classes: int, fits: str
) -> None:
    entries = json.loads((shared / "reference" / "manifests" / f"{name}.json").read_text())["entries"]
    path = tmp_path / f"{name}.pth"
    torch.save({"state_dict": {entry["key"]: torch.zeros(entry["shape"]) for entry in entries}}, path)
    content = json.loads(inspect(path, "--json").stdout)
    assert content["kind"] == kind
    assert content["classes"] == classes
    assert fits in content["fits"]


@pytest.mark.slow
def test_our_own_checkpoint_says_its_preset(tmp_path: Path) -> None:
    path = tmp_path / "own.pth"
    torch.save(networks.build("x3d-xs-xs", num_classes=5).state_dict(), path)
    content = json.loads(inspect(path, "--json").stdout)
    assert content["kind"] == "adafocus-edge, x3d"
    assert content["classes"] == 5
    assert content["fits"] == ["x3d-xs-xs"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["x3d-xxl", "missing.pth", "text.pth"])
def test_what_cannot_be_described_ends_in_one_sentence(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name == "text.pth":
        path.write_text("no checkpoint")
    done = inspect(path if name.endswith(".pth") else name)
    assert done.returncode == 2
    assert done.stderr.startswith("adafocus: ")
    assert name in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
