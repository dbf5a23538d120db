"""CSV files as people and spreadsheets write them: what is unambiguous is read, the rest is refused with its place."""

from __future__ import annotations

import codecs
import json
import os
import sys
import time
import unicodedata
from pathlib import Path

import pytest

from adafocus.calibration.datasets import LabeledClip, is_clip_set, read_clips
from adafocus.calibration.datasets.csv_list import write_list
from adafocus.errors import AdafocusError

HEAD = "path,label,group,split\n"
PLAIN = HEAD + "v0.mp4,run,g0,train\nb/v1.mp4,sit,g1,val\n"


def write(folder: Path, text: str | bytes, name: str = "clips.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def expected(folder: Path) -> list[LabeledClip]:
    return [
        LabeledClip(folder / "v0.mp4", ("run",), "g0", "train"),
        LabeledClip(folder / "b" / "v1.mp4", ("sit",), "g1", "val"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        # blanks around names
        "path, label, group, split\nv0.mp4, run, g0, train\nb/v1.mp4, sit, g1, val\n",
        "  path ,label\t, group,split  \nv0.mp4 ,\trun, g0,train \n b/v1.mp4,sit\u00a0,g1 , val\n",
        '"path" , "label", "group" ,"split" \n"v0.mp4" , "run" , "g0", "train"\n"b/v1.mp4", "sit","g1" ,"val" \n',
        # upper and lower case
        "Path,Label,Group,Split\nv0.mp4,run,g0,Train\nb/v1.mp4,sit,g1,VAL\n",
        "PATH,LABEL,GROUP,SPLIT\nv0.mp4,run,g0,TRAIN\nb/v1.mp4,sit,g1,vaL\n",
        "Split,Group,Label,Path\ntrain,g0,run,v0.mp4\nval,g1,sit,b/v1.mp4\n",
        # rows that hold nothing
        PLAIN + ",,,\n,,,\n",
        "\n\n" + PLAIN.replace("\n", "\n\n") + " , ,,\t\n   \n",
        ",,,\n" + PLAIN + '"","","",""\n',
        # more separators than columns
        "path,label,group,split,,\nv0.mp4,run,g0,train,,\nb/v1.mp4,sit,g1,val,,\n",
        HEAD + "v0.mp4,run,g0,train,,\nb/v1.mp4,sit,g1,val, ,\n",
        ",path,label,group,split\n0,v0.mp4,run,g0,train\n1,b/v1.mp4,sit,g1,val\n",
        # other separators
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", " ; "),
        "path;label;group;split;note\nv0.mp4;run;g0;train;one, two\nb/v1.mp4;sit;g1;val;three, four, five, six\n",
        "sep=;\r\n" + PLAIN.replace(",", ";").replace("\n", "\r\n"),
        '"sep=,"\n' + PLAIN,
        "sep=\t\r" + PLAIN.replace(",", "\t").replace("\n", "\r"),
        # line ends
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.rstrip("\n"),
        # quoted cells
        "".join(",".join(f'"{cell}"' for cell in line.split(",")) + "\n" for line in PLAIN.splitlines()),
        'path,label,group,split,"notes, if any"\nv0.mp4,run,g0,train,"says ""go"", twice"\n"b/v1.mp4",sit,g1,"val",\n',
        'path,label,group,split,note\nv0.mp4,run,g0,train,"two\nlines"\nb/v1.mp4,"sit",g1,val, "a, b" \n',
        # two files behind each other
        PLAIN.replace("b/v1", "Path,Label,Group,Split\n\ufeffpath,label,group,split\nb/v1"),
    ],
)
def test_a_list_written_by_hand_is_read_as_it_is_meant(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    assert read_clips(path) == expected(tmp_path)
    assert [clip.path.name for clip in read_clips(path, " Val ")] == ["v1.mp4"]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (b"", "utf-16-le"),
        (b"", "utf-16-be"),
    ],
)
def test_the_encoding_is_seen_by_the_first_bytes(tmp_path: Path, mark: bytes, encoding: str, separator: str) -> None:
    text = PLAIN.replace("run", "glücklich").replace(",", separator)
    first, second = read_clips(write(tmp_path, mark + text.encode(encoding)))
    assert (first.label, first.path, second.label) == ("glücklich", tmp_path / "v0.mp4", "sit")
    assert first.split == "train"


def test_a_file_of_tabs_may_be_named_so(tmp_path: Path) -> None:
    path = write(tmp_path, PLAIN.replace(",", "\t"), "clips.TSV")
    assert is_clip_set(path)
    assert read_clips(path) == expected(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no column path, label, group, split, only none"),
        ("v0.mp4,run,g0,train\n", r"no column .*only v0.mp4, run, g0, train. Expected .* in the first line"),
        ("path,label,split\nv0.mp4,run,train\n", "has no column group"),
        ("Path, Label\nv0.mp4,run\n", "has no column group, split, only Path"),
        ("path,label,group,split,Label\na,b,c,d,e\n", "has the column label twice"),
        ("path, path ,label,group,split\na,b,c,d,e\n", "has the column path twice"),
        ("path;label;group;split;SPLIT\na;b;c;d;e\n", "has the column split twice"),
        ("path|label|group|split\na|b|c|d\n", "separated by commas"),
        ("path label group split\na b c d\n", "separated by commas"),
        (HEAD + "v0.mp4,run\n", "too few fields in line 2"),
        (HEAD + "\n\nv0.mp4,run, jump,g0,train\n", "too many fields in line 4"),
        (HEAD + "v0.mp4;run;g0;train\n", "too few fields in line 2"),
        (HEAD + "v0.mp4,,g0,train\n", "label is empty in line 2"),
        ("sep=,\n" + HEAD + ",run,g0,train\n", "path is empty in line 3"),
        (HEAD + "v0.mp4,run,g0, \n", "split is empty in line 2"),
        (HEAD + '"v0.mp4,run,g0,train\n', "is no CSV.*quotes"),
        (HEAD + '"v0.mp4"x,run,g0,train\n', "is no CSV.*quotes"),
        (HEAD.encode() + "v0.mp4,glücklich,g0,train\n".encode("latin-1"), "is no CSV.*UTF-8"),
        (HEAD.encode() + "v0.mp4,glücklich,g0,train\n".encode("cp850"), "is no CSV.*UTF-8"),
        (codecs.BOM_UTF16_LE + HEAD.encode("utf-16-le")[:-1], "is no CSV.*UTF-8"),
        ("PK\x03\x04" + "\0" * 20, "has no column"),
        (HEAD, "lists no clip at all"),
        (HEAD + ",,,\n", "lists no clip at all"),
        (HEAD + HEAD, "lists no clip at all"),
    ],
)
def test_what_could_mean_two_things_is_refused_with_its_place(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(AdafocusError, match=said) as caught:
        read_clips(write(tmp_path, text))
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("odd", ['"', '"a" ', '"" ', '"\n', ' "', ';"', '" ,"'])
def test_a_large_file_of_quotes_is_answered_at_once(tmp_path: Path, odd: str) -> None:
    begun = time.monotonic()
    for text in (odd * 60_001, HEAD + odd * 60_001, HEAD + "v0.mp4" + odd * 60_001 + "x"):
        with pytest.raises(AdafocusError):
            read_clips(write(tmp_path, text))
    assert time.monotonic() - begun < 5


def test_blanks_within_quotes_stay(tmp_path: Path) -> None:
    rows = '"v0.mp4" , "says ""go"" , twice" , "g ""0"" " ,train\n'
    (clip,) = read_clips(write(tmp_path, HEAD + rows))
    assert (clip.label, clip.group) == ('says "go" , twice', 'g "0"')


def test_splits_that_differ_only_in_case_are_one(tmp_path: Path) -> None:
    rows = "v0.mp4,run,g0,train\nv1.mp4,run,g0,Train\nv2.mp4,run,g0, TRAIN\n"
    assert [clip.split for clip in read_clips(write(tmp_path, HEAD + rows), "Train")] == ["train"] * 3
    with pytest.raises(AdafocusError, match="group 'g0'"):
        read_clips(write(tmp_path, HEAD + rows + "v3.mp4,run,g0,VAL\n"))


@pytest.mark.parametrize(
    ("on_disk", "listed"),
    [
        ("a/b/v0.mp4", r"a\b\v0.mp4"),
        ("a/b/v0.mp4", r".\a\b/v0.mp4"),
        ("v0 copy.mp4", " v0 copy.mp4 "),
        (unicodedata.normalize("NFD", "glücklich/café.mp4"), unicodedata.normalize("NFC", "glücklich/café.mp4")),
        (unicodedata.normalize("NFC", "glücklich/café.mp4"), unicodedata.normalize("NFD", r"glücklich\café.mp4")),
        # names that are on the disk as they are written
        (" v0.mp4", " v0.mp4"),
        (r"a\b.mp4", r"a\b.mp4"),
        ("#1, 50% (2).mp4", '"#1, 50% (2).mp4"'),
    ],
)
def test_paths_are_found_as_they_are_meant(tmp_path: Path, on_disk: str, listed: str) -> None:
    video = tmp_path / on_disk
    video.parent.mkdir(parents=True, exist_ok=True)
    video.write_bytes(b"video")
    (clip,) = read_clips(write(tmp_path, f"{HEAD}{listed},run,g0,train\n"))
    assert clip.path.samefile(video)


def test_absolute_paths_are_taken_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "lists"
    folder.mkdir()
    for listed in (str(tmp_path / "v0.mp4"), f"  {tmp_path / 'v0.mp4'}", f'"{tmp_path}/./v0.mp4" '):
        (clip,) = read_clips(write(folder, f"{HEAD}{listed},run,g0,train\n"))
        assert clip.path == tmp_path / "v0.mp4"
    twice = f"{HEAD}../v0.mp4,run,g0,train\n{tmp_path / 'v0.mp4'},run,g0,train\n"
    with pytest.raises(AdafocusError, match="twice, in the split 'train'"):
        read_clips(write(folder, twice))


def test_a_label_with_marks_is_one_class_however_it_is_composed(tmp_path: Path) -> None:
    forms = [unicodedata.normalize(form, name) for name in ("glücklich", "café", "Ångström") for form in ("NFC", "NFD")]
    rows = "".join(f"v{number}.mp4,{name},{name},train\n" for number, name in enumerate(forms))
    clips = read_clips(write(tmp_path, HEAD + rows))
    assert len({clip.label for clip in clips}) == len({clip.group for clip in clips}) == 3


@pytest.mark.parametrize("other", ["Brush Hair", "brush_hair", "brush-hair", "brush\u00a0hair", "brush hair\u200b"])
def test_labels_that_look_like_one_are_pointed_out(tmp_path: Path, messages: list[str], other: str) -> None:
    rows = f"v0.mp4,brush hair,g0,train\nv1.mp4,{other},g1,train\nv2.mp4,sit,g2,train\n"
    assert len({clip.label for clip in read_clips(write(tmp_path, HEAD + rows))}) == 3
    assert len(messages) == 1
    assert "are two classes that differ only in case or in blanks" in messages[0]
    assert repr(other) in messages[0]


def test_labels_that_look_unlike_are_not(tmp_path: Path, messages: list[str]) -> None:
    rows = "".join(f"v{n}.mp4,{label},g{n},train\n" for n, label in enumerate(("c", "c++", "c#", "c 1", "c 2")))
    assert len(read_clips(write(tmp_path, HEAD + rows))) == 5
    assert not messages


@pytest.mark.parametrize("entry", [{"labels": ["\ud800"]}, {"group": "g\udfff"}, {"split": "\ud800"}])
def test_names_that_are_no_text_are_refused(tmp_path: Path, entry: dict[str, object]) -> None:
    path = tmp_path / "clips.json"
    path.write_text(json.dumps([{"video": "a.mp4", "labels": ["a"], "group": "g", "split": "train", **entry}]))
    with pytest.raises(AdafocusError, match=r"in entry 1 of .* is no text in UTF-8"):
        read_clips(path)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep names as text")
@pytest.mark.parametrize("name", [b"caf\xe9", b"\x93\xae", b"film_\xe2\x82"])
def test_videos_whose_names_are_no_text_are_listed_and_classes_are_not(tmp_path: Path, name: bytes) -> None:
    (tmp_path / "set" / "run").mkdir(parents=True)
    (tmp_path / "set" / "run" / os.fsdecode(name + b".mp4")).write_bytes(b"video")
    clips = read_clips(tmp_path / "set")
    write_list(tmp_path / "list.csv", clips)
    assert name in (tmp_path / "list.csv").read_bytes()
    (tmp_path / "set" / "run").rename(tmp_path / "set" / os.fsdecode(name))
    with pytest.raises(AdafocusError, match=r"is no text in UTF-8. Write it anew, or rename the folder"):
        read_clips(tmp_path / "set")
