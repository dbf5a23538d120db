"""Quantization: scales from real clips, quantization-aware training, the model file."""
