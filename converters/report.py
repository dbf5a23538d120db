"""What became of a stage graph in a runtime."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Report:
    """What became of a graph.

    Attributes:
        macs: multiply-accumulates of one call.
        delegates: how many accelerated partitions run it; None where the runtime has no such notion.
        delegated_share: share of the multiply-accumulates inside them, or in integer kernels for an int8 graph where
            there are none, 0..1.
        left_out: operations outside, by name.
        operations: operations in all.
    """

    macs: int
    delegates: int | None
    delegated_share: float
    left_out: dict[str, int]
    operations: int
