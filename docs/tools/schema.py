"""The JSON schema of the report of ``adafocus energy``, for those who read it with programs of their own.

python -m docs.tools.schema
"""

from __future__ import annotations

import json
from pathlib import Path

from adafocus.edge.energy.report import schema

PLACE = Path(__file__).parents[1] / "energy-report.schema.json"


def text() -> str:
    """Return the file's content."""
    return json.dumps(schema(), indent=1) + "\n"


if __name__ == "__main__":
    PLACE.write_text(text(), encoding="utf-8")
    print(f"wrote {PLACE}")
