"""Clip sets as folders: ``root/<class>/<video>`` or ``root/<split>/<class>/<video>``."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from adafocus.calibration.datasets.labeled_clip import ONLY_SPLIT, LabeledClip, make_clip, split_name
from adafocus.errors import AdafocusError

VIDEOS = (
    ".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ts", ".webm", ".wmv",
)  # fmt: skip
LAYOUTS = "root/<class>/<video> or root/<split>/<class>/<video>"
FORM = f"a folder per class ({LAYOUTS})"
# folders that macOS, Windows and network drives put beside videos
OF_SYSTEMS = ("__MACOSX", "$RECYCLE.BIN", "System Volume Information", "@eaDir", "#recycle", "lost+found")
# folders between the root and a video
WITHOUT_SPLITS, WITH_SPLITS = 1, 2

USUAL_SPLITS = ("train", "training", "val", "valid", "validation", "dev", "test", "testing")

logger = logging.getLogger(__name__)


def recognizes(source: Path) -> bool:
    """Return whether this is a folder with a video somewhere in it."""
    return source.is_dir() and any(path.suffix.lower() in VIDEOS for path in _files(source))


def read(source: Path) -> list[LabeledClip]:
    """Read a folder per class; the group of a clip is its folders and its file name without the suffix.

    Videos of two splits may have equal names, as files that are numbered anew in each split do. Without folders for
    splits, every clip is of the split ``train``. Hidden files and folders that systems make are passed over, and so are
    files that are no videos by their suffix; the log says how many.

    Raises:
        AdafocusError: there is no video, or the folders are neither of the two forms.
    """
    files = sorted(_files(source))
    videos = [path.relative_to(source) for path in files if path.suffix.lower() in VIDEOS]
    others = [path for path in files if path.suffix.lower() not in VIDEOS]
    if others:
        logger.warning("%s: passed over %d files that are no videos, such as %s.", source, len(others), others[0].name)
    depths = {len(path.parents) - 1: path for path in videos}
    if set(depths) not in ({WITHOUT_SPLITS}, {WITH_SPLITS}):
        examples = " and ".join(str(source / path) for _, path in sorted(depths.items()))
        raise AdafocusError(
            f"Found {examples or 'no video'} in {source}, expected videos as {LAYOUTS}, one form throughout, with a "
            f"suffix of {' '.join(VIDEOS)}. Move them, or list them in a CSV."
        )
    splits = sorted({path.parts[0] for path in videos if len(path.parts) > WITH_SPLITS})
    if splits and not {split_name(split) for split in splits} & set(USUAL_SPLITS):
        logger.warning("%s: took the folders %s for splits and those in them for classes.", source, ", ".join(splits))
    return [_clip(source, path) for path in videos]


def _clip(source: Path, path: Path) -> LabeledClip:
    *split, label, _ = path.parts
    group = path.with_suffix("").as_posix()
    return make_clip(str(source / path), source / path, (label,), group, split[0] if split else ONLY_SPLIT)


def _files(source: Path) -> Iterator[Path]:
    """Yield files that a person put there; a link to a folder that is around it is not followed again."""
    for place, folders, names in os.walk(source, followlinks=True):
        folder = Path(place)
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and name not in OF_SYSTEMS and not _leads_back(folder / name)
        ]
        yield from (folder / name for name in names if not name.startswith("."))


def _leads_back(folder: Path) -> bool:
    """Return whether this is a link to a folder that it lies in."""
    around = Path(os.path.abspath(folder)).parents
    return folder.is_symlink() and os.path.realpath(folder) in {os.path.realpath(place) for place in around}
