"""Conformance vectors: what the device's rules give for stated inputs, for whoever writes them again elsewhere."""
