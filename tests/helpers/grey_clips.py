"""Clips of one grey each, which the numpy bundle all calls ``run``."""

# brightness, label and group: five of eight are right
CLIPS = (
    (0, "run", "a"),
    (40, "run", "a"),
    (80, "swim", "b"),
    (120, "run", "b"),
    (160, "walk", "c"),
    (200, "run", "c"),
    (240, "run", "d"),
    (255, "swim", "d"),
)
