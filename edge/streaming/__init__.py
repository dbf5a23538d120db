"""Recognition of a running source: a sliding window, smoothed predictions, events."""
