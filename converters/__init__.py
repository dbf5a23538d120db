"""Quantized stage graphs to runtime files, proved and packed into a bundle."""
