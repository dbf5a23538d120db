"""``adafocus bench``: the latency protocol, its report, and the comparison of two."""
