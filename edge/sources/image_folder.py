"""A folder of pictures, one frame each, in the order in which a person counts: frame_2 before frame_10."""

from __future__ import annotations

import re
from pathlib import Path

import cv2

from adafocus.edge.sources.capture import quiet_by_default
from adafocus.edge.sources.source import FALLBACK_FPS, CountedSource, Frame
from adafocus.errors import SourceError
from adafocus.native_names import native_name

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})


class ImageFolder(CountedSource):
    """Pictures of a folder; sizes may differ. Only pictures that are retrieved are read.

    Hidden files are passed over: macOS puts one beside each picture on disks of other systems.
    """

    def __init__(self, path: str | Path, fps: float = FALLBACK_FPS) -> None:
        """List a folder.

        Args:
            path: a folder.
            fps: at which the pictures were taken.

        Raises:
            SourceError: no such folder, no picture in it, or a rate that is none.
        """
        # OpenCV has remarks on damaged pictures
        quiet_by_default()
        folder = Path(path)
        if not folder.is_dir():
            raise SourceError(f"{folder} is not a folder, expected one that holds pictures.")
        self.paths = sorted((entry for entry in folder.iterdir() if is_picture(entry)), key=_order)
        if not self.paths:
            known = ", ".join(sorted(SUFFIXES))
            raise SourceError(
                f"{folder} is not a file, and as a folder it holds no pictures, expected one of: {known}."
            )
        super().__init__(folder.resolve().name or str(folder), len(self.paths), fps)

    def retrieve(self) -> Frame | None:
        """Read the picture, upright; None where it cannot be decoded."""
        if self.number < 0:
            return None
        with native_name(self.paths[self.number]) as name:
            pixels = cv2.imread(name, cv2.IMREAD_COLOR)
        return None if pixels is None else Frame(pixels, self.number, self.timestamp_s, self.name)

    def close(self) -> None:
        """Do nothing: no file is held open."""


def is_picture(path: Path) -> bool:
    """Return whether this is a file that is named like a picture, and not hidden."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _order(path: Path) -> tuple[tuple[int, int, str], ...]:
    parts = re.split(r"(\d+)", path.name)
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)


open_source = ImageFolder
