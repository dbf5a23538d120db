"""Files of class names, one a line, as editors save them."""

from __future__ import annotations

import re
from pathlib import Path

from adafocus.calibration.datasets.labeled_clip import plain_name
from adafocus.calibration.datasets.text_file import read_text
from adafocus.errors import AdafocusError

FORM = "Expected a text file in UTF-8 with a class name on each line"
LINE_END = re.compile(r"\r\n|\r|\n")


def read_class_names(path: Path, count: int | None = None) -> tuple[str, ...]:
    """Read class names; blanks around them do not count, nor do empty lines at the end.

    Args:
        path: a text file in UTF-8, or in UTF-16 with a byte order mark, with any line ends.
        count: how many classes the network has; None where the file decides.

    Raises:
        AdafocusError: no such file, of another encoding, a line between others is empty, a name stands twice, or there
            are not ``count`` names.
    """
    if not path.is_file():
        raise AdafocusError(f"There is no file of class names at {path}. {FORM}: --labels FILE")
    names = [plain_name(line) for line in LINE_END.split(_text(path))]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise AdafocusError(f"{path} names no class. {FORM}.")
    lines: dict[str, int] = {}
    for line, name in enumerate(names, 1):
        if not name:
            raise AdafocusError(
                f"Line {line} of {path} is empty, and the classes are numbered by their lines. Write the name there, "
                "or take the line out."
            )
        if name in lines:
            raise AdafocusError(
                f"{path} names the class {name!r} twice, in the lines {lines[name]} and {line}, expected every name "
                "once. Take one of them out, or give it another name."
            )
        lines[name] = line
    if count is not None and len(names) != count:
        raise AdafocusError(
            f"{path} names {len(names)} classes, but the network has {count}. Give the file that it was trained with: "
            "--labels FILE"
        )
    return tuple(names)


def _text(path: Path) -> str:
    """Return the content of a text file.

    Raises:
        AdafocusError: it cannot be read, or is of another encoding.
    """
    try:
        text = read_text(path)
    except OSError as error:
        raise AdafocusError(f"Cannot read {path}: {error.strerror or error}. Check its permissions.") from error
    except UnicodeDecodeError as error:
        line = len(LINE_END.split(error.object[: error.start].decode("latin-1"))) if error.encoding == "utf-8" else 1
        raise AdafocusError(
            f"Line {line} of {path} is no text in UTF-8; perhaps it is Latin-1 (ISO 8859-1). {FORM}: save it again "
            "with the encoding UTF-8."
        ) from error
    odd = next((character for character in text if character < " " and character not in "\t\r\n"), None)
    if odd is not None:
        raise AdafocusError(f"{path} is no text, it holds the character {odd!r}. {FORM}.")
    return text
