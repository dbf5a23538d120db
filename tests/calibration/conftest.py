"""The bundle of numpy graphs stands beside the tests of the device, which it was made for."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "edge"))
