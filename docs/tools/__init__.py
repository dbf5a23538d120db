"""Generators of what the pages show: the page of results, and two drawings."""
