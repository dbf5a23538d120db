"""How good a bundle is: the device code on labelled video files, in every way of looking."""

from adafocus.calibration.evaluation.files import write_report

__all__ = ["write_report"]
