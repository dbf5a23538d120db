"""How good bundles are damaged, for vectors of refusals: changes of the manifest, and splices of a zip."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

CENTRAL, LOCAL, END = b"PK\1\2", b"PK\3\4", b"PK\5\6"
# places in a record of the directory, and in the header before a member
CENTRAL_FLAGS, CENTRAL_METHOD, CENTRAL_PACKED, CENTRAL_MODE, CENTRAL_OFFSET, CENTRAL_NAME = 8, 10, 20, 38, 42, 46
LOCAL_NAME = 30
LINK = 0o120777 << 16
GLANCE = b"graphs/glance.tflite"
DEFLATED, ENCRYPTED = 8, 1


class Splice(NamedTuple):
    """A change of bytes: so many are removed at a place, and others put there."""

    at: int
    removed: int
    added: bytes


def _replaced(*pairs: tuple[str, str]) -> dict[str, Any]:
    return {"replace": [list(pair) for pair in pairs]}


# texts of the manifest, each of which is replaced once; text that is put behind it; files that are put there, and those
# that are dropped
MANIFESTS: dict[str, dict[str, Any]] = {
    # good
    "a file that nobody named": {"put": {"notes.txt": "aGVsbG8="}},
    "keys in another order": _replaced(
        (' "name": "vectors",\n "preset": "vectors",', ' "preset": "vectors",\n "name": "vectors",')
    ),
    "a number with an exponent": _replaced(('"budget": 0.0012', '"budget": 12e-4')),
    "escapes in a label": _replaced(('"walk"', '"w\\u0061lk\\/\\ud83d\\ude00"')),
    # no JSON
    "nothing": _replaced(('{\n "schema_version": 1,', '\n "schema_version": 1,')),
    "text after the end": {"append": "x"},
    "a comma too many": _replaced(('"packages": {}', '"packages": {,}')),
    "a key twice": _replaced((' "name": "vectors",', ' "name": "vectors",\n "name": "vectors",')),
    "NaN": _replaced(('"budget": 0.0012', '"budget": NaN')),
    "a number that is too large": _replaced(('"budget": 0.0012', '"budget": 1e999')),
    "single quotes": _replaced(('"name": "vectors"', "'name': 'vectors'")),
    "a number that begins with 0": _replaced(('"glance_frames": 3', '"glance_frames": 03')),
    "not UTF-8": {"put": {"manifest.json": "/////w=="}},
    # another version
    "version 2": _replaced(('"schema_version": 1', '"schema_version": 2')),
    "version as text": _replaced(('"schema_version": 1', '"schema_version": "1"')),
    "no version": _replaced((' "schema_version": 1,\n', "")),
    # keys
    "an unknown key": _replaced((' "name": "vectors",', ' "name": "vectors",\n "color": "red",')),
    "an unknown key in the geometry": _replaced(('"glance_frames": 3', '"glance_frames": 3, "glance_fps": 25')),
    "a missing key": _replaced((' "preset": "vectors",\n', "")),
    "a missing key in the geometry": _replaced(('  "patch_size": 16,\n', "")),
    # values
    "no frames": _replaced(('"glance_frames": 3', '"glance_frames": 0')),
    "too many frames": _replaced(('"candidate_frames": 8', '"candidate_frames": 4097')),
    "a number as text": _replaced(('"glance_frames": 3', '"glance_frames": "3"')),
    "half a frame": _replaced(('"glance_frames": 3', '"glance_frames": 3.5')),
    "true for a number": _replaced(('"focus_frames": 4', '"focus_frames": true')),
    "null for a number": _replaced(('"focus_frames": 4', '"focus_frames": null')),
    "a side that is too long": _replaced(('"frame_size": 32', '"frame_size": 4097')),
    "a deviation of 0": _replaced(("0.25098039215686274", "0")),
    "a mean above 1": _replaced(("0.4549019607843137", "1.5")),
    "a variant that nobody knows": _replaced(('"variant": "tsm"', '"variant": "tsn"')),
    "an empty label": _replaced(('"walk"', '""')),
    "a control character in a label": _replaced(('"walk"', '"wa\\u0007lk"')),
    "a digest in capitals": {"replace": [['"sha256": "', '"sha256": "A']]},
    "a runtime that nobody knows": _replaced(('"litert": {', '"newrt": {')),
    "a stage that nobody knows": _replaced(('"policy": {', '"polly": {')),
    "a temperature of 0": _replaced(('"temperature": 1.0', '"temperature": 0.0')),
    "a dtype that nobody knows": _replaced(('"dtype": "int8"', '"dtype": "int4"')),
    # contradictions
    "more focus frames than candidates": _replaced(('"candidate_frames": 8', '"candidate_frames": 3')),
    "a square larger than the frame": _replaced(('"short_side": 36', '"short_side": 31')),
    "squeezed in a square": _replaced(('"patch_size": 16', '"patch_size": 16, "glance_fit": "squeezed"')),
    "densest in a square": _replaced(('"patch_size": 16', '"patch_size": 16, "focus_span": "densest"')),
    "from the median in a square": _replaced(('"patch_size": 16', '"patch_size": 16, "change_from": "median"')),
    "motion without a side": _replaced(
        ('"patch_size": 16', '"patch_size": 16, "boxes_in": "frame", "policy": "motion", "focus_span": "spread"')
    ),
    "motion with a policy graph": _replaced(
        (
            '"patch_size": 16',
            '"patch_size": 16, "boxes_in": "frame", "policy": "motion", "focus_span": "spread", "box_min": 0.5',
        )
    ),
    "a label twice": _replaced(('"walk"', '"run"')),
    "a label more": _replaced(('"walk"', '"walk", "sit"')),
    "glance frames of another size": _replaced(('"glance_size": 16', '"glance_size": 24')),
    "patches of another size": _replaced(('"patch_size": 16', '"patch_size": 24')),
    "patches that do not divide the frames": _replaced(('"focus_frames": 4', '"focus_frames": 6')),
    "the focus without its context": _replaced(('"focus_frames": 4', '"focus_frames": 8')),
    "a scale of 0": _replaced(('"scale": 0.015625', '"scale": 0.0')),
    "a zero point out of range": _replaced(('"zero_point": -12', '"zero_point": -129')),
    "integers without a scale": _replaced(('"scale": 0.015625', '"scale": null')),
    "a tensor under another name": _replaced(('"name": "glance_logits"', '"name": "logits"')),
    "a budget that cannot be met": _replaced(('"budget": 0.0012', '"budget": 0.5')),
    "a budget below 0": _replaced(('"budget": 0.0012', '"budget": -0.0012')),
    "a threshold too many": _replaced(("     0.6\n", "     0.6, 0.7\n")),
    # files
    "a name that leads out": _replaced(('"graphs/glance.tflite"', '"../glance.tflite"')),
    "a name from the root": _replaced(('"graphs/glance.tflite"', '"/graphs/glance.tflite"')),
    "a name with a drive": _replaced(('"graphs/glance.tflite"', '"C:glance.tflite"')),
    "a name with a backslash": _replaced(('"graphs/glance.tflite"', '"graphs\\\\glance.tflite"')),
    "a name with a dot": _replaced(('"graphs/glance.tflite"', '"graphs/./glance.tflite"')),
    "a file that is missing": {"drop": ["graphs/focus.tflite"]},
    "a file that is longer": {"put": {"graphs/focus.tflite": "Z3JhcGhzL2ZvY3VzLnRmbGl0ZQoK"}},
    "a file that was changed": {"put": {"graphs/focus.tflite": "Z3JhcGhzL2ZvY3VzLnRmbGl0ZSA="}},
    "no manifest": {"drop": ["manifest.json"]},
}


def _record(content: bytes, name: bytes) -> int:
    """Return where the record of a member stands in the directory."""
    place = content.find(CENTRAL)
    while content[place + CENTRAL_NAME : place + CENTRAL_NAME + len(name)] != name:
        place = content.index(CENTRAL, place + 1)
    return place


def _header(content: bytes, name: bytes) -> int:
    """Return where the header of a member stands."""
    return int(struct.unpack_from("<L", content, _record(content, name) + CENTRAL_OFFSET)[0])


def _named(name: bytes) -> Callable[[bytes], list[Splice]]:
    """Give the glance graph another name of the same length, in both places."""
    return lambda content: [
        Splice(_record(content, GLANCE) + CENTRAL_NAME, len(GLANCE), name),
        Splice(_header(content, GLANCE) + LOCAL_NAME, len(GLANCE), name),
    ]


def _in_record(place: int, form: str, value: int) -> Callable[[bytes], list[Splice]]:
    """Change a number in the directory's record of the glance graph."""
    packed = struct.pack(form, value)
    return lambda content: [Splice(_record(content, GLANCE) + place, len(packed), packed)]


def _cut(begin: float, end: float) -> Callable[[bytes], list[Splice]]:
    """Leave out a part, between two shares of the length."""
    return lambda content: [Splice(int(begin * len(content)), int(end * len(content)) - int(begin * len(content)), b"")]


# what is changed in a zip of the good bundle
ZIPS: dict[str, Callable[[bytes], list[Splice]]] = {
    "a comment at the end": lambda content: [Splice(len(content) - 2, 2, b"\5\0hello")],
    "an empty file": _cut(0, 1),
    "the end is missing": _cut(0.5, 1),
    "the beginning is missing": _cut(0, 0.5),
    "the middle is missing": _cut(0.4, 0.5),
    "a member that leads out": _named(b"../phs/glance.tflite"),
    "a member from the root": _named(b"/raphs/glance.tflite"),
    "a member with a backslash": _named(b"graphs\\glance.tflite"),
    "a member twice": _named(b"graphs/policy.tflite"),
    "a member twice but for capitals": _named(b"graphs/Policy.tflite"),
    "a member under another name": _named(b"graphs/glimpse.tflit"),
    "a member that is compressed": _in_record(CENTRAL_METHOD, "<H", DEFLATED),
    "a member that is encrypted": _in_record(CENTRAL_FLAGS, "<H", ENCRYPTED),
    "a member that is a link": _in_record(CENTRAL_MODE, "<L", LINK),
    "a member of two sizes": _in_record(CENTRAL_PACKED, "<L", 5),
    "a member where none is": _in_record(CENTRAL_OFFSET, "<L", 7),
    "a member past the end": _in_record(CENTRAL_OFFSET, "<L", 1 << 30),
    "a member that runs into the next": lambda content: [
        Splice(_record(content, GLANCE) + CENTRAL_PACKED, 8, struct.pack("<2L", 4000, 4000))
    ],
    "a byte of a graph is another": lambda content: [Splice(content.index(GLANCE + b"\n"), 1, b"G")],
    "a directory of too many members": lambda content: [
        Splice(content.rindex(END) + 8, 4, struct.pack("<2H", 5000, 5000))
    ],
    "a directory past the end": lambda content: [Splice(content.rindex(END) + 16, 4, struct.pack("<L", 1 << 30))],
}
