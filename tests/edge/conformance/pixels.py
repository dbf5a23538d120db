"""The rules of pixels, written a second time from their description; what a mutant changes is a method or a number."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np

from adafocus.edge.conformance.material import noise, picture, scene

Given = dict[str, Any]
ARRAY = np.ndarray


def array(told: Any) -> ARRAY:
    """Make an array of what a vector says of it."""
    if isinstance(told, list):
        return np.array(told)
    if "noise" in told:
        return noise(told["noise"], *told["shape"])
    if "scene" in told:
        count, height, width, _ = told["shape"]
        return np.stack([scene(told["scene"], number, height, width, told["block"]) for number in range(count)])
    return np.frombuffer(base64.b64decode(told["base64"]), told["dtype"]).reshape(told["shape"])


class Pixels:
    """Patches, fits, means and tables."""

    hair, one, snap, cut, lift = 1e-7, 2048, 1e-3, 4, 2
    clamps = False

    def nearest(self, value: float) -> int:
        return round(value)

    def coordinate(self, value: float) -> float:
        return float(np.float32(value))

    def floor(self, value: float) -> int:
        return math.floor(value)

    def weight(self, fraction: float) -> int:
        return round(float(np.float32(np.float32(fraction) * np.float32(self.one))))

    def axis(self, start: float, length: float, size: int) -> tuple[ARRAY, ARRAY]:
        first = math.floor(start)
        step = 1.0 / ((1.0 + self.hair) * size / length)
        positions = [self.coordinate((place + 0.5) * step - 0.5 + (start - first)) for place in range(size)]
        floors = [self.floor(position) for position in positions]
        weights = [self.weight(position - floor) for position, floor in zip(positions, floors, strict=True)]
        return first + np.array(floors), np.array(weights)

    def taps(self, given: Given) -> Given:
        first, weights = self.axis(given["start"], given["length"], given["patch_size"])
        return {"first": first.tolist(), "weights": weights.tolist()}

    def read(self, frame: ARRAY, rows: ARRAY, columns: ARRAY, fill: Any) -> ARRAY:
        height, width = frame.shape[:2]
        taken = frame[np.clip(rows, 0, height - 1)[:, None], np.clip(columns, 0, width - 1)[None]].astype(np.int64)
        if not self.clamps:
            taken[(rows < 0) | (rows >= height)] = fill
            taken[:, (columns < 0) | (columns >= width)] = fill
        return taken

    def mix(self, corners: list[ARRAY], v: ARRAY, w: ARRAY) -> ARRAY:
        below, right = v[:, None, None], w[None, :, None]
        upper, lower = (corners[n] * (self.one - right) + corners[n + 1] * right for n in (0, 2))
        rows = ((self.one - below) * (upper >> self.cut) >> 16) + (below * (lower >> self.cut) >> 16)
        return (rows + self.lift >> 2).astype(np.uint8)

    def bilinear(self, frame: ARRAY, box: Any, size: int, fill: Any) -> ARRAY:
        (y, v), (x, w) = self.axis(box[0], box[2], size), self.axis(box[1], box[3], size)
        return self.mix([self.read(frame, y + down, x + right, fill) for down in (0, 1) for right in (0, 1)], v, w)

    def in_pixels(self, box: Any, frame: ARRAY) -> list[float]:
        place = [part * side for part, side in zip(box, frame.shape[:2] * 2, strict=True)]
        whole = [round(part) for part in place]
        near = all(abs(part - number) < self.snap for part, number in zip(place, whole, strict=True))
        return list(whole) if near else place

    def crop(self, frame: ARRAY, box: Any, size: int, fill: Any) -> ARRAY:
        return self.bilinear(frame, self.in_pixels(box, frame), size, fill)

    def crop_patch(self, given: Given) -> Given:
        found = self.crop(array(given["frame"]), given["box"], given["patch_size"], given["fill"])
        return {"patch": picture(found)}

    def averages(self, tall: int, wide: int, size: int) -> bool:
        return min(tall, wide) > size

    def cut_out(self, frame: ARRAY, box: Any, size: int, fill: Any) -> ARRAY:
        top, left, tall, wide = (round(part * side) for part, side in zip(box, frame.shape[:2] * 2, strict=True))
        if self.averages(tall, wide, size):
            return self.mean(frame[top : top + tall, left : left + wide], size, size)
        return self.crop(frame, box, size, fill)

    def cut_patch(self, given: Given) -> Given:
        found = self.cut_out(array(given["frame"]), given["box"], given["patch_size"], given["fill"])
        return {"patch": picture(found)}

    def counts(self, given: int, wanted: int) -> ARRAY:
        """How much each pixel counts for each of the result, ``(wanted, given)``."""
        pixel, result = np.arange(given)[None], np.arange(wanted)[:, None]
        return np.maximum(
            np.minimum((pixel + 1) * wanted, (result + 1) * given) - np.maximum(pixel * wanted, result * given), 0
        )

    def level(self, sums: ARRAY, whole: int) -> ARRAY:
        return (2 * sums + whole) // (2 * whole)

    def mean(self, region: ARRAY, height: int, width: int) -> ARRAY:
        down, across = self.counts(region.shape[0], height), self.counts(region.shape[1], width)
        sums = np.einsum("ir,rkc,jk->ijc", down, region.astype(np.int64), across, optimize=True)
        return self.level(sums, region.shape[0] * region.shape[1]).astype(np.uint8)

    def average(self, given: Given) -> Given:
        return {"picture": picture(self.mean(array(given["region"]), given["height"], given["width"]))}

    def clamped(self, first: ARRAY, weights: ARRAY, length: int) -> tuple[ARRAY, ARRAY]:
        outside = (first < 0) | (first >= length - 1)
        return np.clip(first, 0, length - 1), np.where(outside, 0, weights)

    def resize(self, frame: ARRAY, height: int, width: int) -> ARRAY:
        rows, columns = frame.shape[:2]
        y, v = self.axis(0, rows, height)
        x, w = self.clamped(*self.axis(0, columns, width), columns)
        padded = np.pad(frame, ((1, 1), (1, 1), (0, 0)), mode="edge")
        taps = [(np.clip(y + down, 0, rows - 1) + 1, x + right + 1) for down in (0, 1) for right in (0, 1)]
        return self.mix([padded[row[:, None], column[None]].astype(np.int64) for row, column in taps], v, w)

    def resize_bilinear(self, given: Given) -> Given:
        return {"picture": picture(self.resize(array(given["picture"]), given["height"], given["width"]))}

    def middle(self, room: int) -> int:
        return room // 2

    def fit_frame(self, given: Given) -> Given:
        frame, size = array(given["frame"]), given["frame_size"]
        side = max(1, self.nearest(min(frame.shape[:2]) * size / given["short_side"]))
        return {"picture": picture(self.fitted(self.square(frame, side), size, size))}

    def square(self, frame: ARRAY, side: int) -> ARRAY:
        top, left = (self.middle(length - side) for length in frame.shape[:2])
        return frame[top : top + side, left : left + side]

    def fitted(self, region: ARRAY, height: int, width: int) -> ARRAY:
        shrinks = region.shape[0] >= height and region.shape[1] >= width
        return self.mean(region, height, width) if shrinks else self.resize(region, height, width)

    def fit(self, frame: ARRAY, fit: str, size: int, share: float, fill: Any) -> ARRAY:
        if fit == "squeezed":
            return self.fitted(frame, size, size)
        if fit == "square":
            return self.fitted(self.square(frame, max(1, self.nearest(min(frame.shape[:2]) * share))), size, size)
        tall, wide = (max(1, self.nearest(side * size / max(frame.shape[:2]))) for side in frame.shape[:2])
        top, left = self.middle(size - tall), self.middle(size - wide)
        found = np.empty((size, size, 3), np.uint8)
        found[:] = fill
        found[top : top + tall, left : left + wide] = self.fitted(frame, tall, wide)
        return found

    def fit_glance(self, given: Given) -> Given:
        frame, fill = array(given["frame"]), given["fill"]
        return {"picture": picture(self.fit(frame, given["fit"], given["size"], given["share"], fill))}

    def factor(self, height: int, width: int, frames: int) -> int:
        factor = 1
        while frames * 3 * (height // factor) * (width // factor) > 64 << 20:
            factor += 1
        return factor

    def shrink_factor(self, given: Given) -> Given:
        return {"factor": self.factor(given["height"], given["width"], given["frames"])}

    def of_sum(self, sums: ARRAY, factor: int, area: int) -> ARRAY:
        if factor == 2 and area == 4:
            return sums + 2 >> 2
        return np.rint(sums.astype(np.float32) * (np.float32(1) / np.float32(area)))

    def shrunk(self, frame: ARRAY, factor: int) -> ARRAY:
        height, width = (max(1, side // factor) for side in frame.shape[:2])
        kept = frame[: height * factor, : width * factor]
        tall, wide = kept.shape[0] // height, kept.shape[1] // width
        sums = kept.reshape(height, tall, width, wide, 3).sum((1, 3), dtype=np.int64)
        return self.of_sum(sums, factor, tall * wide).astype(np.uint8)

    def shrink(self, given: Given) -> Given:
        return {"picture": picture(self.shrunk(array(given["frame"]), given["factor"]))}

    def even(self, values: ARRAY) -> ARRAY:
        return np.rint(values)

    def limited(self, codes: ARRAY, dtype: str) -> ARRAY:
        return np.clip(codes, np.iinfo(dtype).min, np.iinfo(dtype).max).astype(dtype)

    def table(self, given: Given) -> ARRAY:
        levels = np.arange(256) / 255
        real = (levels[None] - np.array(given["mean"])[:, None]) / np.array(given["std"])[:, None]
        if given["scale"] is None:
            return real.astype(np.float32)
        return self.limited(self.even(real / given["scale"]) + given["zero_point"], given["dtype"])

    def pixel_table(self, given: Given) -> Given:
        return {"table": picture(self.table(given))}

    def planes(self, frames: ARRAY) -> ARRAY:
        return frames.transpose(0, 3, 1, 2)

    def tensor(self, given: Given, frames: ARRAY) -> ARRAY:
        planes, table = self.planes(frames), self.table(given)
        return np.stack([table[channel][planes[:, channel]] for channel in range(3)], axis=1)

    def apply_table(self, given: Given) -> Given:
        return {"tensor": picture(self.tensor(given, array(given["frames"])))}

    real_type: Any = np.float32

    def over(self, values: ARRAY, scale: float) -> ARRAY:
        return values.astype(self.real_type) / self.real_type(scale)

    def codes(self, values: ARRAY, to: Given) -> ARRAY:
        if to["scale"] is None:
            return values.astype(to["dtype"])
        codes = self.even(self.over(values, to["scale"])) + to["zero_point"]
        return self.limited(codes, to["dtype"])

    def reals(self, values: ARRAY, of: Given) -> ARRAY:
        if of["scale"] is None:
            return values.astype(np.float32)
        return (values.astype(self.real_type) - of["zero_point"]) * self.real_type(of["scale"])

    def handed(self, values: ARRAY, of: Given, to: Given) -> ARRAY:
        if of == to:
            return values.astype(to["dtype"])
        return self.codes(self.reals(values, of), to)

    def quantize(self, given: Given) -> Given:
        return {"values": self.codes(np.array(given["values"], np.float32), given["to"]).tolist()}

    def dequantize(self, given: Given) -> Given:
        return {"values": self.reals(np.array(given["values"]), given["from"]).tolist()}

    def convert(self, given: Given) -> Given:
        return {"values": self.handed(np.array(given["values"]), given["from"], given["to"]).tolist()}
