"""How much a bundle may ask for. What asks for more is refused before a byte of memory or of the disk is taken.

The largest bundle that the presets give has about 200 MB, 96 frames and tensors of 10 million numbers; the limits leave
room for any network that a device could run.
"""

from __future__ import annotations

MOST_MANIFEST_BYTES = 4 << 20
# a zip without the 64-bit extension ends here
MOST_BUNDLE_BYTES = (4 << 30) - 1
MOST_BUNDLE_FILES = 4096
MOST_SIDE_PX = 4096
MOST_FRAMES = 4096
MOST_CLIP_BYTES = 512 << 20
MOST_TENSOR_NUMBERS = 1 << 27
MOST_TEXT_CHARACTERS = 1000
# the largest whole number that every reader of JSON keeps exactly
MOST_COUNT = 2**53
