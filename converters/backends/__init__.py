"""Converter back ends, a file each."""
