"""Lowering: a trained network becomes three static stage graphs that every runtime can delegate fully."""

from adafocus.networks.lowering.glance_parts import PARTS, glance_parts, part_example
from adafocus.networks.lowering.inference import LoweredInference, infer_lowered, run_stages
from adafocus.networks.lowering.stages import STAGES, LoweredStages, Policy, lower

__all__ = [
    "PARTS",
    "STAGES",
    "LoweredInference",
    "LoweredStages",
    "Policy",
    "glance_parts",
    "infer_lowered",
    "lower",
    "part_example",
    "run_stages",
]
