"""Recognition of a running source: a sliding window, smoothed answers, events."""
