"""When the frames of a video are shown, by what its packets say, and which frames lie evenly over that time.

The packets also say how many frames there are. Headers of Matroska and WebM state none, those of transport streams do
not exist, and a count that is made of a length in seconds may be that of the sound.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.policy import uniform_indices
from adafocus.edge.sources.pyav_file import failures, main_stream, open_container

# a longer step in a transport stream is a clock that was set, not a frame that stayed (FFmpeg's dts_delta_threshold)
LONGEST_STEP_S = 10.0
CLOCKS_JUMP = ("mpegts", "mpeg")
# Frames this near to where they would be at a constant rate are as good as there: one place, or a share of the video
# that is about half of what a candidate frame stands for. Cameras that drop a frame now and then stay within it.
VARIES_FROM_PLACES, VARIES_FROM_SHARE = 1.0, 0.025
# share by which a stated rate may be off: the header counts the last frame otherwise, or rounds
RATE_WITHIN = 0.05
# shorter than the header states by less than this is how headers round
SHORT_FROM_STEPS, SHORT_FROM_S = 2.5, 0.1
# VP8 packets with this bit unset are only referred to, and never shown (RFC 6386, section 9.1)
VP8_SHOWN = 0x10
# Matroska states the length of each stream in a tag
LENGTH_TAG = re.compile(r"(\d+):(\d+):(\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Timeline:
    """The frames of a video in the order in which they are shown.

    Attributes:
        edges_s: ``(n + 1,)`` float64: when each of n frames appears, from 0, and when the last one goes; None where the
            file has no clock.
        frame_count: n.
        short: a sentence on what the header states and the file does not hold; empty where all is well.
        begins_s: when the first key frame is shown; what comes before it cannot be decoded, as in a cut broadcast.
        offset_s: of the first frame from where the clock of sources begins, which is the first packet.
    """

    edges_s: NDArray[np.float64] | None
    frame_count: int
    short: str = ""
    begins_s: float = 0.0
    offset_s: float = 0.0

    @property
    def varying_s(self) -> NDArray[np.float64] | None:
        """The edges where the frame rate varies; None where it is constant, and numbers say as much as times."""
        if self.edges_s is None or self.frame_count < 2 or self.edges_s[-1] <= 0:
            return None
        steady = np.linspace(0, self.edges_s[-1], self.frame_count + 1)
        near = max(VARIES_FROM_PLACES, VARIES_FROM_SHARE * self.frame_count) * self.edges_s[-1] / self.frame_count
        return self.edges_s if np.abs(self.edges_s - steady).max() > near else None

    def rate(self, stated: float) -> float:
        """Return frames per second: what the header states where the frames bear it out, otherwise what they say."""
        if self.edges_s is None or self.edges_s[-1] <= 0:
            return stated
        found = float(self.frame_count / self.edges_s[-1])
        return stated if abs(stated - found) <= RATE_WITHIN * found else found


@dataclass
class Packets:
    """Times of the packets of one stream, collected in decoding order; the unit is the stream's.

    Attributes:
        pts: when each is shown; None where the file does not say.
        dts: when each is decoded; likewise.
        durations: of each, 0 where the file does not say.
        first_key: position of the first key frame.
    """

    pts: list[int | None] = field(default_factory=list)
    dts: list[int | None] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    first_key: int | None = None

    def add(self, packet: Any) -> None:
        """Take note of a packet that is shown."""
        if packet.is_keyframe and self.first_key is None:
            self.first_key = len(self.pts)
        self.pts.append(packet.pts)
        self.dts.append(packet.dts)
        self.durations.append(packet.duration or 0)

    def timeline(self, container: Any, stream: Any) -> Timeline:
        """Make the timeline when all packets of ``stream`` are there."""
        count = len(self.pts)
        unit = float(stream.time_base or 0)
        shown = self.dts if None in self.pts else self.pts
        moments = [moment for moment in shown if moment is not None]
        if not moments or len(moments) < count or not unit:
            return Timeline(None, count)
        longest = LONGEST_STEP_S / unit if container.format.name in CLOCKS_JUMP else np.inf
        shifts = _shifts(self.dts, longest)
        times_s = np.add(moments, shifts) * unit
        last = int(np.argmax(times_s))
        edges = _edges(times_s, np.array(self.durations) * unit, last)
        begins_s = float(times_s[self.first_key or 0] - times_s.min())
        offset_s = 0.0 if stream.start_time is None else float(times_s.min() - stream.start_time * unit)
        if any(shifts):
            return Timeline(edges, count, "", begins_s, offset_s)
        end_s = moments[last] * unit + max(self.durations[last] * unit, float(edges[-1] - edges[-2]))
        return Timeline(edges, count, _short(container, stream, count, end_s, edges), begins_s, offset_s)


def read_timeline(path: str | Path) -> Timeline | None:
    """List the packets of a video file without decoding any.

    Returns:
        The timeline; None where PyAV is not installed, or cannot read the file.
    """
    packets = Packets()
    try:
        with open_container(path) as container:
            stream = main_stream(container)
            if stream is None:
                return None
            hides = stream.codec_context is not None and stream.codec_context.codec.canonical_name == "vp8"
            try:
                for packet in container.demux(stream):
                    hidden = packet.is_discard or (hides and packet.size and not bytes(packet)[0] & VP8_SHOWN)
                    if packet.size and not hidden:
                        packets.add(packet)
            except failures():
                # the packets before the damage are there all the same
                pass
            return packets.timeline(container, stream) if packets.pts else None
    except failures():
        return None


def timeline_of(times_s: Sequence[float]) -> Timeline:
    """Make the timeline of frames by the times that were seen while they were decoded in order."""
    times = np.add(times_s, _shifts(times_s, np.inf))
    return Timeline(_edges(times, np.zeros(len(times)), len(times) - 1), len(times))


def frames_at(first: int, last: int, count: int, edges_s: NDArray[np.float64] | None) -> NDArray[np.int64]:
    """Choose ``count`` frames that are spread evenly over those from ``first`` to the one before ``last``.

    Args:
        first: frame number, counted from 0.
        last: above ``first``.
        count: of frames.
        edges_s: as :attr:`Timeline.varying_s` has it. The frames are those that a viewer sees in the middle of each of
            ``count`` equal segments of time; None: of equal segments of frames.

    Returns:
        ``(count,)`` int64, not decreasing.
    """
    if edges_s is None:
        return first + uniform_indices(last - first, count)
    span = edges_s[last] - edges_s[first]
    middles = edges_s[first] + (np.arange(count) + 0.5) / count * span
    return np.clip(np.searchsorted(edges_s, middles, "right") - 1, first, last - 1).astype(np.int64)


def lost_frames(timeline: Timeline, times_s: Sequence[float]) -> int:
    """Count frames that the packets promise and that were not seen at ``times_s`` when all was decoded.

    What leads up to the first key frame is not lost but cut off, and a picture may have come in two packets.
    """
    if timeline.edges_s is None or not times_s:
        return timeline.frame_count - len(times_s)
    promised = timeline.edges_s[:-1] + timeline.offset_s
    there = np.sort(np.add(times_s, _shifts(times_s, np.inf)))
    step = _middle(np.diff(there if len(there) > 1 else timeline.edges_s))
    after = np.searchsorted(there, promised).clip(1, len(there)) - 1
    later = (after + 1).clip(max=len(there) - 1)
    nearest = np.minimum(np.abs(promised - there[after]), np.abs(promised - there[later]))
    return int(((nearest > 0.75 * step) & (promised >= timeline.begins_s + timeline.offset_s)).sum())


def _shifts(order: Sequence[float | None], longest: float) -> list[float]:
    """Return by how much each time is to be put forward, so that a clock that was set runs on."""
    shift, step = 0.0, 0.0
    before: float | None = None
    shifts = []
    for moment in order:
        if moment is not None and before is not None:
            if moment < before or moment - before > longest:
                shift += before + step - moment
            elif moment > before:
                step = moment - before
        before = before if moment is None else moment
        shifts.append(shift)
    return shifts


def _edges(times_s: NDArray[np.float64], durations_s: NDArray[np.float64], last: int) -> NDArray[np.float64]:
    """Sort the times, begin at 0, and add the end: durations count where they agree with the steps."""
    ordered = np.sort(times_s)
    steps = np.diff(ordered)
    typical = _middle(steps) if len(steps) else 0.0
    stay = typical or float(durations_s[last]) or 1.0
    if abs(_middle(durations_s) - typical) <= typical / 2:
        stay = float(durations_s[last]) or stay
    return np.append(ordered, ordered[-1] + stay) - ordered[0]


def _middle(values: NDArray[np.float64]) -> float:
    """Return the median, which numpy's own function gives only after it has imported masked arrays."""
    ordered = np.sort(values)
    return float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def _short(container: Any, stream: Any, count: int, end_s: float, edges_s: NDArray[np.float64]) -> str:
    """Compare when the packets end with when the header says that they do."""
    stated_s = _stated_end(container, stream)
    step_s = _middle(np.diff(edges_s))
    if stated_s is None or stated_s - end_s <= max(SHORT_FROM_STEPS * step_s, SHORT_FROM_S):
        return ""
    if stream.frames > count:
        there = f"the header states {stream.frames} frames, but only {count} can be decoded"
    else:
        begins_s = end_s - float(edges_s[-1])
        there = f"the header states {stated_s - begins_s:.1f} s, but the file ends after {edges_s[-1]:.1f} s"
    return f"{there}; the answer rests on those."


def _stated_end(container: Any, stream: Any) -> float | None:
    """Return when the stream ends as the header has it, in its own time; None where that is not known."""
    if container.format.name in CLOCKS_JUMP:
        # there is no header: FFmpeg estimates
        return None
    if container.format.name == "avi" and stream.frames:
        # the unit of time is a frame; FFmpeg corrects the duration by the size of the file, not this
        return float(stream.frames * stream.time_base)
    if stream.duration:
        return float((stream.duration + (stream.start_time or 0)) * stream.time_base)
    tags: Iterable[str] = (text for name, text in stream.metadata.items() if name.upper().startswith("DURATION"))
    for found in filter(None, map(LENGTH_TAG.match, tags)):
        hours, minutes, seconds = found.groups()
        return 3600.0 * int(hours) + 60 * int(minutes) + float(seconds)
    # sound may go on when the picture has ended
    alone = len(container.streams) == 1 and container.duration
    return container.duration / 1e6 if alone else None
