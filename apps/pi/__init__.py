"""``python -m adafocus.apps.pi``: recognize what a Raspberry Pi's camera shows, and serve a page with it."""
