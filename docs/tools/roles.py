"""A hook of MkDocs: docstrings name other things as Sphinx has it, which Markdown shows as they are typed."""

from __future__ import annotations

import re
from typing import Any

ROLES = re.compile(r":(?:attr|class|data|exc|func|meth|mod):(?=<code>)")


def on_page_content(html: str, **_: Any) -> str:
    """Return the page without the names of the roles."""
    return ROLES.sub("", html)
