"""Lowering: a trained network becomes three static stage graphs that every runtime can take whole."""

from networks.lowering.stages import STAGES, Focus, Glance, LoweredStages, Policy, lower

__all__ = ["STAGES", "Focus", "Glance", "LoweredStages", "Policy", "lower"]
