"""Addresses as they may be shown: without credentials."""

from __future__ import annotations

import re

HIDDEN = "***"
# user and password in front of the host; the last @ before the path counts, since passwords hold @ too
USER = re.compile(r"(?<=://)[^/ ?#\"']*@")
# an @ further on belongs to a password with a slash in it, which has no business there, but is one
STRAY_USER = re.compile(r"(?<=://)[^ \"']*@(?=[\w.-]+(:\d+)?(/|\s|$))")
# what stands after a question mark or a hash may be a token
QUERY = re.compile(r"(://[^\s?#\"']*)[?#][^\s\"']*")
# properties of GStreamer elements: user-id=..., user-pw=..., proxy-pw=..., password=...
SECRETS = r"user-id|user-pw|-pw|password|passwd|token|secret"
PROPERTY = re.compile(rf"(\b[\w-]*(?:{SECRETS})\s*=\s*)(\"[^\"]*\"|'[^']*'|\S+)", re.IGNORECASE)


def safe_name(address: str) -> str:
    """The address with user, password, query and secret properties replaced by ``***``."""
    shown = USER.sub(f"{HIDDEN}@", address)
    shown = STRAY_USER.sub(f"{HIDDEN}@", shown)
    shown = QUERY.sub(rf"\1?{HIDDEN}", shown)
    return PROPERTY.sub(rf"\1{HIDDEN}", shown)
