"""Vectors of sampling: frames by number, by time, and what the packets of a file say of its time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace

import numpy as np

from adafocus.edge.conformance.material import Record, case, joined, near, nears, numbers
from adafocus.edge.policy import uniform_indices
from adafocus.edge.video.timeline import Packets, frames_at

EVENLY = ((1, 1), (1, 4), (3, 8), (7, 3), (9, 10), (10, 10), (120, 4), (310, 24), (311, 24), (4096, 16), (2**31 + 7, 5))
SLIDES = (0.0, 8.0, 9.0, 10.0)
TIMES = ((0, 3, 5, SLIDES), (1, 3, 2, SLIDES), (0, 3, 3, None), (2, 12, 4, None), (0, 4, 4, (0.0, 1.0, 2.0, 3.0, 4.0)))
# a picture stays when the others have gone on; B-frames; a clock that is set; a file of one frame; no durations
FILES: dict[str, tuple[str, tuple[int, int], Sequence[int], Sequence[int]]] = {
    "steady with B-frames": ("matroska,webm", (1, 1000), [0, 120, 40, 80, 240, 160, 200, 280], [40] * 8),
    "a burst, then few frames": (
        "matroska,webm",
        (1, 1000),
        [*(33 * n for n in range(12)), *(400 + 257 * n for n in range(8))],
        [0] * 20,
    ),
    "begins at an hour": ("mov,mp4,m4a,3gp,3g2,mj2", (1, 12800), [46080000 + 512 * n for n in range(9)], [512] * 9),
    "a clock that goes back": (
        "mpegts",
        (1, 90000),
        [*(3600 * n for n in range(6)), *(3600 * n for n in range(5))],
        [],
    ),
    "a clock that jumps": ("mpegts", (1, 90000), [0, 3600, 7200, 9007200, 9010800, 9014400], []),
    "a pause in a broadcast": ("mpegts", (1, 90000), [0, 3600, 7200, 457200, 460800, 464400], []),
    "a pause that is none": ("matroska,webm", (1, 1000), [0, 40, 80, 20080, 20120, 20160], []),
    "one frame": ("mov,mp4,m4a,3gp,3g2,mj2", (1, 25), [7], [3]),
    "a frame is missing": ("mov,mp4,m4a,3gp,3g2,mj2", (1, 25), [n for n in range(60) if n not in (20, 21)], [1] * 58),
    "the last one stays": ("mov,mp4,m4a,3gp,3g2,mj2", (1, 1000), [0, 40, 80, 120, 160], [40, 40, 40, 40, 55]),
}


def vectors() -> list[Record]:
    """Return the vectors of this module."""
    return joined((_evenly(), _by_time(), _packets()))


def _evenly() -> Iterator[Record]:
    """Frames spread evenly by their numbers."""
    for total, count in EVENLY:
        given = {"total": total, "count": count}
        yield case(f"{count} of {total}", "uniform_indices", given, {"indices": numbers(uniform_indices(total, count))})


def _by_time() -> Iterator[Record]:
    """Frames spread evenly by when they are shown."""
    for first, last, count, edges_s in TIMES:
        edges = None if edges_s is None else np.array(edges_s)
        given = {"first": first, "last": last, "count": count, "edges_s": edges_s}
        found = {"indices": numbers(frames_at(first, last, count, edges))}
        yield case(f"{count} of {first} to {last}", "frames_at", given, found)


def _packets() -> Iterator[Record]:
    """From the times of packets, in decoding order, to the frames of a clip."""
    for name, (container, (above, below), pts, durations) in FILES.items():
        # decoded as they come, but where times go back within a group
        steady = "B-frames" in name
        dts = [40 * n - 80 for n in range(len(pts))] if steady else list(pts)
        stays = list(durations) or [0] * len(pts)
        packets = Packets(list(pts), list(dts), stays, 0)
        stream = SimpleNamespace(
            time_base=above / below, start_time=min(pts), frames=0, duration=None, metadata={}, options={}
        )
        file = SimpleNamespace(format=SimpleNamespace(name=container), duration=None, streams=[stream])
        timeline = packets.timeline(file, stream)
        assert timeline.edges_s is not None
        given = {
            "container": container,
            "time_base": [above, below],
            "pts": list(pts),
            "dts": dts,
            "durations": stays,
            "stated_fps": 25.0,
            "count": 6,
        }
        chosen = frames_at(0, timeline.frame_count, 6, timeline.varying_s)
        found = {
            "frame_count": timeline.frame_count,
            "edges_s": nears(timeline.edges_s),
            "varies": timeline.varying_s is not None,
            "fps": near(timeline.rate(25.0)),
            "indices": numbers(chosen),
        }
        yield case(name, "timeline", given, found)
