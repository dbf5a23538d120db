"""Figures that others have published, to stand beside a report: never in one column with it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One figure.

    Attributes:
        what: network, task and device.
        figure: as it was published, with what can be computed from it.
        source: where.
    """

    what: str
    figure: str
    source: str


PUBLISHED = (
    Published("YOLOv5n, 640 pixels, Jetson Nano", "0.154 mWh a frame = 0.55 J, at 12.3 frames/s", "arXiv 2207.06150"),
    Published(
        "SSD-v1, Jetson Orin Nano and Raspberry Pi 3",
        "0.01 mWh (0.036 J) and 0.31 mWh (1.1 J) a request, idle power left out",
        "Comprehensive benchmarking of DL object detection on edge devices, summary page",
    ),
    Published(
        "EdgeOAR, UCF-101, early exit", "99.28 % less energy than the compared method; no joules", "arXiv 2412.01267"
    ),
    Published(
        "E4, early exit and clock scaling, ActivityNet and Mini-Kinetics, five devices",
        "26 % less energy on average; no joules",
        "arXiv 2503.04865",
    ),
    Published("Raspberry Pi 3B+, idle, Joulescope JS110", "2.05 W", "github.com/silmae/hsi-smart"),
    Published("Jetson Nano, a ResNet in fp16", "3.75 W mean input power", "github.com/SumantBagri/CSC2231_Project"),
    Published(
        "Jetson Orin NX, MAXN_SUPER, processor and GPU busy for 45 min", "29 W of VDD_IN", "ARK jetson_kernel#116"
    ),
)
