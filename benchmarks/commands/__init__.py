"""Whole commands, from the start of the process to its end."""
