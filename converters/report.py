"""What became of a stage graph in a runtime."""

from __future__ import annotations

from dataclasses import dataclass, field

FULL_SHARE = 0.99


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
        weight_bytes: bytes of the file that holds the weights.
        by_type: operations by type, where the runtime does not say what it does with them.
    """

    macs: int
    delegates: int | None
    delegated_share: float
    left_out: dict[str, int]
    operations: int
    weight_bytes: int = 0
    by_type: dict[str, int] = field(default_factory=dict)

    def whole(self) -> bool:
        """Whether one accelerated partition takes at least 99 % of the multiply-accumulates."""
        return self.delegates in (None, 1) and self.delegated_share >= FULL_SHARE
