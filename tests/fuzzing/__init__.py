"""Malformed inputs of every kind, made from real ones by number, and what the program makes of each.

The same kind, seed and number always give the same input. ``python -m tests.fuzzing`` is the command.
"""
