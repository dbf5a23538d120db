"""Mistakes that somebody makes who writes the rules again, each by its name: what it changes, for which operations."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from tests.edge.conformance.streaming import Streaming


class Mutant(NamedTuple):
    """A mistake: operations whose vectors are tried, and the parts of the rules that it takes the place of."""

    operations: str
    changes: dict[str, Any]


def up(value: float) -> int:
    return math.floor(value + 0.5)


def of(operations: str, **changes: Any) -> Mutant:
    return Mutant(operations, changes)


FITS = "fit_frame fit_glance"
CROPS = "taps crop_patch cut_patch"
MUTANTS: dict[str, Mutant] = {
    # sampling
    "frames at the beginning of segments": of(
        "uniform_indices frames_at clip", spread=lambda self, n, k: [i * n // k for i in range(k)]
    ),
    "frames at rounded places": of(
        "uniform_indices frames_at clip", spread=lambda self, n, k: [round((i + 0.5) * n / k) for i in range(k)]
    ),
    "a frame is not yet shown when it begins": of("frames_at timeline", shown_before=lambda self, edge, s: edge < s),
    "a clock that is set is a pause": of("timeline", longest_step_s=math.inf),
    "a long pause is a clock that is set": of("timeline", longest_step_s=0.1),
    "two missing frames make a varying rate": of("timeline", varies_places=0.5, varies_share=0.0),
    # frames by weights
    "a level on an edge belongs to the next part": of(
        "select_frames", reaches=lambda self, total, level: total > level
    ),
    "the last sum is no 1": of("select_frames", cumulative=lambda self, w: [sum(w[: n + 1]) for n in range(len(w))]),
    "repeats stay": of("select_frames", moved_on=lambda self, index, before: max(index, before)),
    "the last frames leave no room": of("select_frames", moved_back=lambda self, index, most: index),
    # boxes
    "halves of boxes go up": of("boxes_in_room whole_pixels", nearest=lambda self, value: up(value)),
    "boxes are cut to whole pixels": of("boxes_in_room whole_pixels motion", nearest=lambda self, value: int(value)),
    "sides are of the long side": of("boxes_in_room clip", short=lambda self, size: max(size)),
    "a box may have no side": of("boxes_in_room", least_side=0),
    "a wider box leaves the frame": of("whole_pixels", moved_back=lambda self, index, most: index),
    # motion
    "changes are not cut": of("change_maps motion", most_change=10**6),
    "whole grey levels": of("change_maps motion", levels=1),
    "red for green": of("change_maps motion", channel=0),
    "a cut counts": of("change_maps motion", is_cut=lambda self, most: False),
    "half the cells are a cut": of("change_maps", is_cut=lambda self, most: most >= 0.5),
    "of an even number the lower median": of(
        "change_maps motion clip", usual=lambda self, levels: np.sort(levels, axis=0)[(len(levels) - 1) // 2]
    ),
    "what is usual counts as well": of("change_maps motion clip", beyond=lambda self, between: between),
    "cells are rounded up": of("change_maps motion clip", cell=lambda self, h, w: max(1, -(-min(h, w) // 48))),
    "the border counts as much as the middle": of("squares motion", lost=0),
    "the border counts for nothing": of("squares motion", lost=1 << 19),
    "of equal squares the last": of("squares", better=lambda self, one, best: best is None or one >= best),
    "of equal squares the heaviest is not asked": of(
        "squares", better=lambda self, one, best: best is None or one[0] > best[0]
    ),
    "of equal runs the first": of("squares", of_equal=lambda self, starts, count: starts[0]),
    "of two middle runs the later": of(
        "squares", of_equal=lambda self, starts, count: min(starts, key=lambda n: (abs(2 * n - count + 1), -n))
    ),
    "changes before the first frame count": of("motion", counted=lambda self, maps, first, last: maps[:last]),
    "changes after the last frame count": of("motion", counted=lambda self, maps, first, last: maps[first : last + 1]),
    # patches
    "halves of weights go up": of(CROPS, weight=lambda self, fraction: up(fraction * 2048)),
    "weights are cut": of(CROPS, weight=lambda self, fraction: int(fraction * 2048)),
    "coordinates in float64": of(CROPS, coordinate=lambda self, value: value),
    "no hair": of(CROPS, hair=0.0),
    "cut towards zero": of(CROPS, floor=lambda self, value: int(value)),
    "taps clamped to the frame": of("crop_patch cut_patch clip", clamps=True),
    "boxes always on whole pixels": of("crop_patch", snap=1.0),
    "half of the last step too little": of("crop_patch cut_patch resize_bilinear", lift=1),
    "nothing added before the last shift": of("crop_patch cut_patch resize_bilinear", lift=0),
    "rows and columns in one step": of(
        "crop_patch cut_patch resize_bilinear", mix=lambda self, corners, v, w: _in_one_step(corners, v, w)
    ),
    "rows first": of(
        "crop_patch cut_patch resize_bilinear", mix=lambda self, corners, v, w: _rows_first(corners, v, w)
    ),
    "averaged where one side shrinks": of("cut_patch", averages=lambda self, tall, wide, size: max(tall, wide) > size),
    "averaged where a side stays": of("cut_patch", averages=lambda self, tall, wide, size: min(tall, wide) >= size),
    "never averaged": of("cut_patch", averages=lambda self, tall, wide, size: False),
    # means and fits
    "means are cut": of("average cut_patch fit_glance", level=lambda self, sums, whole: sums // whole),
    "halves of means go to even": of(
        "average fit_glance", level=lambda self, sums, whole: np.rint(sums / whole).astype(np.int64)
    ),
    "halves of means go down": of(
        "average fit_glance", level=lambda self, sums, whole: (2 * sums + whole - 1) // (2 * whole)
    ),
    "only whole pixels are averaged": of(
        "average fit_frame fit_glance", counts=lambda self, given, wanted: _whole(given, wanted)
    ),
    "halves of a 2 x 2 square go to even": of(
        "shrink", of_sum=lambda self, sums, factor, area: np.rint(sums.astype(np.float32) / np.float32(area))
    ),
    "halves of a 4 x 4 square go up": of(
        "shrink", of_sum=lambda self, sums, factor, area: (2 * sums + area) // (2 * area)
    ),
    "a border beside a resized picture": of(
        "resize_bilinear", clamped=lambda self, first, weights, length: (first.clip(0, length - 1), weights)
    ),
    "the padding lies below": of("fit_glance", middle=lambda self, room: -(-room // 2)),
    "sides are cut": of(FITS, nearest=lambda self, value: int(value)),
    "parts of pixels count": of(
        "shrink_factor",
        factor=lambda self, h, w, n: next(k for k in range(1, 99) if n * 3 * h * w <= (64 << 20) * k * k),
    ),
    # tensors
    "halves of codes go up": of("pixel_table quantize convert", even=lambda self, values: np.floor(values + 0.5)),
    "codes are cut": of("pixel_table quantize", even=lambda self, values: np.trunc(values)),
    "codes wrap around": of(
        "pixel_table quantize", limited=lambda self, codes, dtype: codes.astype(np.int64).astype(dtype)
    ),
    "channels stay last": of(
        "apply_table",
        planes=lambda self, frames: frames.transpose(0, 1, 3, 2).reshape(len(frames), 3, *frames.shape[1:3]),
    ),
    "tensors in float64": of("quantize dequantize convert", real_type=np.float64),
    "quotients in float64": of("quantize convert", over=lambda self, values, scale: values.astype(np.float64) / scale),
    "codes are handed on as they are": of(
        "convert clip", handed=lambda self, values, source, to: values.astype(to["dtype"])
    ),
    # early stops
    "the temperature counts for nothing": of(
        "softmax confidence clip",
        probabilities=lambda self, logits, temperature: Streaming().probabilities(logits, 1.0),
    ),
    "temperature after the softmax": of(
        "softmax", probabilities=lambda self, logits, temperature: _tempered(logits, temperature)
    ),
    "entropy in bits": of("confidence", log=lambda self, value: math.log2(value)),
    "a threshold that is reached does not stop": of(
        "clip", reached=lambda self, confidence, threshold: confidence > threshold
    ),
    "thresholds fall": of("threshold_curve", rising=lambda self, rows: rows),
    "all clips are remembered": of("threshold_curve controller", remembered=10**6),
    "a part of a call costs a part": of("clip", costs_of_exits=lambda self, manifest: _by_parts(manifest)),
    "debts are not paid back": of("controller", repaid=0.0),
    "no guard": of("controller", tolerance=1e6),
    # digests
    "folders in the order of strings": of("sha256_of_folder", sorted_paths=lambda self, names: sorted(names)),
    "folders without regard to capitals": of(
        "sha256_of_folder", sorted_paths=lambda self, names: sorted(names, key=lambda n: n.lower().split("/"))
    ),
    "labels in lines": of("sha256_of_labels", between_labels="\n"),
    # streams
    "the window is not full at half a step": of(
        "window", is_full=lambda self, covered, step, seconds: covered >= seconds
    ),
    "the window is a step longer": of(
        "window", candidate_moments=lambda self, end, step, count: [end - step * (count - n) for n in range(count)]
    ),
    "the window is a slot shorter": of("window", slots_more=0),
    "of two frames as near the later": of("window", nearer=lambda self, left, right: left < right),
    "the grid has no hair": of("window", hair_of_step=0.0),
    "glance frames at the ends": of(
        "window",
        glance_moments=lambda self, end, length, count: [end - length + n / (count - 1) * length for n in range(count)],
    ),
    "the grid of the glance moves": of(
        "window", fixed_grid=lambda self, first, step, count: [first + n * step for n in range(count)]
    ),
    "a slow source is away": of("window", unusual=0.0),
    "a clock that stands still is waited for": of("steady_clock", least_still=60),
    "a clock that goes back once is carried on": of("steady_clock", least_still=0, most_still=0),
    "rests count the duty twice": of("schedule", rest=lambda self, computed, duty: computed / duty),
    "a mean of predictions and not of time": of("smoothing", share=lambda self, passed, constant: 1 / (1 + constant)),
    "time that goes back counts": of("smoothing", passed=lambda self, moment, before: abs(moment - before)),
    "a label is shown above its score": of("smoothing", enters=lambda self, score, enter: score > enter),
    "a label is dropped at its score": of("smoothing", leaves=lambda self, score, leave: score <= leave),
    "no label is dropped": of("smoothing", leaves=lambda self, score, leave: False),
}


def _in_one_step(corners: Any, v: Any, w: Any) -> Any:
    below, right = v[:, None, None], w[None, :, None]
    upper, lower = (corners[n] * (2048 - right) + corners[n + 1] * right for n in (0, 2))
    return ((2048 - below) * upper + below * lower + (1 << 21) >> 22).astype(np.uint8)


def _rows_first(corners: Any, v: Any, w: Any) -> Any:
    below, right = v[:, None, None], w[None, :, None]
    one, two = (corners[n] * (2048 - below) + corners[n + 2] * below for n in (0, 1))
    return (((2048 - right) * (one >> 4) >> 16) + (right * (two >> 4) >> 16) + 2 >> 2).astype(np.uint8)


def _whole(given: int, wanted: int) -> Any:
    counts = Streaming().counts(given, wanted)
    return np.where(counts == wanted, counts, 0)


def _tempered(logits: Any, temperature: float) -> list[float]:
    powers = [value ** (1 / temperature) for value in Streaming().probabilities(logits, 1.0)]
    return [power / max(powers) for power in powers]


def _by_parts(manifest: Any) -> list[int]:
    glance, *others = Streaming().costs_of_exits(manifest)
    each = (others[-1] - glance) // len(others)
    return [glance, *(glance + each * (place + 1) for place in range(len(others)))]


def rules_of(mutant: Mutant) -> Streaming:
    """Return the rules with a mistake."""
    return type("Mistaken", (Streaming,), dict(mutant.changes))()
