"""``adafocus energy``: joules a clip, measured or modelled, their report and what is made of it."""
