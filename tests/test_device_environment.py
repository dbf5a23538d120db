"""The device side in a real second environment that has no torch."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from adafocus.edge.bundle.bundle import Bundle

ROOT = Path(__file__).resolve().parent.parent
DEVICE_PYTHON = ROOT / ".venv-device" / "bin" / "python"

SCRIPT = """
import importlib.util, json, sys
from adafocus import Recognizer
prediction = Recognizer.open(sys.argv[1], runtime="litert", threads=2).recognize(sys.argv[2])
print(json.dumps({
    "torch": importlib.util.find_spec("torch") is not None or "torch" in sys.modules,
    "label": prediction.label,
    "frames": prediction.frame_indices,
    "logits": prediction.logits.tolist(),
}))
"""


@pytest.fixture(scope="module")
def device_python() -> Path:
    if not DEVICE_PYTHON.is_file():
        pytest.skip("there is no .venv-device; make test prepares it")
    return DEVICE_PYTHON


def test_edge_recognizes_a_video_where_torch_is_not_installed(
    device_python: Path, shipped_bundle: Bundle, real_videos: list[Path]
) -> None:
    call = [str(device_python), "-c", SCRIPT, str(shipped_bundle.path), str(real_videos[0])]
    answer = json.loads(subprocess.run(call, check=True, capture_output=True, text=True).stdout)
    assert not answer["torch"]
    assert answer["label"] in shipped_bundle.manifest.labels
    from adafocus import Recognizer

    here = Recognizer.open(shipped_bundle).recognize(real_videos[0])
    assert answer["frames"] == list(here.frame_indices)
    assert answer["logits"] == here.logits.tolist()


def test_a_runtime_that_is_not_installed_is_named_with_its_install_command(
    device_python: Path, shipped_bundle: Bundle, real_videos: list[Path]
) -> None:
    program = device_python.parent / "adafocus"
    call: list[str | Path] = [program, "run", shipped_bundle.path, real_videos[0], "--runtime", "onnx"]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert 'pip install "adafocus-edge[onnx]"' in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("export", "m", "--out", "b", "--verify", "v"),
        ("evaluate", "b", "clips.csv"),
        ("split", "clips.csv", "--out", "new.csv"),
        ("presets",),
        ("inspect", "x3d-xs-xs"),
    ],
)
def test_workstation_verbs_name_the_install_command_where_torch_is_missing(
    device_python: Path, arguments: tuple[str, ...]
) -> None:
    program = device_python.parent / "adafocus"
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install" in done.stderr
    assert "Traceback" not in done.stderr
