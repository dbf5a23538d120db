"""Clip sets: which videos there are, what they show, and a cache of their decoded frames."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from edge.clip import sample_video
from edge.errors import AdafocusError
from edge.files import replacing_file
from edge.preprocess import fit_frame

REQUIRED_COLUMNS = {"path", "label", "group", "split"}
BROKEN_SHARE_LIMIT = 0.01


@dataclass(frozen=True)
class LabelledClip:
    """One row of a clip list; ``group`` names the source video, which must not cross splits."""

    path: Path
    label: str
    group: str
    split: str


def read_clip_list(path: Path, split: str | None = None) -> list[LabelledClip]:
    """Read a CSV with the columns path (relative to the CSV), label, group and split.

    Args:
        path: the CSV.
        split: keep only the rows of this split.

    Raises:
        AdafocusError: no such file, missing columns, or nothing left.
    """
    if not path.is_file():
        raise AdafocusError(f"There is no clip list at {path}. Give the path of a CSV with a row per video.")
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = REQUIRED_COLUMNS - set(reader.fieldnames or ())
        if missing:
            raise AdafocusError(
                f"{path} has no column {', '.join(sorted(missing))}. Expected the columns path, label, group, split."
            )
        rows = [
            LabelledClip(path.parent / row["path"], row["label"], row["group"], row["split"])
            for row in reader
            if split in (None, row["split"])
        ]
    if not rows:
        raise AdafocusError(f"{path} lists no clip of split {split!r}. Check the split column.")
    return rows


@dataclass(frozen=True)
class CacheSettings:
    """What decides the content of a cache: frames per clip, spread evenly, and the side of their centre square."""

    frames: int
    side_px: int


class FrameCache:
    """Decoded clips in one memory-mapped array ``(clips, frames, side, side, 3)`` uint8 RGB.

    Filling is safe to interrupt: finished clips are noted after their frames are on disk, and a second call goes on
    where the first stopped. The file name is a key made of the clips' paths, sizes and the settings.
    """

    def __init__(self, folder: Path, clips: Sequence[LabelledClip], settings: CacheSettings) -> None:
        self.clips = list(clips)
        self.settings = settings
        content = [[str(clip.path), clip.path.stat().st_size] for clip in clips]
        key = hashlib.sha256(json.dumps([content, asdict(settings)]).encode()).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        self._note = folder / f"{key}.json"
        self._data = folder / f"{key}.u8"
        shape = (len(self.clips), settings.frames, settings.side_px, settings.side_px, 3)
        mode: Literal["r+", "w+"] = "r+" if self._data.exists() else "w+"
        self.frames: np.memmap = np.memmap(str(self._data), dtype=np.uint8, mode=mode, shape=shape)
        self.broken: dict[str, str] = {}

    def fill(self) -> None:
        """Decode what is not yet there.

        Raises:
            AdafocusError: more than 1 % of the clips cannot be decoded; the sentence names the first of them.
        """
        state = json.loads(self._note.read_text()) if self._note.exists() else {"done": [], "broken": {}}
        done = set(state["done"])
        self.broken = dict(state["broken"])
        waiting = [i for i in range(len(self.clips)) if i not in done and str(i) not in self.broken]
        for count, index in enumerate(track(waiting, "decoding", disable=not waiting)):
            try:
                self.frames[index] = self._decode(self.clips[index].path)
                done.add(index)
            except AdafocusError as error:
                self.broken[str(index)] = str(error)
            if count % 50 == 49 or index == waiting[-1]:
                self.frames.flush()
                self._write_note({"done": sorted(done), "broken": self.broken})
        if len(self.broken) > BROKEN_SHARE_LIMIT * len(self.clips):
            first = next(iter(self.broken.values()))
            raise AdafocusError(
                f"{len(self.broken)} of {len(self.clips)} clips cannot be decoded, more than 1 %. The first: {first}"
            )

    def usable(self) -> list[int]:
        """Indices of the clips that were decoded."""
        return [i for i in range(len(self.clips)) if str(i) not in self.broken]

    def _decode(self, path: Path) -> NDArray[np.uint8]:
        side = self.settings.side_px
        return sample_video(path, self.settings.frames, lambda frame: fit_frame(frame, side, side))

    def _write_note(self, state: dict[str, object]) -> None:
        with replacing_file(self._note) as beside:
            beside.write_text(json.dumps(state))
