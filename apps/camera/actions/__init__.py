"""What is done with predictions: one module for each kind, and one thread for each action."""

from adafocus.apps.camera.actions.action import Action, Worker

__all__ = ["Action", "Worker"]
