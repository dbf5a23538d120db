"""Quantization: scales from real clips, training under quantization, the model file."""
