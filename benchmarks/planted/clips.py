"""Make a planted set: real clips, each shown in a part of a larger, longer and busy real video.

    python -m benchmarks.planted.clips OUT --clips ucf6.csv --split val --groups-within-labels \
        --backgrounds jhmdb21.csv --without shoot_bow --without shoot_ball --seed 1

OUT becomes a folder with ``planted.csv``, a clip list with further columns for where and when, and its videos.

A frame is a wall of four backgrounds (``--wall``), as on a guard's screen, because one video of most sets is hardly
larger than what a network sees. Backgrounds keep their own pixels. They play there and back without a cut until 8 to 12
seconds are over. The clip plays once, at its own rate, for its own length or three seconds of its middle, averaged down
to 20 to 45 % of the frame's sides. Place, size and start are drawn anew for every clip.

Backgrounds are drawn without regard to labels, and by whole groups: none is behind clips of two groups. Half of them,
those in which least changes, are left out (``--calm``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.progress import track

from adafocus.calibration.commands import options
from adafocus.calibration.datasets import LabeledClip, read_clips
from adafocus.calibration.datasets.class_folders import VIDEOS
from adafocus.calibration.datasets.labeled_clip import ONLY_SPLIT, make_clip, plain_name, spread_evenly
from adafocus.calibration.predictions.collect import group_names
from adafocus.edge.bundle.files import replacing_directory
from adafocus.edge.commands.options import raise_broken
from adafocus.errors import AdafocusError
from benchmarks.harness import PATH, Benchmark, console, option
from benchmarks.planted.draws import Pool, draw, pools_of
from benchmarks.planted.film import look_at, plant
from benchmarks.planted.places import Place, Row, write_rows

LIST = "planted.csv"
FOLDER = "videos"
MAX_SIDE_PX = 4096


class Cell(click.ParamType):
    """Parses ``320x240`` to width and height in pixels."""

    name = "width x height"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Return both, or end with a sentence where the text is something else."""
        if isinstance(value, tuple):
            return value
        width, _, height = str(value).lower().partition("x")
        sides = [int(side) if side.strip().isdigit() else 0 for side in (width, height)]
        if any(side % 2 or not 16 <= side <= MAX_SIDE_PX for side in sides):
            self.fail(f"found {value!r}, expected two even numbers of pixels, such as 320x240.", param, ctx)
        return sides[0], sides[1]


def backgrounds_of(source: Path) -> list[LabeledClip]:
    """Read a clip set, or a folder with nothing but videos, each of which is a group of its own.

    Raises:
        AdafocusError: neither is there.
    """
    videos = sorted(path for path in source.iterdir() if path.suffix.lower() in VIDEOS) if source.is_dir() else []
    if not videos:
        return read_clips(source)
    return [make_clip(str(video), video, (source.name,), video.name, ONLY_SPLIT) for video in videos]


def without_labels(
    backgrounds: Sequence[LabeledClip], clips: Sequence[LabeledClip], without: Sequence[str]
) -> list[LabeledClip]:
    """Leave out backgrounds of some labels, and refuse those that show what is planted.

    Raises:
        AdafocusError: a label to leave out that no background has, a background with a label of a clip, or the very
            video of a clip.
    """
    left_out = {plain_name(label).casefold() for label in without}
    known = {label.casefold() for clip in backgrounds for label in clip.labels}
    unknown = sorted(left_out - known)
    if unknown:
        raise AdafocusError(
            f"No background is labeled {unknown[0]!r}, only {', '.join(sorted(known))}. Give --without one of them."
        )
    kept = [clip for clip in backgrounds if not left_out & {label.casefold() for label in clip.labels}]
    planted = {label.casefold() for clip in clips for label in clip.labels}
    videos = {clip.path.resolve() for clip in clips}
    for clip in kept:
        shown = planted & {label.casefold() for label in clip.labels}
        if shown:
            raise AdafocusError(
                f"The background {clip.path} is labeled {min(shown)!r}, and so are clips to plant: it would answer for "
                f"them. Leave it out: --without {min(shown)}"
            )
        if clip.path.resolve() in videos:
            raise AdafocusError(f"{clip.path} is a background and a clip to plant, expected either. Take one out.")
    return kept


def busy_ones(backgrounds: Sequence[LabeledClip], calm: float, cell: tuple[int, int]) -> list[LabeledClip]:
    """Leave out backgrounds that are smaller than a cell or cannot be read, and the share in which least changes.

    Raises:
        AdafocusError: none is left.
    """
    found: list[tuple[float, LabeledClip]] = []
    passed_over = []
    for clip in track(backgrounds, "looking at backgrounds", console=console, transient=True):
        try:
            busyness, height, width = look_at(clip.path)
        except AdafocusError as error:
            passed_over.append(str(error))
            continue
        if width < cell[0] or height < cell[1]:
            passed_over.append(f"{clip.path} is {width} x {height}, smaller than a cell of {cell[0]} x {cell[1]}.")
        else:
            found.append((busyness, clip))
    if passed_over:
        console.print(f"{len(passed_over)} of {len(backgrounds)} backgrounds are passed over: {passed_over[0]}")
    found.sort(key=lambda pair: pair[0])
    kept = found[int(calm * len(found)) :]
    if not kept:
        raise AdafocusError("No background is left, expected a few. Lower --calm, or give a smaller --cell.")
    console.print(f"{len(kept)} backgrounds change by {kept[0][0]:.2f} grey levels and more in a fifth of a second.")
    return [clip for _, clip in kept]


def make_rows(
    pools: Sequence[Pool], names: dict[Path, str], folder: Path, wall: int, cell: tuple[int, int], seed: int
) -> tuple[list[Row], dict[Path, str]]:
    """Write the videos of a set; return its rows, and a sentence for each clip that cannot be used."""
    rows, broken = [], {}
    every = [(pool, clip) for pool in pools for clip in pool.clips]
    for number, (pool, clip) in enumerate(track(every, "planting", console=console, transient=True)):
        drawn = draw(names[clip.path], pool, wall**2, seed)
        video = folder / FOLDER / f"{number:05d}.mp4"
        try:
            made = plant(clip.path, drawn, wall, cell, video)
        except AdafocusError as error:
            broken[clip.path] = str(error)
            continue
        box = tuple(px / made.size_px[axis % 2] for axis, px in enumerate(made.box_px))
        place = Place(box, made.first, made.first + made.count - 1)  # type: ignore[arg-type]
        rows.append(
            Row(
                replace(clip, path=video, group=pool.name),
                place,
                made.frames,
                made.fps,
                names[clip.path],
                tuple(background.path.name for background in drawn.backgrounds),
            )
        )
    return rows, broken


def _listed(path: Path, source: Path) -> str:
    """Return a clip's path as its list has it, so that the same seed draws the same wherever the list lies."""
    folder = source if source.is_dir() else source.parent
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()


@click.command(cls=Benchmark)
@click.argument("out", type=PATH)
@click.option("--clips", "clip_list", required=True, type=PATH, help="Plant the clips of this list, such as a CSV.")
@click.option("--split", help="Plant the clips of this split alone. Make all splits that belong together at once.")
@click.option(
    "--backgrounds",
    "sources",
    required=True,
    multiple=True,
    type=PATH,
    help="Plant into the videos of this list or folder; give the option again for a further one.",
)
@click.option("--without", multiple=True, help="Leave out backgrounds of this label; may be given several times.")
@option("--calm", default=0.5, type=click.FloatRange(0, 0.99), help="Leave out the calmest share of backgrounds.")
@option("--wall", default=2, type=click.IntRange(1, 6), help="Show so many backgrounds side by side and in a column.")
@option("--cell", default="320x240", type=Cell(), help="Cut so many pixels from the middle of each background.")
@option("--seed", default=1, type=click.IntRange(0, 2**32 - 1), help="Draw with this seed.")
@click.option("--limit", type=click.IntRange(1), help="Plant at most so many clips, spread over the list.")
@options.groups_within_labels
def main(
    out: Path,
    clip_list: Path,
    split: str | None,
    sources: tuple[Path, ...],
    without: tuple[str, ...],
    calm: float,
    wall: int,
    cell: tuple[int, int],
    seed: int,
    limit: int | None,
    groups_within_labels: bool,
) -> None:
    """Plant the clips of a list into larger and longer videos, and list them with where and when in OUT/planted.csv.

    The same seed makes the same set. Backgrounds must show none of the labels that are planted.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise AdafocusError(f"{out} is there already, expected a new folder. Give another one, or delete it.")
    clips = read_clips(clip_list, split)
    groups = group_names(clips, groups_within_labels)
    clips = [replace(clip, group=group) for clip, group in zip(clips, groups, strict=True)]
    clips = clips if limit is None else spread_evenly(clips, limit)
    backgrounds = without_labels([clip for source in sources for clip in backgrounds_of(source)], clips, without)
    pools = pools_of(clips, busy_ones(backgrounds, calm, cell), wall**2, seed)
    names = {clip.path: _listed(clip.path, clip_list) for clip in clips}
    with replacing_directory(out, LIST) as beside:
        rows, broken = make_rows(pools, names, beside, wall, cell, seed)
        if not rows:
            raise AdafocusError(f"No clip can be planted. The first: {next(iter(broken.values()))}")
        write_rows(beside / LIST, rows, beside)
    click.echo(f"wrote {out / LIST}: {len(rows)} videos in {len({row.clip.group for row in rows})} groups")
    raise_broken(broken, len(clips))
    click.echo(f"\nnext: python -m benchmarks.planted BUNDLE {out / LIST}", err=True)


if __name__ == "__main__":
    main()
