"""``adafocus energy``: the protocol of measuring joules a clip, its statistics, and its report."""
