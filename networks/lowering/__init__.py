"""Lowering: a trained network becomes three static stage graphs that every runtime can take whole."""

from networks.lowering.inference import LoweredInference, infer_lowered
from networks.lowering.stages import STAGES, LoweredStages, Policy, lower

__all__ = ["STAGES", "LoweredInference", "LoweredStages", "Policy", "infer_lowered", "lower"]
