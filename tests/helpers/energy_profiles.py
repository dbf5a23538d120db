"""Profiles of energy with made-up joules, for budgets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adafocus.edge.bundle.archive import MANIFEST
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.files import sha256_of
from adafocus.edge.device.host import read_facts
from adafocus.edge.energy.report import (
    BundleFacts,
    DeviceFacts,
    Interval,
    MeterFacts,
    PerClip,
    ProtocolFacts,
    Report,
    write_report,
)

DECODE_J, GLANCE_J, FULL_J, IDLE_W = 0.05, 0.25, 0.65, 2.5
METER = MeterFacts(name="hwmon", scope="board input", kind="sampler", rate_hz=10.0)


def figure(net_j: float) -> PerClip:
    return PerClip(gross_j=Interval(median=1.5 * net_j), net_j=Interval(median=net_j))


def profile(of: Bundle, **changes: Any) -> Report:
    """Return what a measurement on this machine would say of a bundle."""
    facts = read_facts()
    content: dict[str, Any] = {
        "source": "measured",
        "bundle": BundleFacts(
            name=of.manifest.name,
            sha256=sha256_of(of.path / MANIFEST),
            labels=len(of.manifest.labels),
            runtime="litert",
            threads=2,
        ),
        "device": DeviceFacts(model=facts.board or facts.processor or facts.architecture),
        "meter": METER,
        "protocol": ProtocolFacts(started="2026-01-02T03:04:05+00:00", clips=30),
        "idle_w": (IDLE_W - 0.1, IDLE_W + 0.1),
        "per_clip": {"decode": figure(DECODE_J), "glance": figure(GLANCE_J), "full": figure(FULL_J)},
        "publishable": False,
    }
    return Report(**{**content, **changes})


def write_profile(of: Bundle, place: Path, **changes: Any) -> Path:
    """Write it to a file."""
    write_report(profile(of, **changes), place)
    return place
