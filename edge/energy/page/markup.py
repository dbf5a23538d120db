"""HTML and SVG as trees, so that no name of a device, a clip or a file ever becomes markup."""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

# what no page can hold: control characters and halves of surrogate pairs
UNSHOWN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
Inside = Element | str | None


def tag(kind: str, /, *inside: Inside, **attributes: object) -> Element:
    """Return an element.

    Args:
        kind: of the element, such as ``p``.
        inside: elements and text, in order; None is left out.
        attributes: by name; ``class_`` means ``class`` and other underscores mean hyphens. Numbers are rounded to
            hundredths, True stands for an attribute without a value, and one of None or False is left out.
    """
    element = Element(kind)
    for key, value in attributes.items():
        if value is not None and value is not False:
            element.set(key.rstrip("_").replace("_", "-"), _attribute(value))
    last: Element | None = None
    for part in inside:
        if isinstance(part, Element):
            element.append(part)
            last = part
        elif part is not None:
            text = UNSHOWN.sub("\ufffd", part)
            if last is None:
                element.text = (element.text or "") + text
            else:
                last.tail = (last.tail or "") + text
    return element


def page_of(root: Element) -> str:
    """Return a whole page as HTML."""
    return "<!doctype html>\n" + ElementTree.tostring(root, encoding="unicode", method="html") + "\n"


def _attribute(value: object) -> str:
    """Return the text of an attribute."""
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return "" if value is True else UNSHOWN.sub("\ufffd", str(value))
