"""Decoders beside the ordinary one: in hardware, and through GStreamer, each in a process of its own."""
