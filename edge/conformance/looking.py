"""Vectors of looking: frames by weights, boxes by a network, and the policy of motion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from adafocus.edge.conformance.material import (
    Record,
    case,
    floats,
    hashed,
    joined,
    nears,
    noise,
    noise_record,
    numbers,
    picture,
    scene,
    scene_record,
    weights,
)
from adafocus.edge.look import Changes
from adafocus.edge.policy import place_boxes
from adafocus.edge.policy.boxes import boxes_in_room, decode_boxes, whole_pixels
from adafocus.edge.policy.frames import quantile_positions, select_frames
from adafocus.edge.policy.motion import ChangeFrom, cell_size, change_maps, densest_run, motion_box

# weights, candidates, count
WEIGHTS: dict[str, tuple[list[float], int, int]] = {
    "even": ([0.25] * 4, 24, 8),
    "all in one part": ([0.0, 0.0, 1.0, 0.0], 24, 8),
    "nothing in the middle, a level on its edge": ([0.5, 0.0, 0.5], 12, 1),
    "nothing in the middle, two levels on the edges": ([0.25, 0.0, 0.5, 0.0, 0.25], 20, 2),
    "nothing at the end, a level where the weights end": ([0.5, 0.5, 0.0, 0.0], 16, 4),
    "less than 1 in all, the last part is stretched": ([0.25, 0.25, 0.25, 0.125], 24, 8),
    "far less than 1 in all": ([0.125, 0.0, 0.125, 0.0], 24, 6),
    "more than 1 in all": ([0.5, 0.5, 0.25], 18, 6),
    "one part": ([1.0], 10, 4),
    "as many as there are": ([0.75, 0.25], 8, 8),
    "repeats move on, the last move back": ([0.0, 0.0, 0.0, 1.0], 8, 6),
    "first in front": ([1.0, 0.0, 0.0, 0.0], 8, 6),
    "a tenth each": ([float(np.float32(0.1))] * 10, 30, 5),
    **{f"drawn {seed}": (weights(seed, parts), 24, 8) for seed, parts in ((1, 4), (2, 8), (3, 16), (4, 5), (5, 7))},
}
ROOMS = ((240, 320), (1080, 1920), (641, 359), (7, 5), (720, 720))
# places and sides whose products are halves, which go to the even number
HALVES = ([0.5, 0.5, 0.5, 0.5], [0.25, 0.75, 0.3125, 0.6875], [0.0, 1.0, 0.001, 1.0], [1.0, 0.0, 1.0, 0.125])
# side, first and last candidate, and what a candidate is compared with
MOVES: tuple[tuple[float, int, int, ChangeFrom], ...] = (
    (0.5, 0, 5, "previous"),
    (0.61, 1, 3, "previous"),
    (0.25, 2, 2, "previous"),
    (1.0, 0, 5, "previous"),
    (0.5, 0, 5, "median"),
    (0.25, 2, 2, "median"),
)
BLOCKS = ([8, 10, 20, 2, 6], [40, 70, 24, -3, -5], [0, 0, 30, 0, 0])


def vectors() -> list[Record]:
    """Return the vectors of this module."""
    return joined((_by_weights(), _boxes(), _placed(), _changes(), _squares()))


def _by_weights() -> Iterator[Record]:
    """Focus frames at the quantiles of weights over time."""
    for name, (given, candidates, count) in WEIGHTS.items():
        yield case(
            name,
            "select_frames",
            {"weights": given, "candidates": candidates, "count": count},
            {
                "positions": nears(quantile_positions(given, count)),
                "indices": numbers(select_frames(given, candidates, count)),
            },
        )


def _boxes() -> Iterator[Record]:
    """Boxes of the policy network, in a square and in the whole frame."""
    for seed, low, high in ((1, 96 / 224, 1.0), (2, 0.25, 0.75)):
        raw = np.array(floats(seed, 16)).reshape(4, 4)
        given = {"raw": numbers(raw), "min_side": low, "max_side": high}
        yield case(f"sides from {low:.3f}", "decode_boxes", given, {"boxes": numbers(decode_boxes(raw, low, high))})
    drawn = np.array(floats(3, 24), np.float32).reshape(6, 4)
    inside = np.concatenate([np.array(HALVES, np.float32), drawn])
    for size in ROOMS:
        found = boxes_in_room(inside, size)
        given = {"boxes": numbers(inside), "size": list(size)}
        yield case(f"in the room of {size[0]} x {size[1]}", "boxes_in_room", given, _both(found, size))
    fractions = decode_boxes(np.concatenate([np.array(HALVES), drawn]), 0.3).astype(np.float32)
    # small ones at the lower right border are widened, and moved back into the frame
    corner = np.array([[0.95, 0.97, 0.05, 0.03], [0.4, 0.9, 0.3, 0.1]], np.float32)
    fractions = np.concatenate([fractions, corner])
    for size, least in (((224, 224), 0), ((160, 160), 0), ((240, 320), 1), ((9, 9), 4)):
        found = whole_pixels(fractions, size, least)
        given = {"boxes": numbers(fractions), "size": list(size), "least": least}
        yield case(f"moved to the pixels of {size[0]} x {size[1]}", "whole_pixels", given, _both(found, size))


def _both(boxes: np.ndarray, size: tuple[int, int]) -> Record:
    """Tell boxes as fractions and in pixels."""
    sides = np.array([*size, *size])
    return {"boxes": numbers(boxes), "pixels": numbers(np.rint(boxes.astype(np.float64) * sides).astype(int))}


def _placed() -> Iterator[Record]:
    """Boxes that stand in for those of the policy."""
    boxes = decode_boxes(np.array(floats(4, 12)).reshape(3, 4), 0.3).astype(np.float32)
    choices: tuple[tuple[Any, Any], ...] = (
        ("policy", "deformable"),
        ("policy", "fixed"),
        ("centre", "deformable"),
        ("centre", "fixed"),
        ("full", "deformable"),
    )
    for name, shape in choices:
        given = {"boxes": numbers(boxes), "name": name, "shape": shape, "side": 0.5}
        found = place_boxes(boxes, name, shape, 0.5, 0)
        yield case(f"{name}, {shape}", "place_boxes", given, {"boxes": numbers(found)})


def _changes() -> Iterator[Record]:
    """From frames to changes, and to the box in which most changes."""
    for height, width in ((96, 128), (100, 61), (48, 48), (47, 90), (240, 250)):
        maps = change_maps([scene(height, number, height, width, BLOCKS[0]) for number in range(4)])
        found = {"cell": cell_size(height, width), "maps": picture(maps.astype(np.int32)), "sum": int(maps.sum())}
        yield case(
            f"changes of {height} x {width}",
            "change_maps",
            {"frames": scene_record(height, 4, height, width, BLOCKS[0]), "change_from": "previous"},
            found,
        )
    choices: tuple[tuple[ChangeFrom, int], ...] = (
        ("previous", 3), ("median", 1), ("median", 2), ("median", 3), ("median", 6)
    )  # fmt: skip
    for change_from, count in choices:
        maps = change_maps(list(noise(1, count, 48, 50, 3)), change_from).astype(np.int32)
        given: Record = {"frames": noise_record(1, count, 48, 50, 3), "change_from": change_from}
        found = {"cell": 1, "maps": picture(maps), "sum": int(maps.sum())}
        yield case(f"noise, changes from the {change_from} of {count}", "change_maps", given, found)
    for columns in (25, 26):
        # a bright square as high as the frame comes in from the left, and covers so many of 50 columns
        block = [0, -48 - columns, 48 + columns, 0, columns]
        maps = change_maps([scene(2, number, 48, 50, block) for number in range(2)])
        found = {"cell": 1, "maps": picture(maps.astype(np.int32)), "sum": int(maps.sum())}
        given = {"frames": scene_record(2, 2, 48, 50, block), "change_from": "previous"}
        yield case(f"{2 * columns} % of the cells change most", "change_maps", given, found)
    for place, block in enumerate(BLOCKS):
        frames = [scene(9, number, 97, 150, block) for number in range(6)]
        for side, first, last, change_from in MOVES:
            changes = Changes(frames, change_from)
            found = _both(changes.box(side, first, last), (97, 150)) | {"densest": numbers(changes.densest(3, side))}
            given = {
                "frames": scene_record(9, 6, 97, 150, block),
                "side": side,
                "first": first,
                "last": last,
                "count": 3,
                "change_from": change_from,
            }
            name = f"block {place}, side {side}, from {first} to {last}, {change_from}"
            yield case(name, "motion", given, found)


def _squares() -> Iterator[Record]:
    """Squares and runs in maps that are given, with ties."""
    maps: dict[str, np.ndarray] = {
        "nothing changes": np.zeros((3, 6, 8), np.int32),
        "one cell": np.zeros((3, 5, 7), np.int32),
        "two cells that tie": np.zeros((4, 6, 6), np.int32),
        **{f"drawn {seed}": (hashed(seed, 160) % 161).astype(np.int32).reshape(5, 4, 8) for seed in (11, 12, 13)},
    }
    maps["one cell"][1, 4, 6] = 160
    maps["two cells that tie"][0, 0, 0] = maps["two cells that tie"][3, 5, 5] = 100
    for name, changes in maps.items():
        choices = [(side, count) for side in (1, 2, 3, 9) for count in (1, 2, len(changes))]
        found = [
            {"corner": list(motion_box(changes, side)), "run": numbers(densest_run(changes, count, side))}
            for side, count in choices
        ]
        given = {"maps": numbers(changes), "side_cells_and_count": [list(choice) for choice in choices]}
        yield case(name, "squares", given, {"found": found})
