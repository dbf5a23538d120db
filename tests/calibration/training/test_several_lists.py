"""``train`` with several clip lists, which are one set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file

from adafocus.calibration.commands.train import train
from adafocus.errors import AdafocusError
from tests.helpers.training_run import write_clips, write_recipe

Split = Callable[[Path, list[str]], list[Path]]


def by_split(folder: Path, rows: list[str]) -> list[Path]:
    """Write a list for each split."""
    return [written(folder, split, [row for row in rows if row.endswith(split)]) for split in ("train", "val")]


def by_hand(folder: Path, rows: list[str]) -> list[Path]:
    """Write a list for each split, with semicolons, blanks and capitals."""
    lists = [[row.replace(",", " ; ") for row in rows if row.endswith(split)] for split in ("train", "val")]
    lists = [[row.replace("train", "Train").replace("val", "VAL") for row in part] for part in lists]
    return [written(folder, f"hand{number}", part, "Path; Label; Group; Split") for number, part in enumerate(lists)]


def in_thirds(folder: Path, rows: list[str]) -> list[Path]:
    """Write three lists, the last of which has clips of both splits."""
    return [written(folder, f"part{start}", rows[start : start + 6]) for start in range(0, len(rows), 6)]


def written(folder: Path, name: str, rows: list[str], head: str = "path,label,group,split") -> Path:
    path = folder / f"{name}.csv"
    path.write_text("\n".join([head, *rows]), encoding="utf-8")
    return path


def run(folder: Path, name: str, lists: list[Path], *more: str) -> Path:
    out = folder / f"{name}.safetensors"
    sets = [word for path in lists for word in ("--clips", str(path))]
    places = ["--cache", str(folder / "cache"), "--work", str(folder / f"{name}-work"), "--out", str(out)]
    recipe = str(write_recipe(folder, epochs=1))
    result = CliRunner().invoke(train, [recipe, *sets, *places, *more], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return out


@pytest.mark.slow
def test_clips_in_several_lists_teach_what_one_list_does(tmp_path: Path) -> None:
    clips = write_clips(tmp_path)
    rows = clips.read_text(encoding="utf-8").splitlines()[1:]
    expected = load_file(run(tmp_path, "one", [clips]))
    ways: list[Split] = [by_split, by_hand, in_thirds]
    for way in ways:
        found = load_file(run(tmp_path, way.__name__, way(tmp_path, rows)))
        assert found.keys() == expected.keys()
        assert all((found[name] == expected[name]).all() for name in expected)


@pytest.mark.parametrize(
    ("one", "two", "said"),
    [
        ("0.avi,bright,g0,train", "0.avi,bright,g0,val", "0.avi twice, in the splits 'train' and 'val'"),
        ("0.avi,bright,g0,train", "2.avi,bright,g0,val", "'g0' of .*one.csv and .*two.csv is in the splits"),
        ("0.avi,bright,g0,train", "copy.avi,bright,g9,val", "are the same video by content"),
        ("0.avi,bright,g0,train", "2.avi,bright,g9,train", "list no clip of split 'test', only of train"),
    ],
)
def test_leaks_between_lists_end_in_a_sentence_before_any_work(tmp_path: Path, one: str, two: str, said: str) -> None:
    write_clips(tmp_path, 4, 0)
    (tmp_path / "copy.avi").write_bytes((tmp_path / "0.avi").read_bytes())
    lists = [written(tmp_path, "one", [one, "1.avi,dark,g1,train"]), written(tmp_path, "two", [two])]
    more = ("--train-split", "test") if "'test'" in said else ()
    with pytest.raises(AdafocusError, match=said):
        run(tmp_path, "none", lists, *more)
    assert not (tmp_path / "none-work").exists()
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("name", ["judged.csv", "./work/../work/judged.csv", "link.csv"])
def test_the_list_that_a_run_writes_is_not_read(tmp_path: Path, name: str) -> None:
    work = tmp_path / "work"
    work.mkdir()
    clips = write_clips(tmp_path, 4, 2)
    own = work / "judged.csv"
    own.write_bytes(clips.read_bytes())
    (tmp_path / "link.csv").symlink_to(own)
    given = {"judged.csv": own, "link.csv": tmp_path / "link.csv"}.get(name, tmp_path / name)
    places = ["--cache", str(tmp_path / "cache"), "--work", str(work), "--out", str(tmp_path / "out.safetensors")]
    with pytest.raises(AdafocusError, match=r"would be replaced while it is read. Copy it to another name"):
        CliRunner().invoke(train, [str(write_recipe(tmp_path)), "--clips", str(given), *places], catch_exceptions=False)
    assert own.read_bytes() == clips.read_bytes()


@pytest.mark.slow
def test_a_list_in_the_work_folder_is_one_like_any_other(tmp_path: Path) -> None:
    clips = write_clips(tmp_path, 4, 2)
    own = tmp_path / "own-work" / "mine.csv"
    own.parent.mkdir()
    own.write_text(clips.read_text().replace("\n", "\n../")[:-3])
    before = own.read_bytes()
    for _ in range(2):
        assert run(tmp_path, "own", [own]).is_file()
    assert own.read_bytes() == before
