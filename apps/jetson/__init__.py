"""``python -m adafocus.apps.jetson``: recognize what a Jetson's camera shows, and serve a page with it."""
