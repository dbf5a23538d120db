"""Clip sets and files of class names: CSV, JSON and folders, written by hand, by programs, and wrongly."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzzing.kind import train
from tests.fuzzing.mutations import damage
from tests.fuzzing.structures import changed_json
from tests.helpers.training_run import write_recipe

COLUMNS = ["path", "label", "group", "split"]
# what stands in a field of a list
FIELDS = (
    "", " ", "  0.npy ", "0.npy", "./0.npy", "../clips/0.npy", "0.NPY", "missing.npy", "/etc/passwd", "/dev/zero", ".",
    "..", "", "a|b", "|", "a||b", "bright|bright", "Bright", " dark", "train", "VAL", "vall", "test", "x" * 5000,
    "x" * 300 + ".npy", "\x00", "\x1b[2J", "\u00e9", "e\u0301", "\u200b", "\u202e", '"', '""', "'", ",", ";", "\t",
    "\n", "\r", "=1+1", "#N/A", "nan", "1e5", "-1", "http://127.0.0.1:9/x.mp4", "rtsp://127.0.0.1:9/x", "camera:0",
    "pipe", "loop", "folder", "\ud800", "%d.npy", "C:\\clips\\0.npy", "clips.csv",
)  # fmt: skip
NAMES = (
    b"a b", b"a:b", b"caf\xe9", b"x" * 250, b"-rf", b"%d", b".hidden", b"#recycle", b"new\nline", b"\xf0\x9f\x8e\xac",
    b"train", b"Val", b"CON", b"a'b\"c", b"e\xcc\x81", b"\xc3\xa9", b"*",
)  # fmt: skip
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp037", "utf-7")
CLIPS = 8


class ClipLists:
    """A set of clips that may be none; CSV, JSON, folders and class names take turns."""

    def __init__(self, bundle: Path, place: Path) -> None:
        self._place, self._clips = place, place / "clips"
        self._clips.mkdir()
        (place / "run").mkdir()
        (place / "cache").mkdir()
        self._recipe = write_recipe(place)
        rng = np.random.default_rng(0)
        for number in range(CLIPS):
            np.save(self._clips / f"{number}.npy", rng.integers(0, 200, (6, 40, 48, 3), np.uint8))
        os.mkfifo(self._clips / "pipe")
        (self._clips / "loop").symlink_to("loop")
        (self._clips / "folder").mkdir()
        self._rows = [
            [f"{number}.npy", ("bright", "dark")[number % 2], f"g{number}", "train" if number < CLIPS - 2 else "val"]
            for number in range(CLIPS)
        ]
        self._set = self._clips / "clips.csv"
        self._set.write_bytes(_csv([COLUMNS, *self._rows]))
        # the right one works; its libraries are loaded then
        train(place, self._recipe, self._set)
        self._ways: tuple[Callable[[np.random.Generator, int], tuple[str, Path]], ...] = (
            self._written, self._listed, self._sorted, self._named,
        )  # fmt: skip

    def make(self, rng: np.random.Generator, number: int) -> tuple[str, Path]:
        """Take the form whose turn it is."""
        return self._ways[number % len(self._ways)](rng, number // len(self._ways))

    def use(self, path: Path) -> None:
        """Train on it, as far as it lets us."""
        if path.suffix == ".txt":
            train(self._place, self._recipe, self._set, "--labels", path)
        else:
            train(self._place, self._recipe, path)

    def _written(self, rng: np.random.Generator, turn: int) -> tuple[str, Path]:
        """Write a CSV by hand."""
        path = self._clips / "list.csv"
        if turn % 3 == 2:
            name, content = damage(rng, _csv([COLUMNS, *self._rows]))
            path.write_bytes(content)
            return f"CSV: {name}", path
        rows = [list(COLUMNS), *([*row] for row in self._rows)]
        done = [_change_rows(rng, rows) for _ in range(int(rng.integers(1, 4)))]
        separator, encoding = str(rng.choice((",", ",", ";", "\t", "|", ", "))), "utf-8"
        if rng.random() < 0.3:
            encoding = str(rng.choice(ENCODINGS))
        end = str(rng.choice(("\n", "\r\n", "\r", "\n\n")))
        path.write_bytes(_csv(rows, separator, encoding, end))
        return f"CSV: {'; '.join(done)}; {separator!r} {encoding}", path

    def _listed(self, rng: np.random.Generator, turn: int) -> tuple[str, Path]:
        """Write a JSON list."""
        path = self._clips / "list.json"
        entries = [
            {"video": video, "labels": [label], "group": group, "split": split}
            for video, label, group, split in self._rows
        ]
        if turn % 3 == 2:
            name, content = damage(rng, json.dumps(entries).encode())
        elif turn % 3 == 1:
            entry: Any = entries[int(rng.integers(CLIPS))]
            key, text = str(rng.choice(list(entry))), FIELDS[int(rng.integers(len(FIELDS)))]
            entry[key] = [text] if key == "labels" else text
            name, content = f"{key} is {text[:20]!r}", json.dumps(entries).encode()
        else:
            name, content = changed_json(rng, entries, turn)
        path.write_bytes(content)
        return f"JSON: {name}", path

    def _sorted(self, rng: np.random.Generator, turn: int) -> tuple[str, Path]:
        """Sort videos into folders, and put into them what else lies on disks."""
        root = self._place / "folders"
        shutil.rmtree(root, ignore_errors=True)
        splits = ("train", "val") if turn % 2 else ("",)
        for number in range(CLIPS - 2):
            folder = root / splits[number % len(splits)] / ("bright", "dark")[number // 2 % 2]
            folder.mkdir(parents=True, exist_ok=True)
            # numbered folders of pictures are no videos of a set, so these are files that cannot be decoded
            shutil.copyfile(self._clips / f"{number}.npy", folder / f"{number}.mp4")
        done = [self._disturb(rng, root) for _ in range(int(rng.integers(1, 4)))]
        return f"folders: {'; '.join(done)}", root

    def _disturb(self, rng: np.random.Generator, root: Path) -> str:
        places = sorted(path for path in root.rglob("*") if path.is_dir() and not path.is_symlink())
        place = places[int(rng.integers(len(places)))]
        name = os.fsdecode(NAMES[int(rng.integers(len(NAMES)))])
        way = int(rng.integers(9))
        target = place / (name if way in (0, 5, 6) else f"{name}.mp4")
        if target.exists() or target.is_symlink():
            return "nothing"
        if way == 0:
            target.symlink_to(root)
        elif way == 1:
            target.symlink_to("nowhere")
        elif way == 2:
            os.mkfifo(target)
        elif way == 3:
            target.mkdir()
        elif way == 4:
            target.write_bytes(rng.bytes(int(rng.integers(0, 500))))
        elif way == 5:
            copy = root / "copied" / name
            copy.mkdir(parents=True, exist_ok=True)
            # never what a link leads to: it may be without end
            for path in place.iterdir():
                if path.is_file() and not path.is_symlink():
                    shutil.copyfile(path, copy / path.name)
        elif way == 6:
            target.mkdir()
            (target / "deeper").mkdir()
            (target / "deeper" / "clip.mp4").write_bytes(b"x")
        elif way == 7:
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
        else:
            target.symlink_to("/dev/zero")
        return f"{way} at {place.relative_to(root)}/{name[:20]!r}"

    def _named(self, rng: np.random.Generator, turn: int) -> tuple[str, Path]:
        """Write a file of class names."""
        path = self._place / "names.txt"
        if turn % 2:
            name, content = damage(rng, b"bright\ndark\n\xc3\xa9t\xc3\xa9\n")
        else:
            names = ["bright", "dark"]
            for _ in range(int(rng.integers(1, 4))):
                names.insert(int(rng.integers(len(names) + 1)), FIELDS[int(rng.integers(len(FIELDS)))])
            encoding = str(rng.choice(ENCODINGS))
            text = str(rng.choice(("\n", "\r\n", "\r"))).join(names)
            name = f"{', '.join(names)[:60]!r} {encoding}"
            content = text.encode(encoding, "surrogatepass" if encoding.startswith("utf-") else "replace")
        path.write_bytes(content)
        return f"names: {name}", path


def _csv(rows: list[list[str]], separator: str = ",", encoding: str = "utf-8", end: str = "\n") -> bytes:
    text = end.join(separator.join(row) for row in rows) + end
    if encoding == "utf-7":
        return text.encode(encoding, "replace")
    return text.encode(encoding, "surrogatepass" if encoding.startswith("utf-") else "replace")


def _change_rows(rng: np.random.Generator, rows: list[list[str]]) -> str:
    line = int(rng.integers(len(rows)))
    row, way = rows[line], int(rng.integers(8))
    field = int(rng.integers(max(1, len(row))))
    if way <= 3 and row:
        text = FIELDS[int(rng.integers(len(FIELDS)))]
        row[field] = f'"{text}"' if way == 3 else text
        return f"{line}.{field} is {text[:20]!r}"
    if way == 4 and row:
        del row[field]
        return f"{line}.{field} removed"
    if way == 5:
        rows.insert(int(rng.integers(len(rows) + 1)), [*row])
        return f"row {line} twice"
    if way == 6:
        rows.insert(line, [["", "", "", ""], ["sep=;"], ["# note"], [" "], [","] * 50][int(rng.integers(5))])
        return f"another row at {line}"
    del rows[line]
    return f"row {line} removed"
