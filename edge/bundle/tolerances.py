"""How far the outputs of two runtimes may be apart; the one place where that stands."""

from __future__ import annotations

from adafocus.edge.bundle.manifest import Precision

# output steps of an integer tensor
MAX_STEPS = 1
# output steps between two runs of one file: its golden outputs hold exactly
MAX_STEPS_OF_ITSELF = 0
MAX_RELATIVE_OF_ITSELF = 1e-5
# output steps between the glance of a runtime and the same glance frame by frame: a stream changes no prediction
MAX_STEPS_OF_PARTS = 0
# largest difference of a float tensor, relative to its largest value, by the precision of the graph
MAX_RELATIVE: dict[Precision, float] = {"int8": 1e-4, "fp32": 1e-4, "fp16": 2e-2}
# precisions that must choose the same frames and the same best label
SAME_CHOICES: tuple[Precision, ...] = ("int8", "fp32")
