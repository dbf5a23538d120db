"""Frame sources: one table, one module and one row for each kind, imported when an address of the kind is opened.

Files never drop a frame: they are read in order. Live sources are read through
:class:`adafocus.edge.sources.latest.Latest`, which keeps the newest frame and counts what it drops.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from adafocus.edge.sources.latest import Latest, State
from adafocus.edge.sources.source import FiniteSource, Frame, Source, safe_name
from adafocus.edge.sources.video_file import VideoFile
from adafocus.errors import SourceError, shell_word

__all__ = [
    "SOURCES",
    "FiniteSource",
    "Frame",
    "Kind",
    "Latest",
    "Source",
    "State",
    "VideoFile",
    "is_live",
    "is_video_file",
    "kind_of",
    "open_finite",
    "open_source",
]


@dataclass(frozen=True)
class Kind:
    """One row of the table.

    Attributes:
        name: of the kind, and of its module here, which has ``open_source(address: str, **options) -> Source``.
        pattern: which addresses are meant, whole; an empty one stands for files, which are told apart on the disk.
        live: whether frames come when they come.
        example: an address, for messages.
    """

    name: str
    pattern: str
    live: bool
    example: str

    @property
    def module(self) -> str:
        """Import name of the module."""
        return f"{__name__}.{self.name}"


FOLDER = Kind("image_folder", "", False, "a folder of pictures")
FILE = Kind("video_file", "", False, "clip.mp4")
# the first row that fits an address counts
SOURCES: tuple[Kind, ...] = (
    Kind("webcam", r"camera:\d+|/dev/video\d+", True, "camera:0 or /dev/video0"),
    Kind("picamera", r"picamera2?(:\d+)?", True, "picamera:0 or csi://0"),
    Kind("jetson", r"jetson:.+", True, "jetson:0, jetson:clip.mp4 or jetson:rtsp://..."),
    Kind("gstreamer", r"gst:.+", True, "'gst:v4l2src ! videoconvert ! appsink'"),
    Kind("network", r"(rtsps?|https?)://.+", True, "rtsp://host/stream or http://host/mjpeg"),
    Kind("array", r".+\.np[yz]", False, "frames.npy"),
    FOLDER,
    FILE,
)


# a file that only NVIDIA's systems have
JETSON = Path("/etc/nv_tegra_release")


def address_text(address: str | Path) -> str:
    """Return an address as it was typed: a ``Path`` of a network address has lost one of its slashes.

    ``csi://0`` is the camera at the board's connector: ``jetson:0`` on a Jetson and ``picamera:0`` elsewhere.
    """
    text = re.sub(r"^(rtsps?|https?):/(?!/)", r"\1://", str(address), flags=re.IGNORECASE)
    connector = re.fullmatch(r"csi://?(\d+)", text, re.IGNORECASE)
    return text if connector is None else f"{'jetson' if JETSON.exists() else 'picamera'}:{connector[1]}"


def kind_of(address: str | Path) -> Kind:
    """Return the kind that an address means.

    Raises:
        SourceError: it fits none, or is no address at all.
    """
    if not isinstance(address, str | os.PathLike):
        raise SourceError(
            f"Found an object of the type {type(address).__name__}, expected the address of a source: a path or a text "
            "such as camera:0. Frames that are in memory become a clip with clip_from_frames."
        )
    text = address_text(address)
    for kind in SOURCES:
        if kind.pattern and re.fullmatch(kind.pattern, text, re.IGNORECASE | re.DOTALL):
            return kind
    path = Path(text)
    try:
        if text and path.is_dir():
            return FOLDER
    except OSError as error:
        raise SourceError(
            f"{safe_name(text)} cannot be looked for ({error.strerror}), expected a name that this system can have. "
            "Check the path."
        ) from error
    # a name that looks like a file's is left to what opens files, which says that there is none
    if (
        (text and path.exists())
        or isinstance(address, Path)
        or ("://" not in text and (path.suffix or path.parent.name))
    ):
        return FILE
    raise SourceError(f"{safe_name(text)!r} is no source that is known here, expected one of: {_examples(SOURCES)}.")


def _examples(rows: Iterable[Kind]) -> str:
    return "; ".join(f"{kind.name}: {kind.example}" for kind in rows)


def is_live(address: str | Path) -> bool:
    """Tell whether an address means a live source.

    Raises:
        SourceError: it fits no kind.
    """
    return kind_of(address).live


def is_video_file(address: str | Path) -> bool:
    """Tell whether an address means a video file that is there.

    Raises:
        SourceError: it fits no kind.
    """
    return kind_of(address) == FILE and Path(address).is_file()


def open_source(address: str | Path, **options: Any) -> Source:
    """Open a source; its kind follows from the address.

    Args:
        address: what :data:`SOURCES` has examples of.
        options: of the kind, such as ``width_px``, ``height_px`` and ``fps`` of cameras.

    Raises:
        SourceError: the address fits no kind, or the source cannot be opened.
        VideoError: a video file that cannot be read.
    """
    kind = kind_of(address)
    try:
        return import_module(kind.module).open_source(address_text(address), **options)
    except TypeError as error:
        # the only way here for a person is an option that this kind does not have
        if "unexpected keyword argument" not in str(error):
            raise
        given = ", ".join(sorted(options))
        raise SourceError(f"A source of the kind {kind.name} does not take all of {given}: {error}.") from error


def open_finite(address: str | Path, **options: Any) -> FiniteSource:
    """Open a source that has an end.

    Raises:
        SourceError: the source is live, fits no kind, or cannot be opened.
        VideoError: a video file that cannot be read.
    """
    if is_live(address):
        shown = safe_name(address_text(address))
        if os.path.exists(address):
            raise SourceError(
                f"{shown} is the address of a live source, and the name of a file that is here. To read the file, type "
                f"its folder, too: {shell_word(os.path.join(os.curdir, address))}"
            )
        raise SourceError(
            f"{shown} is live and has no end, expected one of: {_examples(kind for kind in SOURCES if not kind.live)}. "
            f"Watch it instead: adafocus stream BUNDLE {shell_word(shown)}"
        )
    source: Any = open_source(address, **options)
    return source
