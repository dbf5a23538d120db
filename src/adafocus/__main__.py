"""``python -m adafocus`` is the program ``adafocus``."""

from __future__ import annotations

from adafocus.edge.cli import main

if __name__ == "__main__":
    main()
