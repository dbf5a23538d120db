"""Joules from a model, for devices without a meter: multiply-accumulates and bytes, each times a published coefficient.

The coefficients are those of Mark Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014,
figure 1.1.9 (45 nm, 0.9 V). That arithmetic and bytes moved are counted, and nothing else, is how the energy task of
Ego-Exo4D compares networks (docs.ego-exo4d-data.org, keystep, energy efficient).

It is a model, and no measurement: instructions, caches, leakage, decoding, pixels and the rest of the board are left
out, so that a real device takes many times as much. It ranks networks and exits; it is no answer to "how long does the
battery last". What it gives is labelled ``modelled`` wherever it is shown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import GraphFile, Precision, TensorSpec

SOURCE = (
    "modelled from multiply-accumulates and bytes with the coefficients of M. Horowitz, Computing's energy problem, "
    "ISSCC 2014, figure 1.1.9 (45 nm, 0.9 V)"
)
# pJ of one multiplication and one addition: int8 adds up in 32 bits
PJ_PER_MAC: dict[Precision, float] = {"int8": 0.2 + 0.1, "fp16": 1.1 + 0.4, "fp32": 3.7 + 0.9}
# 1.3 to 2.6 nJ for 64 bits of DRAM
LEAST_PJ_PER_BYTE, MOST_PJ_PER_BYTE = 1300.0 / 8, 2600.0 / 8
PICO = 1e-12
BYTES = {"float32": 4, "float16": 2, "int8": 1, "uint8": 1, "int32": 4}
# a tensor between host and graph, or between two graphs, is written once and read once
PASSES = 2


@dataclass(frozen=True)
class Joules:
    """Modelled joules: with the least, the middle and the most that the source says for a byte of memory."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class Work:
    """What graphs did.

    Attributes:
        arithmetic_pj: multiply-accumulates times their coefficients.
        bytes: to and from memory.
    """

    arithmetic_pj: float = 0.0
    bytes: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(self.arithmetic_pj + other.arithmetic_pj, self.bytes + other.bytes)

    def joules(self) -> Joules:
        """Return what the model says."""
        least, most = (
            (self.arithmetic_pj + self.bytes * each) * PICO for each in (LEAST_PJ_PER_BYTE, MOST_PJ_PER_BYTE)
        )
        return Joules(least, (least + most) / 2, most)


def call_work(graph: GraphFile) -> Work:
    """Return the work of one call of a graph: its weights are read once, its inputs and outputs pass memory.

    Intermediate results are not counted: how many of them stay in caches differs from device to device.
    """
    passed = sum(map(_tensor_bytes, (*graph.inputs, *graph.outputs)))
    return Work(graph.macs * PJ_PER_MAC[graph.precision], graph.bytes + PASSES * passed)


def exit_work(bundle: Bundle, runtime: str) -> tuple[Work, ...]:
    """Return the work of a clip that stops at each exit: at the glance, then at those of the focus.

    As with multiply-accumulates, an exit inside a call of the focus costs the whole call.

    Args:
        bundle: whose graphs.
        runtime: that runs them.

    Raises:
        MissingRuntimeError: the bundle holds no graphs for this runtime.
    """
    glance, focus = (bundle.graph(stage, runtime)[1] for stage in ("glance", "focus"))
    policy = call_work(bundle.graph("policy", runtime)[1]) if "policy" in bundle.manifest.stages else Work()
    at_exits, each = [call_work(glance)], call_work(focus)
    done = bundle.manifest.exit_macs(focus, glance.macs)
    for macs in done[1:]:
        calls = (macs - glance.macs - bundle.manifest.macs("policy")) // bundle.manifest.macs("focus")
        at_exits.append(sum((each for _ in range(calls)), at_exits[0] + policy))
    return tuple(at_exits)


def _tensor_bytes(spec: TensorSpec) -> int:
    return math.prod(spec.shape) * BYTES[spec.dtype]
