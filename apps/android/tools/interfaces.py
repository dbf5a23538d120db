"""Which methods and fields of the system an app uses, and whether the classes of an Android have them."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SYSTEM = ("Landroid/", "Ljava/", "Ljavax/", "Ldalvik/")
# kinds of a constant pool, by how many bytes follow; those of two places count twice
SIZES = {3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4, 19: 2, 20: 2}
TEXT, TWICE = 1, (5, 6)
ROOT = "java/lang/Object"


class Member(NamedTuple):
    """A method or a field: its class, its name and its descriptor."""

    owner: str
    name: str
    descriptor: str


class Dex:
    """The tables of an app's classes."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._strings, self._types, self._protos, self._fields, self._methods, self._classes = (
            struct.unpack_from("<II", content, 0x38 + 8 * place) for place in range(6)
        )

    def _string(self, index: int) -> str:
        (at,) = struct.unpack_from("<I", self._content, self._strings[1] + 4 * index)
        while self._content[at] & 0x80:
            at += 1
        return self._content[at + 1 : self._content.index(b"\0", at + 1)].decode("utf-8", "replace")

    def _type(self, index: int) -> str:
        return self._string(struct.unpack_from("<I", self._content, self._types[1] + 4 * index)[0])

    def _proto(self, index: int) -> str:
        _, returns, at = struct.unpack_from("<III", self._content, self._protos[1] + 12 * index)
        takes = ""
        if at:
            (count,) = struct.unpack_from("<I", self._content, at)
            takes = "".join(self._type(n) for n in struct.unpack_from(f"<{count}H", self._content, at + 4))
        return f"({takes}){self._type(returns)}"

    def defined(self) -> set[str]:
        """Return the classes that are in the app."""
        start, count = self._classes[1], self._classes[0]
        return {self._type(struct.unpack_from("<I", self._content, start + 32 * n)[0]) for n in range(count)}

    def members(self) -> Iterator[Member]:
        """Yield every method and field that the app names."""
        for n in range(self._fields[0]):
            owner, kind, name = struct.unpack_from("<HHI", self._content, self._fields[1] + 8 * n)
            yield Member(self._type(owner), self._string(name), self._type(kind))
        for n in range(self._methods[0]):
            owner, proto, name = struct.unpack_from("<HHI", self._content, self._methods[1] + 8 * n)
            yield Member(self._type(owner), self._string(name), self._proto(proto))


class Class(NamedTuple):
    """What a class has itself, and from whom it has the rest."""

    parents: tuple[str, ...]
    members: frozenset[tuple[str, str]]


def read_class(content: bytes) -> Class:
    """Read names and descriptors of a class file."""
    (count,) = struct.unpack_from(">H", content, 8)
    at, place = 10, 1
    texts: dict[int, str] = {}
    classes: dict[int, int] = {}
    while place < count:
        kind = content[at]
        if kind == TEXT:
            (length,) = struct.unpack_from(">H", content, at + 1)
            texts[place] = content[at + 3 : at + 3 + length].decode("utf-8", "replace")
            at += 3 + length
        else:
            if kind == 7:
                (classes[place],) = struct.unpack_from(">H", content, at + 1)
            at += 1 + SIZES[kind]
        place += 2 if kind in TWICE else 1
    _, parent, interfaces = struct.unpack_from(">HHH", content, at + 2)
    indices = [parent, *struct.unpack_from(f">{interfaces}H", content, at + 8)]
    at += 8 + 2 * interfaces
    members = set()
    for _ in range(2):
        (many,) = struct.unpack_from(">H", content, at)
        at += 2
        for _ in range(many):
            _, name, descriptor, attributes = struct.unpack_from(">HHHH", content, at)
            members.add((texts[name], texts[descriptor]))
            at += 8
            for _ in range(attributes):
                at += 6 + struct.unpack_from(">I", content, at + 2)[0]
    return Class(tuple(texts[classes[index]] for index in indices if index), frozenset(members))


def newer_calls(dex: bytes, system: Path) -> tuple[int, set[str]]:
    """List methods and fields of the system that an app uses and that the classes of an Android do not have.

    Args:
        dex: the app's classes.
        system: jar of the Android.

    Returns:
        how many are used, and those that are missing.
    """
    app = Dex(dex)
    defined, used, missing = app.defined(), 0, set()
    with zipfile.ZipFile(system) as archive:
        names = set(archive.namelist())
        known: dict[str, Class] = {}

        def has(owner: str, member: tuple[str, str]) -> bool:
            """Look in a class and in those that it comes from."""
            if owner not in known:
                file = f"{owner}.class"
                known[owner] = read_class(archive.read(file)) if file in names else Class((), frozenset())
            return member in known[owner].members or any(has(parent, member) for parent in known[owner].parents)

        for member in app.members():
            if member.owner in defined or not member.owner.startswith(SYSTEM):
                continue
            used += 1
            owner = member.owner[1:-1]
            pair = (member.name, member.descriptor)
            if not (has(owner, pair) or has(ROOT, pair)):
                missing.add(f"{owner}.{member.name}{member.descriptor}")
    return used, missing
