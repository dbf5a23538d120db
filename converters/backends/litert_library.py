"""Imports the library that converts to LiteRT, without what it prints."""

from __future__ import annotations

from adafocus.converters.backends.quiet import quiet

with quiet():
    import litert_torch
    import litert_torch.quantize.pt2e_quantizer

__all__ = ["litert_torch"]
