"""Verbs of the device, one file each, and what they share; `adafocus.edge.cli` loads a verb when it is used."""
