"""What a report of energy says about how it came to be: the bundle, the device, the meter and the protocol."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from adafocus.edge.bundle.geometry import Strict
from adafocus.edge.meters.meter import Kind, Scope

Workload = Literal["decode", "glance", "full", "exits", "plain"]
# in the order of a round
WORKLOADS: tuple[Workload, ...] = ("decode", "glance", "full", "exits", "plain")

Positive = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]


class BundleFacts(Strict):
    """The bundle that was measured.

    Attributes:
        name: of its manifest.
        sha256: of its manifest, which holds the digests of all other files.
        labels: how many it knows.
        runtime: that ran the graphs.
        runtime_version: of its package.
        threads: of the runtime.
        glance_gmac: 10^9 multiply-accumulates of a clip that stops after the glance.
        full_gmac: of one that does not stop.
    """

    name: str
    sha256: str
    labels: Count
    runtime: str
    runtime_version: str | None = None
    threads: Annotated[int, Field(ge=1)]
    glance_gmac: Positive | None = None
    full_gmac: Positive | None = None


class DeviceFacts(Strict):
    """The device; None or empty where it does not say.

    Attributes:
        model: what a person calls it: the board, else the processor.
        os: distribution, or kernel.
        kernel: and its version.
        architecture: of the kernel.
        cpu: name of the processor.
        cores: that this process may use.
        memory_bytes: in all.
        governor: of the processors' clocks, each once.
        clocks_fixed: whether every governor keeps one clock.
        power_mode: of a Jetson.
        throttled_before: what has slowed it since it was started, before the measurement.
        versions: of what computes.
    """

    model: str
    os: str | None = None
    kernel: str | None = None
    architecture: str | None = None
    cpu: str | None = None
    cores: Annotated[int, Field(ge=1)] | None = None
    memory_bytes: Count | None = None
    governor: tuple[str, ...] = ()
    clocks_fixed: bool | None = None
    power_mode: str | None = None
    throttled_before: tuple[str, ...] = ()
    versions: dict[str, str] = Field(default={})


class MeterFacts(Strict):
    """The meter.

    Attributes:
        name: of its row in the table of meters.
        detail: chip and rails.
        scope: what it measures.
        kind: ``counter``, ``sampler`` or ``log``.
        rate_hz: samples a second that it means to give.
        gain_error_percent: the maker's figure, as the user stated it; None where it is unknown.
    """

    name: str
    detail: str = ""
    scope: Scope
    kind: Kind
    rate_hz: Annotated[float, Field(gt=0)]
    gain_error_percent: Positive | None = None


class ProtocolFacts(Strict):
    """How it was measured.

    Attributes:
        started: date and time, ISO 8601 with the offset from UTC.
        clips: how many different ones; every window has all of them equally often.
        clips_sha256: digest of the digests of their files, in their order.
        labeled: how many of them have a label.
        seed: of the bootstrap.
        draws: of the bootstrap.
        rounds: windows of each workload.
        order: workloads in the order of their windows.
        window_s: a window has at least so many seconds.
        window_clips: and at least so many clips.
        idle_s: length of each of the two windows of idling.
        warm_up_s: of work before the first window, until the heat settled or the time was over.
        settled: whether the temperature had settled; None where nothing tells it.
        exit_thresholds: confidence at which a clip of ``exits`` stops, for every exit but the last.
        plain: name of the bundle of the workload ``plain``.
    """

    started: str
    clips: Count
    clips_sha256: str = ""
    labeled: Count = 0
    seed: int = 0
    draws: Count = 0
    rounds: Count = 0
    order: tuple[Workload, ...] = ()
    window_s: Positive = 0.0
    window_clips: Count = 0
    idle_s: Positive = 0.0
    warm_up_s: Positive = 0.0
    settled: bool | None = None
    exit_thresholds: tuple[float, ...] = ()
    plain: str | None = None
