"""The device side: bundles, runtimes, frame sources and the recognizer. Never imports torch."""
