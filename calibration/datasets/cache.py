"""A cache of decoded clips: small whole frames, decoded once, bounded on disk and in memory."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from adafocus.calibration.datasets import cache_entry as entries
from adafocus.calibration.datasets.labeled_clip import LabeledClip
from adafocus.edge.video.clip import read_frames, sample_video
from adafocus.errors import AdafocusError

BROKEN_SHARE_LIMIT = 0.01
MAX_BYTES = 20 * 10**9
WORKERS = 2
# clips whose pictures are measured before any clip is decoded
MEASURED = 8
# clips that are handed to the workers at a time
BATCH = 64
# broken clips that an error names
NAMED = 10


@dataclass(frozen=True)
class CacheSettings:
    """Which frames of a clip are cached, and how large.

    Attributes:
        frames: per clip, the middle of each of so many equal segments of the video. An odd multiple of the network's
            candidate frames holds exactly the frames that inference sees.
        short_side_px: what the short side of the whole picture is resized to.
        native: frames with a shorter side are kept as they were decoded.
    """

    frames: int
    short_side_px: int
    native: bool = False


class FrameCache:
    """The frames of a set of clips, in one file per clip.

    A file is named by the content of its video and the settings, so clips that two sets share are decoded once, and a
    set that grows decodes what is new. Files appear whole or not at all: filling may be interrupted at any point, and
    several processes may fill the same folder. A file that is damaged later is made anew when it is read.

    Attributes:
        clips: of the set, in its order.
        settings: of the frames.
        broken: index of a clip -> why it cannot be decoded, as found by :meth:`fill`.
    """

    def __init__(
        self,
        folder: Path,
        clips: Sequence[LabeledClip],
        settings: CacheSettings,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """Prepare a cache; nothing is read or written yet.

        Args:
            folder: of the cache; sets and settings may share it.
            clips: of the set.
            settings: of the frames.
            max_bytes: how much the folder may take on disk.
        """
        self.clips = list(clips)
        self.settings = settings
        self.broken: dict[int, str] = {}
        self._folder = folder
        self._max_bytes = max_bytes
        self._paths: dict[int, Path] = {}
        self._intact: set[int] = set()

    def fill(self) -> None:
        """Decode every clip that is not in the cache yet; a clip that fails is put into :attr:`broken` and skipped.

        Raises:
            AdafocusError: more than 1 % of the clips are broken, the frames need more room than is allowed or left, or
                the folder cannot be written to.
        """
        self.broken = {}
        self._paths.clear()
        missing = [index for index in range(len(self.clips)) if not self._is_settled(index)]
        self._check_broken()
        taken = self._check_room(missing)
        # processes that fill the same folder begin at different clips, and so share the work
        start = random.Random(os.getpid()).randrange(len(missing)) if missing else 0
        missing = missing[start:] + missing[:start]
        with Progress(disable=not missing) as progress, ThreadPoolExecutor(WORKERS) as workers:
            bar = progress.add_task("decoding", total=len(missing))
            for first in range(0, len(missing), BATCH):
                for stored in workers.map(self._store, missing[first : first + BATCH]):
                    taken += stored
                    progress.advance(bar)
                self._check_broken()
                if taken > self._max_bytes:
                    raise AdafocusError(
                        f"{self._folder} holds {_text(taken)}, more than the {_text(self._max_bytes)} that it may "
                        f"take. {self._advice()}"
                    )

    def usable(self) -> list[int]:
        """Return the indices of the clips that are not broken."""
        return [index for index in range(len(self.clips)) if index not in self.broken]

    def read(self, index: int) -> NDArray[np.uint8]:
        """Read the frames of one clip: ``(frames, H, W, 3)`` uint8 RGB, read-only, mapped from the disk.

        Raises:
            AdafocusError: the clip is not in the cache, or no longer whole, and cannot be decoded.
        """
        path = self._path(index)
        frames = entries.open_entry(path)
        if frames is not None and (index in self._intact or entries.is_intact(path)):
            self._intact.add(index)
            return frames
        decoded = self._decode(index)
        entries.write(path, decoded)
        return decoded

    @property
    def bytes(self) -> int:
        """Bytes that the clips of this set take on disk."""
        paths = {self._path(index) for index in self.usable()}
        return sum(path.stat().st_size for path in paths if path.exists())

    def content_key(self, index: int) -> str:
        """Return what stands for the content of a clip's video, whatever its name.

        Raises:
            AdafocusError: the video cannot be read.
        """
        return self._path(index).name.partition("-")[0]

    def _path(self, index: int) -> Path:
        if index not in self._paths:
            clip = self.clips[index].path
            try:
                key = entries.content_key(clip)
            except OSError as error:
                raise AdafocusError(f"Cannot read the clip {clip}: {error.strerror}. Check its path.") from error
            wanted = self.settings
            name = entries.name_of(key, wanted.frames, wanted.short_side_px, native=wanted.native)
            self._paths[index] = self._folder / name
        return self._paths[index]

    def _is_settled(self, index: int) -> bool:
        """Return whether a clip needs no decoding: it is stored, or its file cannot be read."""
        try:
            return entries.open_entry(self._path(index)) is not None
        except AdafocusError as error:
            self.broken[index] = str(error)
            return True

    def _store(self, index: int) -> int:
        """Decode a clip unless another process or clip did so meanwhile; return the bytes that were added."""
        if self._is_settled(index):
            return 0
        try:
            frames = self._decode(index)
        except AdafocusError as error:
            self.broken[index] = str(error)
            return 0
        entries.write(self._path(index), frames)
        return frames.nbytes

    def _decode(self, index: int) -> NDArray[np.uint8]:
        path = self.clips[index].path
        try:
            return sample_video(path, self.settings.frames, self._fitted)
        except ValueError as error:
            raise AdafocusError(
                f"The pictures of {path} are of several shapes, expected one. Take the clip off the list, or write it "
                "anew with pictures of one size."
            ) from error

    def _fitted(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a frame as it is kept."""
        kept = self._kept_size(frame.shape) == frame.shape[:2]
        return frame if kept and self.settings.native else fit_short_side(frame, self.settings.short_side_px)

    def _kept_size(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Return height and width that a frame ``(H, W, 3)`` is kept with."""
        height, width = shape[:2]
        if self.settings.native and min(height, width) <= self.settings.short_side_px:
            return height, width
        return short_side_size((height, width), self.settings.short_side_px)

    def _check_broken(self) -> None:
        if len(self.broken) <= BROKEN_SHARE_LIMIT * len(self.clips):
            return
        named = "\n".join(f"  {self.broken[index]}" for index in sorted(self.broken)[:NAMED])
        raise AdafocusError(
            f"{len(self.broken)} of {len(self.clips)} clips cannot be decoded, more than "
            f"{100 * BROKEN_SHARE_LIMIT:g} %. Repair them, or take them off the list:\n{named}"
        )

    def _check_room(self, missing: Sequence[int]) -> int:
        """Estimate from a few clips what all of them need, before any is decoded as a whole.

        Returns:
            the bytes that the folder takes already.
        """
        taken = entries.tidy(self._folder)
        spread = missing[:: max(1, len(missing) // MEASURED)][:MEASURED]
        measured = [size for index in spread if (size := self._bytes_of_entry(index)) is not None]
        if not measured:
            return taken
        mean = sum(measured) / len(measured)
        needed = round(mean * len(missing))
        free = _free_bytes(self._folder)
        if taken + needed > self._max_bytes or needed > free:
            raise AdafocusError(
                f"Clips still to be decoded into {self._folder}: {len(missing)}, about {_text(mean)} each and "
                f"{_text(needed)} in all; the folder holds {_text(taken)} of the {_text(self._max_bytes)} that it may "
                f"take, and {_text(free)} of the disk are free. {self._advice()}"
            )
        return taken

    def _advice(self) -> str:
        return (
            f"Delete what is no longer needed in {self._folder}, choose another folder, take fewer frames than "
            f"{self.settings.frames} or a shorter side than {self.settings.short_side_px} pixels, or allow more "
            "(max_bytes)."
        )

    def _bytes_of_entry(self, index: int) -> int | None:
        """Return the bytes that a clip will take; None where it cannot be decoded."""
        try:
            first = read_frames(self.clips[index].path, [0])[0]
        except AdafocusError:
            return None
        height, width = self._kept_size(first.shape)
        return 3 * self.settings.frames * height * width


def short_side_size(shape: tuple[int, ...], short_side_px: int) -> tuple[int, int]:
    """Return height and width in pixels of a picture ``(H, W)`` whose short side becomes ``short_side_px``.

    The long side differs from it by an even number, so that the middle of the picture is that of its centre crop.
    """
    short = min(shape)
    height, width = (short_side_px + 2 * round((side - short) * short_side_px / (2 * short)) for side in shape)
    return height, width


def fit_short_side(frame: NDArray[np.uint8], short_side_px: int) -> NDArray[np.uint8]:
    """Resize ``(H, W, 3)`` uint8 as a whole: averaged where it shrinks, bilinear where it grows."""
    height, width = short_side_size(frame.shape[:2], short_side_px)
    interpolation = cv2.INTER_AREA if height < frame.shape[0] else cv2.INTER_LINEAR
    return cv2.resize(frame, (width, height), interpolation=interpolation)


def _free_bytes(folder: Path) -> int:
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    return shutil.disk_usage(there).free


def _text(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
