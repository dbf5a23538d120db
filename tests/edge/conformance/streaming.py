"""The rules of streams, of whole clips and of budgets, written a second time from their description."""

from __future__ import annotations

import math

from tests.edge.conformance.choosing import Choosing
from tests.edge.conformance.pixels import Given
from tests.edge.conformance.running import Run


class Streaming(Choosing):
    """Windows, smoothing, clips and budgets, on top of the other rules."""

    hair_of_step, unusual, slots_more = 1e-3, 3.0, 2

    def window(self, given: Given) -> Given:
        return SlidingWindow(self, given).through(given["moments_s"])

    def nearer(self, to_left: float, to_right: float) -> bool:
        return to_left <= to_right

    def nearest_place(self, times: list[float], wanted: float) -> int:
        right = sum(time < wanted for time in times)
        right = min(max(right, 1), len(times) - 1) if len(times) > 1 else 0
        left = max(right - 1, 0)
        return left if self.nearer(wanted - times[left], times[right] - wanted) else right

    def candidate_moments(self, end: float, step: float, count: int) -> list[float]:
        return [end - step * back for back in range(count - 1, -1, -1)]

    def glance_moments(self, end: float, length: float, count: int) -> list[float]:
        return [end - length + (place + 0.5) / count * length for place in range(count)]

    def fixed_grid(self, first: float, step: float, count: int) -> list[float]:
        return [(self.nearest(first / step) + place) * step for place in range(count)]

    def is_full(self, covered: float, step: float, seconds: float) -> bool:
        return covered + step / 2 >= seconds

    least_still, most_still = 8, 60

    def steady_clock(self, given: Given) -> Given:
        newest, offset, still, found = -math.inf, 0.0, 0, []
        patience = min(max(self.least_still, given["fps"] / 2), self.most_still)
        for stated in given["stated_s"]:
            moment = stated + offset
            still = still + 1 if moment <= newest else 0
            if still > patience:
                carried = newest + still / given["fps"]
                offset, moment, still = offset + carried - moment, carried, 0
            newest = max(newest, moment)
            found.append(moment)
        return {"moments_s": found}

    def rest(self, computed: float, duty: float) -> float:
        return computed * (1 / duty - 1)

    def schedule(self, given: Given) -> Given:
        due, hop, found = -math.inf, given["hop_s"], []
        for started, finished in given["turns"]:
            begun = due if started - due <= hop else started
            rest = self.rest(finished - started, given["duty"])
            due = max(begun + hop, finished + rest)
            found.append({"late_s": max(0.0, finished - begun - hop), "due_s": due, "rest_s": rest})
        return {"turns": found}

    def share(self, passed: float, constant: float) -> float:
        return -math.expm1(-passed / constant)

    def passed(self, moment: float, before: float) -> float:
        return max(0.0, moment - before)

    def enters(self, score: float, enter: float) -> bool:
        return score >= enter

    def leaves(self, score: float, leave: float) -> bool:
        return score < leave

    def smoothing(self, given: Given) -> Given:
        mean: list[float] | None = None
        label: int | None = None
        candidate: int | None = None
        at, since, times, found = -math.inf, 0.0, 0, []
        for newest, moment in zip(given["probabilities"], given["moments_s"], strict=True):
            if mean is None or given["time_constant_s"] <= 0:
                mean = list(newest)
            else:
                part = self.share(self.passed(moment, at), given["time_constant_s"])
                mean = [old + part * (new - old) for old, new in zip(mean, newest, strict=True)]
            at, before = max(at, moment), label
            best = mean.index(max(mean))
            if best == label or not self.enters(mean[best], given["enter"]):
                candidate = None
            elif best != candidate:
                candidate, since, times = best, at, 1
            else:
                times += 1
            if candidate is not None and times >= given["windows"] and at - since >= given["seconds"] - 1e-9:
                label, candidate = candidate, None
            elif label is not None and self.leaves(mean[label], given["leave"]):
                label = None
            score = mean[best if label is None else label]
            found.append({"label": label, "best": best, "switched": label != before, "score": score})
        return {"turns": found, "before_reset": label}

    def clip(self, given: Given) -> Given:
        whole = Run(self, given, None).found
        return {**whole, "runs": [Run(self, given, thresholds).end for thresholds in given["thresholds"]]}

    gain, least_gain, most_gain, tolerance, repaid = 0.25, 0.1, 0.4, 0.05, 0.025

    def controller(self, given: Given) -> Given:
        asked, low, high = given["budget_gmac"], given["exit_macs"][0] / 1e9, given["exit_macs"][-1] / 1e9
        fair = min(max((asked - low) / (high - low), 0.0), 1.0)
        position_sum, owed = fair, 0.0
        recent: list[float] = []
        seen: list[float] = []
        found: Given = {"thresholds": [], "positions": [], "costs": []}
        for confidence in given["glance_confidences"]:
            position = min(max(position_sum, 0.0), 1.0)
            clips = min(len(recent) + 1, 50)
            without = sum(recent[-49:]) if len(recent) >= 50 else sum(recent)
            least, most = ((clips + side * self.tolerance * 50) * asked for side in (-1, 1))
            if without + low <= most < without + high:
                position = 0.0
            elif without + low < least <= without + high:
                position = 1.0
            asked_of = {**given, "low": low, "high": high, "exits": 1, "observed": seen, "positions": [position]}
            ((threshold,),) = self.threshold_curve(asked_of)["thresholds"]
            cost = low if self.reached(confidence, threshold) else high
            seen.append(confidence)
            recent.append(cost)
            owed = min(max(owed + cost - asked, -50 * asked), 50 * asked)
            target = asked - min(max(owed / 50, -self.repaid * asked), self.repaid * asked)
            gain = min(max(self.gain * (high - low) / asked, self.least_gain), self.most_gain)
            position_sum = min(max(position_sum + gain * (target - cost) / (high - low), -gain), 1 + gain)
            for key, value in zip(found, (threshold, position, cost), strict=True):
                found[key].append(value)
        return found


class SlidingWindow:
    """One window, by the rules that it is given."""

    def __init__(self, rules: Streaming, given: Given) -> None:
        self.rules, self.seconds = rules, given["seconds"]
        self.count, self.glance_count, self.recurring = (
            given["candidate_frames"],
            given["glance_frames"],
            given["recurring"],
        )
        self.step = self.seconds / self.count
        self.period = self.step / given["frames_per_candidate"]
        if given["max_fps"] is not None:
            self.period = max(self.period, 1 / given["max_fps"])
        self.capacity = math.ceil(self.seconds / self.period) + rules.slots_more
        # time, number in the source, number among those that were kept
        self.frames: list[tuple[float, int, int]] = []
        self.due, self.kept, self.missed, self.sparse, self.usual, self.unfilled = -math.inf, 0, 0, False, 0.0, 1

    def through(self, moments: list[float]) -> Given:
        kept, clips = [], {}
        for number, moment in enumerate(moments):
            if self.push(number, moment):
                kept.append(number)
                clips[number] = {"after": number, "full": self.cut(False), "eager": self.cut(True)}
        told = sorted({*kept[-2:], *kept[len(kept) // 2 :][:1]})
        full_from = next((number for number in kept if clips[number]["full"] is not None), None)
        return {
            "full_from": full_from,
            "kept": kept,
            "missed": self.missed,
            "clips": [clips[number] for number in told],
        }

    def restarted(self, moment: float) -> bool:
        return bool(self.frames) and abs(moment - self.frames[-1][0]) > max(self.seconds, self.period)

    def push(self, number: int, moment: float) -> bool:
        if not (moment >= self.due - self.rules.hair_of_step * self.period or self.restarted(moment)):
            return False
        if self.frames and moment > self.frames[-1][0]:
            gap = moment - self.frames[-1][0]
            if self.restarted(moment):
                self.unfilled = 0 if self.filled(self.until(self.frames[-1][0])) >= 1 else self.unfilled + 1
                self.sparse = self.sparse or self.unfilled >= 2 or gap <= self.rules.unusual * self.usual
            self.usual = max(gap, self.usual / 2)
        if self.restarted(moment):
            self.frames, self.due = [], -math.inf
        self.frames = [*self.frames, (moment, number, self.kept)][-self.capacity :]
        self.kept += 1
        if self.sparse and self.rules.unusual * self.usual <= self.seconds:
            self.sparse = self.filled(self.until(moment)) < 1
        late = moment - self.due
        self.due += self.period
        if not self.due > moment:
            self.missed += int(late / self.period) if math.isfinite(late) else 0
            self.due = moment + self.period
        return True

    def until(self, moment: float) -> list[tuple[float, int, int]]:
        return [frame for frame in self.frames if frame[0] <= moment + self.rules.hair_of_step * self.period]

    def filled(self, frames: list[tuple[float, int, int]]) -> float:
        if not frames:
            return 0.0
        step = max(self.step, self.period)
        covered = frames[-1][0] - frames[0][0] + step
        return 1.0 if self.rules.is_full(covered, step, self.seconds) else covered / self.seconds

    def cut(self, eager: bool) -> Given | None:
        frames = self.until(self.frames[-1][0])
        filled = self.filled(frames)
        if filled < 1 and not (eager or self.sparse):
            return None
        times, end, length = [frame[0] for frame in frames], frames[-1][0], self.seconds * filled
        step = length / self.count
        moments = self.rules.glance_moments(end + step / 2, length, self.glance_count)
        if self.recurring and length >= self.seconds:
            moments = self.rules.fixed_grid(moments[0], self.seconds / self.glance_count, self.glance_count)
        wanted = self.rules.candidate_moments(end, step, self.count)
        candidates, glance = (
            [frames[self.rules.nearest_place(times, moment)] for moment in asked] for asked in (wanted, moments)
        )
        return {
            "candidates": [frame[1] for frame in candidates],
            "glance": [frame[1] for frame in glance],
            "glance_names": [frame[2] for frame in glance],
            "start_s": max(end - length, times[0]),
            "end_s": end,
            "filled": filled,
            "frames": len(set(candidates)),
            "oldest": frames[0][2],
        }
