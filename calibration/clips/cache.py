"""A cache of decoded clips: small whole frames, decoded once, bounded on disk and in memory."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from calibration.clips import entries
from calibration.clips.labelled import LabelledClip
from edge.clip import sample_video
from edge.errors import AdafocusError

BROKEN_SHARE_LIMIT = 0.01
MOST_BYTES = 20 * 10**9
WORKERS = 2
# clips whose pictures are measured before any clip is decoded
MEASURED = 8
# clips that are handed to the workers at a time
BATCH = 64
# what lies beside an entry for so long was left by a run that was killed
LEFT_OVER_S = 3600


@dataclass(frozen=True)
class CacheSettings:
    """What decides the frames of a cached clip.

    Attributes:
        frames: per clip, the middle of each of so many equal segments of the video. An odd multiple of the network's
            candidate frames holds exactly the frames that inference sees.
        short_side_px: what the short side of the whole picture is resized to.
    """

    frames: int
    short_side_px: int


class FrameCache:
    """The frames of a set of clips, in one file per clip.

    A file is named by the content of its video and the settings, so clips that two sets share are decoded once, and a
    set that grows decodes what is new. Files appear whole or not at all: filling may be interrupted at any point, and
    several processes may fill the same folder. A file that is damaged later is made anew when it is read.

    Attributes:
        clips: of the set, in its order.
        settings: of the frames.
        broken: index of a clip -> sentence why it cannot be decoded, as found by :meth:`fill`.
    """

    def __init__(
        self,
        folder: Path,
        clips: Sequence[LabelledClip],
        settings: CacheSettings,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """Prepare a cache; nothing is read or written yet.

        Args:
            folder: of the cache; sets and settings may share it.
            clips: of the set.
            settings: of the frames.
            most_bytes: that the folder may take on disk.
        """
        self.clips = list(clips)
        self.settings = settings
        self.broken: dict[int, str] = {}
        self._folder = folder
        self._most_bytes = most_bytes
        self._paths: dict[int, Path] = {}
        self._intact: set[int] = set()

    def fill(self) -> None:
        """Decode what is not yet there; clips that cannot be decoded are put into :attr:`broken` and skipped.

        Raises:
            AdafocusError: more than 1 % of the clips are broken, the frames need more room than is allowed or left, or
                the folder cannot be written to.
        """
        self.broken = {}
        self._remove_left_overs()
        missing = [index for index in range(len(self.clips)) if not self._is_there(index)]
        self._check_broken()
        self._check_room(missing)
        # processes that fill the same folder begin at different clips, and so share the work
        start = random.Random(os.getpid()).randrange(len(missing)) if missing else 0
        missing = missing[start:] + missing[:start]
        with Progress(disable=not missing) as progress, ThreadPoolExecutor(WORKERS) as workers:
            bar = progress.add_task("decoding", total=len(missing))
            for first in range(0, len(missing), BATCH):
                for _ in workers.map(self._store, missing[first : first + BATCH]):
                    progress.advance(bar)
                self._check_broken()
                self._check_taken()

    def usable(self) -> list[int]:
        """Indices of the clips that are not broken."""
        return [index for index in range(len(self.clips)) if index not in self.broken]

    def read(self, index: int) -> NDArray[np.uint8]:
        """Frames of one clip: ``(frames, H, W, 3)`` uint8 RGB, read-only, mapped from the disk.

        Raises:
            AdafocusError: the clip is not in the cache, or no longer whole, and cannot be decoded.
        """
        path = self._path(index)
        frames = entries.open_entry(path)
        if frames is not None and (index in self._intact or entries.is_intact(path, frames)):
            self._intact.add(index)
            return frames
        decoded = self._decode(index)
        entries.write(path, decoded)
        return decoded

    @property
    def bytes(self) -> int:
        """Bytes on disk of the clips of this set."""
        paths = {self._path(index) for index in self.usable()}
        return sum(path.stat().st_size for path in paths if path.exists())

    def _path(self, index: int) -> Path:
        if index not in self._paths:
            clip = self.clips[index].path
            try:
                key = entries.content_key(clip)
            except OSError as error:
                raise AdafocusError(f"Cannot read the clip {clip}: {error.strerror}. Check its path.") from error
            name = f"{key}-{self.settings.frames}x{self.settings.short_side_px}px{entries.SUFFIX}"
            self._paths[index] = self._folder / name
        return self._paths[index]

    def _is_there(self, index: int) -> bool:
        """Whether there is nothing to do for a clip: it is stored, or it cannot even be read."""
        try:
            return entries.open_entry(self._path(index)) is not None
        except AdafocusError as error:
            self.broken[index] = str(error)
            return True

    def _store(self, index: int) -> None:
        if self._is_there(index):
            return
        try:
            frames = self._decode(index)
        except AdafocusError as error:
            self.broken[index] = str(error)
            return
        entries.write(self._path(index), frames)

    def _decode(self, index: int) -> NDArray[np.uint8]:
        side = self.settings.short_side_px
        return sample_video(self.clips[index].path, self.settings.frames, lambda frame: fit_short_side(frame, side))

    def _check_broken(self) -> None:
        if len(self.broken) <= BROKEN_SHARE_LIMIT * len(self.clips):
            return
        listed = "\n".join(f"  {self.broken[index]}" for index in sorted(self.broken))
        raise AdafocusError(
            f"{len(self.broken)} of {len(self.clips)} clips cannot be decoded, more than "
            f"{100 * BROKEN_SHARE_LIMIT:g} %. Mend them, or take them off the list:\n{listed}"
        )

    def _check_room(self, missing: Sequence[int]) -> None:
        """Estimate from the pictures of a few clips what all of them need, before anything is decoded in full."""
        measured = [size for index in missing[:MEASURED] if (size := self._bytes_of_entry(index)) is not None]
        if not measured:
            return
        mean = sum(measured) / len(measured)
        needed = round(mean * len(missing))
        taken = self._taken()
        self._folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self._folder).free
        if taken + needed > self._most_bytes or needed > free:
            raise AdafocusError(
                f"{len(missing)} clips are to be decoded into {self._folder}, about {_text(mean)} each and "
                f"{_text(needed)} in all; the folder holds {_text(taken)} of the {_text(self._most_bytes)} that it may "
                f"take, and {_text(free)} of the disk are free. {self._advice()}"
            )

    def _check_taken(self) -> None:
        taken = self._taken()
        if taken > self._most_bytes:
            raise AdafocusError(
                f"{self._folder} holds {_text(taken)}, more than the {_text(self._most_bytes)} that it may take. "
                f"{self._advice()}"
            )

    def _advice(self) -> str:
        return (
            f"Delete what is no longer needed in {self._folder}, choose another folder, take fewer frames than "
            f"{self.settings.frames} or a shorter side than {self.settings.short_side_px} pixels, or allow more "
            "(most_bytes)."
        )

    def _bytes_of_entry(self, index: int) -> int | None:
        """What a clip will take; None where it cannot be decoded."""
        try:
            (picture,) = sample_video(self.clips[index].path, 1, lambda frame: frame)
        except AdafocusError:
            return None
        height, width = short_side_size(picture.shape[:2], self.settings.short_side_px)
        return 3 * self.settings.frames * height * width

    def _taken(self) -> int:
        return sum(entry.stat().st_size for entry in self._files())

    def _files(self) -> list[os.DirEntry[str]]:
        if not self._folder.is_dir():
            return []
        with os.scandir(self._folder) as found:
            return [entry for entry in found if entry.name.endswith(entries.SUFFIX)]

    def _remove_left_overs(self) -> None:
        for entry in self._files():
            if entry.name.startswith(".") and time.time() - entry.stat().st_mtime > LEFT_OVER_S:
                Path(entry.path).unlink(missing_ok=True)


def short_side_size(shape: tuple[int, ...], short_side_px: int) -> tuple[int, int]:
    """Height and width in pixels of a picture ``(H, W)`` whose short side becomes ``short_side_px``."""
    short = min(shape)
    height, width = (max(1, round(side * short_side_px / short)) for side in shape)
    return height, width


def fit_short_side(frame: NDArray[np.uint8], short_side_px: int) -> NDArray[np.uint8]:
    """Resize ``(H, W, 3)`` uint8 as a whole: averaged where it shrinks, bilinear where it grows."""
    height, width = short_side_size(frame.shape[:2], short_side_px)
    interpolation = cv2.INTER_AREA if height < frame.shape[0] else cv2.INTER_LINEAR
    return cv2.resize(frame, (width, height), interpolation=interpolation)


def _text(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
