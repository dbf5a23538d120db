"""Experiments whose figures stand in ``results/``; they are not part of the installed package."""
