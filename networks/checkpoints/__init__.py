"""Checkpoints: read safely, recognize, translate, load, describe."""
