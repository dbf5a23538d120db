"""Workstation verbs of this room, a file each; nothing heavy is imported before a verb runs."""
