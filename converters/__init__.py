"""Quantized stage graphs to runtime files, verified and packed into a bundle."""
