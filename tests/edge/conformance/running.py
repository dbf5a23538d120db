"""A whole clip through made-up graphs, by rules that are written a second time."""

from __future__ import annotations

from typing import Any

import numpy as np

from adafocus.edge.conformance.material import picture
from tests.edge.conformance.choosing import Choosing
from tests.edge.conformance.pixels import ARRAY, Given, array


class Run:
    """One clip through made-up graphs."""

    def __init__(self, rules: Choosing, given: Given, thresholds: list[float] | None) -> None:
        self.rules, self.manifest, self.geometry = rules, given["manifest"], given["manifest"]["geometry"]
        self.exits, self.thresholds = self.manifest["exits"], thresholds
        self.answers = {stage: list(calls) for stage, calls in given["answers"].items()}
        self.calls: list[Given] = []
        self.logits: list[list[float]] = []
        self.confidences: list[float] = []
        self.fill = [round(255 * value) for value in self.geometry["mean"]]
        self.whole = self.geometry.get("boxes_in", "square") == "frame"
        frames = array(given["frames"])
        count = len(frames)
        self.glance_indices = rules.spread(count, self.geometry["glance_frames"])
        self.candidate_frames = rules.spread(count, self.geometry["candidate_frames"])
        self.frames = [self.kept(frames[number]) for number in self.candidate_frames]
        self.glance = np.stack([self.small(self.kept(frames[number])) for number in self.glance_indices])
        self.chosen: list[int] = []
        self.boxes: list[list[int]] = []
        self.patches = np.empty((0, *[self.geometry["patch_size"]] * 2, 3), np.uint8)
        self.go()
        self.found, self.end = self.told(), self.ended()

    def kept(self, frame: ARRAY) -> ARRAY:
        """Keep a frame: whole, or its centre square."""
        if self.whole:
            return frame
        size, short = self.geometry["frame_size"], self.geometry["short_side"]
        region = self.rules.square(frame, max(1, self.rules.nearest(min(frame.shape[:2]) * size / short)))
        larger = region.shape[0] > size
        return self.rules.mean(region, size, size) if larger else self.rules.resize(region, size, size)

    def small(self, frame: ARRAY) -> ARRAY:
        size = self.geometry["glance_size"]
        if not self.whole:
            return frame if len(frame) == size else self.rules.resize(frame, size, size)
        share = self.geometry["frame_size"] / self.geometry["short_side"]
        return self.rules.fit(frame, self.geometry.get("glance_fit", "square"), size, share, self.fill)

    def spec(self, stage: str, side: str, name: str) -> Given:
        specs = self.manifest["stages"][stage]["litert"][side]
        return next(
            {key: spec[key] for key in ("dtype", "scale", "zero_point")} for spec in specs if spec["name"] == name
        )

    def call(self, stage: str, inputs: dict[str, ARRAY]) -> dict[str, ARRAY]:
        found = {
            name: np.array(values, self.spec(stage, "outputs", name)["dtype"])
            for name, values in self.answers[stage].pop(0).items()
        }
        self.calls.append({"stage": stage, "inputs": inputs, "outputs": found})
        return found

    def table(self, stage: str, name: str, frames: ARRAY) -> ARRAY:
        given = {**self.spec(stage, "inputs", name), "mean": self.geometry["mean"], "std": self.geometry["std"]}
        return self.rules.tensor(given, frames)

    def stops(self, stage: str, name: str, values: ARRAY) -> bool:
        """Note an exit; return whether the clip stops there."""
        logits = self.rules.reals(values, self.spec(stage, "outputs", name)).tolist()
        self.logits.append(logits)
        self.confidences.append(self.rules.sure(logits, self.exits["criterion"], self.exits["temperature"]))
        place = len(self.logits) - 1
        if self.thresholds is None or place == len(self.thresholds):
            return False
        return self.rules.reached(self.confidences[place], self.thresholds[place])

    def handed(self, source: str, outputs: dict[str, ARRAY], name: str, stage: str) -> ARRAY:
        return self.rules.handed(outputs[name], self.spec(source, "outputs", name), self.spec(stage, "inputs", name))

    def go(self) -> None:
        outputs = self.call("glance", {"frames": self.table("glance", "frames", self.glance)})
        if self.stops("glance", "glance_logits", outputs["glance_logits"].reshape(-1)):
            return
        advice = None
        if "policy" in self.manifest["stages"]:
            advice = self.call("policy", {"features": self.handed("glance", outputs, "features", "policy")})
        chosen = self.look(advice)
        source, size = "glance", self.geometry["patch_size"]
        inputs = self.manifest["stages"]["focus"]["litert"]["inputs"]
        at_once = next(spec["shape"][0] for spec in inputs if spec["name"] == "patches")
        cut = self.rules.cut_out if self.whole else self.rules.crop
        for start in range(0, len(chosen), at_once):
            part = range(start, start + at_once)
            fractions = {place: self.fractions(self.boxes[place], self.frames[chosen[place]]) for place in part}
            patches = [cut(self.frames[chosen[place]], fractions[place], size, self.fill) for place in part]
            self.chosen, self.patches = chosen[: start + at_once], np.concatenate([self.patches, np.stack(patches)])
            context = self.handed(source, outputs, "context", "focus")
            tensor = self.table("focus", "patches", np.stack(patches))
            outputs, source = self.call("focus", {"patches": tensor, "context": context}), "focus"
            for logits in outputs["logits"].reshape(-1, len(self.manifest["labels"])):
                if self.stops("focus", "logits", logits):
                    return

    def fractions(self, box: list[int], frame: ARRAY) -> list[float]:
        return [float(np.float32(part / side)) for part, side in zip(box, frame.shape[:2] * 2, strict=True)]

    def look(self, advice: dict[str, ARRAY] | None) -> list[int]:
        """Choose frames, and place a box on each."""
        rules, geometry, size = self.rules, self.geometry, self.frames[0].shape[:2]
        total, count, span = len(self.frames), geometry["focus_frames"], geometry.get("focus_span", "weights")
        by_motion = geometry.get("policy") == "motion"
        if span == "densest" or by_motion:
            maps = rules.maps(np.stack(self.frames), geometry.get("change_from", "previous"))
        if span == "densest":
            chosen = rules.run_of(maps, count, rules.cells_of(geometry["box_min"], size)[1])
        elif span == "spread" or advice is None:
            chosen = rules.spread(total, count)
        else:
            chosen = rules.chosen(advice["frame_weights"].tolist(), total, count)
        if by_motion:
            box = rules.by_motion(maps, size, geometry["box_min"], chosen[0], chosen[-1])
            self.boxes = [box] * count
        elif advice is not None:
            given = advice["boxes"].tolist()
            boxes = rules.in_room(given, size) if self.whole else rules.on_pixels(given, size, 0)
            self.boxes = boxes * count if len(boxes) == 1 else [boxes[place] for place in chosen]
        return chosen

    def told(self) -> Given:
        boxes = self.boxes[: len(self.chosen)]
        calls = [
            {
                "stage": call["stage"],
                **{
                    side: {name: self.tensor(values) for name, values in call[side].items()}
                    for side in ("inputs", "outputs")
                },
            }
            for call in self.calls
        ]
        probabilities = self.rules.probabilities(self.logits[-1], 1.0)
        order = sorted(range(len(probabilities)), key=lambda place: -probabilities[place])[:3]
        return {
            "glance_indices": self.glance_indices,
            "candidate_frames": self.candidate_frames,
            "glance": picture(self.glance),
            "candidates": self.chosen,
            "frame_indices": [self.candidate_frames[place] for place in self.chosen],
            "boxes": [self.fractions(box, self.frames[0]) for box in boxes],
            "boxes_px": boxes,
            "patches": picture(self.patches),
            "calls": calls,
            "top": [[self.manifest["labels"][place], probabilities[place]] for place in order],
            "exit_macs": self.rules.costs_of_exits(self.manifest),
        }

    def tensor(self, values: ARRAY) -> Any:
        shape = {"shape": list(values.shape), "dtype": values.dtype.name}
        return {**shape, "values": values.tolist()} if values.dtype.kind == "f" else picture(values)

    def ended(self) -> Given:
        place, labels = len(self.confidences) - 1, self.manifest["labels"]
        best = self.logits[-1].index(max(self.logits[-1]))
        return {
            "calls": [call["stage"] for call in self.calls],
            "exit_stage": self.calls[-1]["stage"],
            "exit_index": place,
            "confidences": self.confidences,
            "frame_indices": [self.candidate_frames[one] for one in self.chosen],
            "label": labels[best],
            "score": self.rules.probabilities(self.logits[-1], 1.0)[best],
            "macs": self.rules.costs_of_exits(self.manifest)[place],
        }
