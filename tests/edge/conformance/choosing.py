"""The rules of frames, boxes, motion and early stops, written a second time from their description."""

from __future__ import annotations

import base64
import hashlib
import math
from itertools import pairwise
from typing import Any

import numpy as np

from adafocus.edge.conformance.material import picture
from tests.edge.conformance.pixels import ARRAY, Given, Pixels, array


class Choosing(Pixels):
    """Frames, boxes, motion and confidence."""

    def spread(self, total: int, count: int) -> list[int]:
        return [(2 * place + 1) * total // (2 * count) for place in range(count)]

    def uniform_indices(self, given: Given) -> Given:
        return {"indices": self.spread(given["total"], given["count"])}

    def shown_before(self, edge_s: float, moment_s: float) -> bool:
        return edge_s <= moment_s

    def by_time(self, first: int, last: int, count: int, edges_s: Any) -> list[int]:
        if edges_s is None:
            return [first + place for place in self.spread(last - first, count)]
        span, found = edges_s[last] - edges_s[first], []
        for place in range(count):
            moment = edges_s[first] + (place + 0.5) / count * span
            seen = sum(self.shown_before(edge, moment) for edge in edges_s) - 1
            found.append(min(max(seen, first), last - 1))
        return found

    def frames_at(self, given: Given) -> Given:
        return {"indices": self.by_time(given["first"], given["last"], given["count"], given["edges_s"])}

    longest_step_s, varies_places, varies_share, rate_within = 10.0, 1.0, 0.025, 0.05

    def timeline(self, given: Given) -> Given:
        above, below = given["time_base"]
        unit, count = above / below, len(given["pts"])
        longest = self.longest_step_s / unit if given["container"] in ("mpegts", "mpeg") else math.inf
        shift, step, shifts = 0.0, 0.0, []
        for place, moment in enumerate(given["dts"]):
            before = given["dts"][place - 1] if place else moment
            if moment < before or moment - before > longest:
                shift += before + step - moment
            elif moment > before:
                step = moment - before
            shifts.append(shift)
        times = [(moment + put) * unit for moment, put in zip(given["pts"], shifts, strict=True)]
        ordered = sorted(times)
        steps = [late - early for early, late in pairwise(ordered)]
        typical, stays = float(np.median(steps)) if steps else 0.0, [stay * unit for stay in given["durations"]]
        last = stays[times.index(max(times))]
        stay = typical or last or 1.0
        if abs(float(np.median(stays)) - typical) <= typical / 2:
            stay = last or stay
        edges = [moment - ordered[0] for moment in (*ordered, ordered[-1] + stay)]
        near = max(self.varies_places, self.varies_share * count) * edges[-1] / count
        varies = count > 1 and max(abs(edge - edges[-1] * n / count) for n, edge in enumerate(edges)) > near
        found, stated = count / edges[-1], given["stated_fps"]
        return {
            "frame_count": count,
            "edges_s": edges,
            "varies": varies,
            "fps": stated if abs(stated - found) <= self.rate_within * found else found,
            "indices": self.by_time(0, count, given["count"], edges if varies else None),
        }

    def reaches(self, cumulative: float, level: float) -> bool:
        return cumulative >= level

    def cumulative(self, weights: list[float]) -> list[float]:
        sums, total = [], 0.0
        for weight in weights:
            total += weight
            sums.append(total)
        return [*sums[:-1], 1.0]

    def quantiles(self, weights: list[float], count: int) -> list[float]:
        sums, found = self.cumulative(weights), []
        for rank in range(count):
            level = (rank + 0.5) / count
            part = next((n for n, total in enumerate(sums) if self.reaches(total, level)), len(sums) - 1)
            lower = sums[part - 1] if part else 0.0
            found.append((part + (level - lower) / max(sums[part] - lower, 2.2250738585072014e-308)) / len(sums))
        return found

    def moved_on(self, index: int, before: int) -> int:
        return max(index, before + 1)

    def moved_back(self, index: int, most: int) -> int:
        return min(index, most)

    def chosen(self, weights: list[float], candidates: int, count: int) -> list[int]:
        found: list[int] = []
        for position in self.quantiles(weights, count):
            index = math.floor(position * candidates)
            found.append(self.moved_on(index, found[-1]) if found else index)
        return [self.moved_back(index, candidates - count + rank) for rank, index in enumerate(found)]

    def select_frames(self, given: Given) -> Given:
        weights, count = given["weights"], given["count"]
        indices = self.chosen(weights, given["candidates"], count)
        return {"positions": self.quantiles(weights, count), "indices": indices}

    def decode_boxes(self, given: Given) -> Given:
        low, high, found = given["min_side"], given["max_side"], []
        for top, left, tall, wide in given["raw"]:
            height, width = low + (high - low) * tall, low + (high - low) * wide
            found.append([top * (1 - height), left * (1 - width), height, width])
        return {"boxes": found}

    def fractions(self, boxes: list[list[int]], size: Any) -> Given:
        sides = [*size, *size]
        parts = [[float(np.float32(part / side)) for part, side in zip(box, sides, strict=True)] for box in boxes]
        return {"boxes": parts, "pixels": boxes}

    def short(self, size: Any) -> int:
        return min(size)

    least_side = 1

    def in_room(self, boxes: Any, size: Any) -> list[list[int]]:
        found = []
        for *places, tall, wide in boxes:
            sides = [self.nearest(part * self.short(size)) for part in (tall, wide)]
            sides = [min(max(self.least_side, side), room) for side, room in zip(sides, size, strict=True)]
            rooms = [room - side for room, side in zip(size, sides, strict=True)]
            found.append([self.nearest(part * room) for part, room in zip(places, rooms, strict=True)] + sides)
        return found

    def boxes_in_room(self, given: Given) -> Given:
        return self.fractions(self.in_room(given["boxes"], given["size"]), given["size"])

    def on_pixels(self, boxes: Any, size: Any, least: int) -> list[list[int]]:
        rows, columns = size
        found = []
        for y, x, height, width in boxes:
            top, left = self.nearest(y * rows), self.nearest(x * columns)
            tall, wide = self.nearest((y + height) * rows) - top, self.nearest((x + width) * columns) - left
            if min(tall, wide) < least:
                tall, wide = max(tall, least), max(wide, least)
                top, left = self.moved_back(top, rows - tall), self.moved_back(left, columns - wide)
            found.append([top, left, tall, wide])
        return found

    def whole_pixels(self, given: Given) -> Given:
        return self.fractions(self.on_pixels(given["boxes"], given["size"], given["least"]), given["size"])

    def place_boxes(self, given: Given) -> Given:
        boxes = np.array(given["boxes"], np.float32)
        if given["shape"] == "fixed":
            half = np.float32(0.5) * (boxes[:, 2:] - np.float32(given["side"]))
            corners = np.clip(boxes[:, :2] + half, 0, np.float32(1 - given["side"]))
            boxes = np.concatenate((corners, np.full_like(corners, given["side"])), 1)
        if given["name"] == "full":
            boxes[:] = 0, 0, 1, 1
        if given["name"] == "centre":
            boxes = np.concatenate((np.float32(0.5) * (1 - boxes[:, 2:]), boxes[:, 2:]), 1)
        return {"boxes": boxes.tolist()}

    most_change, levels, channel, lost = 160, 16, 1, 1 << 18

    def cell(self, height: int, width: int) -> int:
        return max(1, min(height, width) // 48)

    def away(self, levels: ARRAY, other: ARRAY) -> ARRAY:
        return np.minimum(np.abs(levels - other), self.most_change)

    def is_cut(self, most: float) -> bool:
        return most > 0.5

    def usual(self, levels: ARRAY) -> ARRAY:
        return np.sort(levels, axis=0)[len(levels) // 2]

    def beyond(self, between: ARRAY) -> ARRAY:
        return between - between.sum(0) // max(1, len(between))

    def maps(self, frames: ARRAY, change_from: str) -> ARRAY:
        height, width = frames.shape[1:3]
        cell = self.cell(height, width)
        rows, columns = height // cell, width // cell
        green = frames[:, : rows * cell, : columns * cell, self.channel].astype(np.int64)
        sums = green.reshape(-1, rows, cell, columns, cell).sum((2, 4))
        levels = self.levels * sums // cell**2
        if change_from == "previous":
            changes = self.away(levels[1:], levels[:-1]).astype(np.int32)
            for number, one in enumerate(changes):
                changes[number] *= not self.is_cut((one == 160).mean())
            return changes
        away = self.away(levels, self.usual(levels))
        return np.maximum(self.beyond((away[1:] + away[:-1]) // 2), 0).astype(np.int32)

    def change_maps(self, given: Given) -> Given:
        frames = array(given["frames"])
        maps = self.maps(frames, given["change_from"])
        return {"cell": self.cell(*frames.shape[1:3]), "maps": picture(maps), "sum": int(maps.sum())}

    def better(self, one: tuple[int, int], best: tuple[int, int] | None) -> bool:
        return best is None or one > best

    def best_square(self, changes: ARRAY, side: int) -> tuple[int, int, int]:
        height, width = changes.shape
        tall, wide = min(side, height), min(side, width)
        best, place = None, (0, 0, 0)
        for top in range(height - tall + 1):
            for left in range(width - wide + 1):
                down, right = 2 * top - (height - tall), 2 * left - (width - wide)
                weight = (1 << 20) - self.lost * down**2 // max(1, height - tall) ** 2
                weight -= self.lost * right**2 // max(1, width - wide) ** 2
                score = int(changes[top : top + tall, left : left + wide].sum()) * weight
                if self.better((score, weight), best):
                    best, place = (score, weight), (top, left, score)
        return place

    def run_of(self, maps: ARRAY, count: int, side: int) -> list[int]:
        starts = range(len(maps) + 2 - count)
        shape = maps.shape[1:]
        sums = [maps[start : start + count - 1].sum(0).reshape(shape) for start in starts]
        scores = [self.best_square(summed, side)[2] for summed in sums]
        start = self.of_equal([n for n, score in enumerate(scores) if score == max(scores)], len(starts))
        return [start + place for place in range(count)]

    def of_equal(self, starts: list[int], count: int) -> int:
        return min(starts, key=lambda start: (abs(2 * start - (count - 1)), start))

    def squares(self, given: Given) -> Given:
        maps = np.array(given["maps"])
        return {
            "found": [
                {"corner": list(self.best_square(maps.sum(0), side)[:2]), "run": self.run_of(maps, count, side)}
                for side, count in given["side_cells_and_count"]
            ]
        }

    def cells_of(self, side: float, size: Any) -> tuple[int, int]:
        pixels, cell = max(1, self.nearest(side * self.short(size))), self.cell(*size)
        return pixels, max(1, (2 * pixels + cell) // (2 * cell))

    def counted(self, maps: ARRAY, first: int, last: int) -> ARRAY:
        return maps[first:last] if last > first else maps

    def by_motion(self, maps: ARRAY, size: Any, side: float, first: int, last: int) -> list[int]:
        pixels, cells = self.cells_of(side, size)
        top, left, _ = self.best_square(self.counted(maps, first, last).sum(0), cells)
        cell = self.cell(*size)
        return [min(top * cell, size[0] - pixels), min(left * cell, size[1] - pixels), pixels, pixels]

    def motion(self, given: Given) -> Given:
        frames = array(given["frames"])
        size, maps = frames.shape[1:3], self.maps(frames, given["change_from"])
        box = self.by_motion(maps, size, given["side"], given["first"], given["last"])
        run = self.run_of(maps, given["count"], self.cells_of(given["side"], size)[1])
        return {**self.fractions([box], size), "densest": run}

    def probabilities(self, logits: Any, temperature: float) -> list[float]:
        powers = [math.exp((value - max(logits)) / temperature) for value in logits]
        return [power / math.fsum(powers) for power in powers]

    def softmax(self, given: Given) -> Given:
        return {"probabilities": self.probabilities(given["logits"], given["temperature"])}

    def sure(self, logits: Any, criterion: str, temperature: float) -> float:
        if criterion == "logit":
            return max(logits)
        found = self.probabilities(logits, temperature)
        if criterion == "softmax":
            return max(found)
        return math.fsum(value * self.log(max(value, 2.2250738585072014e-308)) for value in found)

    def log(self, value: float) -> float:
        return math.log(value)

    def confidence(self, given: Given) -> Given:
        return {"confidence": self.sure(given["logits"], given["criterion"], given["temperature"])}

    def reached(self, confidence: float, threshold: float) -> bool:
        return confidence >= threshold

    def costs_of_exits(self, manifest: Given) -> list[int]:
        macs = {stage: graphs["litert"]["macs"] for stage, graphs in manifest["stages"].items()}
        focus = manifest["stages"]["focus"]["litert"]
        patches = next(spec["shape"][0] for spec in focus["inputs"] if spec["name"] == "patches")
        logits = next(spec["shape"] for spec in focus["outputs"] if spec["name"] == "logits")
        calls, exits = -(-manifest["geometry"]["focus_frames"] // patches), math.prod(logits) // len(manifest["labels"])
        before = macs["glance"] + macs.get("policy", 0)
        return [macs["glance"], *(before + (n + 1) * macs["focus"] for n in range(calls) for _ in range(exits))]

    def rising(self, rows: list[list[float]]) -> list[list[float]]:
        return np.maximum.accumulate(np.array(rows), axis=0).tolist()

    remembered = 50

    def threshold_curve(self, given: Given) -> Given:
        bounds, observed = {"softmax": (0.0, 1 + 1e-9)}, sorted(given["observed"][-self.remembered :])
        bounds["entropy"] = (-math.log(given["classes"]) - 1e-9, 1e-9)
        if given["rows"]:
            rows = sorted(given["rows"], key=lambda row: row[0])
            table = self.rising([row[1] for row in rows])
            known = [value for row in table for value in row]
            wide = max(1.0, max(known) - min(known))
            low, high = bounds.get(given["criterion"], (min(known) - wide, max(known) + wide))
            span = given["high"] - given["low"]
            inside = [min(max((row[0] - given["low"]) / span, 0.0), 1.0) for row in rows]
            places, count = [0.0, *inside, 1.0], len(table[0])
            values = [[low] * count, *([min(max(v, low), high) for v in row] for row in table), [high] * count]
        else:
            low, high = bounds["softmax"]
            count, seen = given["exits"], len(observed)
            places = [0.0, *((n + 0.5) / seen for n in range(seen)), 1.0]
            values = [[value] * count for value in (low, *observed, high)]
        found = []
        for position in given["positions"]:
            if not given["rows"] and not observed:
                position = math.ceil(position)
            if position <= 0 or position >= 1:
                found.append([-1e8 if position <= 0 else 1e8] * count)
            else:
                found.append([float(np.interp(position, places, [row[n] for row in values])) for n in range(count)])
        return {"thresholds": found}

    def sorted_paths(self, names: list[str]) -> list[str]:
        return sorted(names, key=lambda name: name.split("/"))

    def sha256_of_folder(self, given: Given) -> Given:
        files = {name: base64.b64decode(content) for name, content in given["files"].items()}
        lines = [f"{name} {hashlib.sha256(files[name]).hexdigest()}\n" for name in self.sorted_paths(list(files))]
        return {
            "sha256": hashlib.sha256("".join(lines).encode()).hexdigest(),
            "bytes": sum(map(len, files.values())),
        }

    def sha256_of_file(self, given: Given) -> Given:
        content = base64.b64decode(given["base64"] if "base64" in given else given["repeated"]) * given.get("times", 1)
        return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}

    between_labels = "\0"

    def sha256_of_labels(self, given: Given) -> Given:
        return {"sha256": hashlib.sha256(self.between_labels.join(given["labels"]).encode()).hexdigest()}

    def sha256_of_patches(self, given: Given) -> Given:
        return {"sha256": picture(array(given["patches"]))["sha256"]}
