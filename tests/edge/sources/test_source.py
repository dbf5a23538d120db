"""What all sources share: names that are safe to print, and the clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adafocus.edge.sources.source import moment_of_capture, safe_name

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://me:hunter2@10.0.0.1:554/a", "rtsp://***@10.0.0.1:554/a"),
        ("rtsp://me:p@hunter2@host/a", "rtsp://***@host/a"),
        ("rtsp://me:p/hunter2@host/a", "rtsp://***@host/a"),
        ("rtsp://me:#hunter2@host/a", "rtsp://***@host/a"),
        ("http://host/a?token=hunter2&x=1", "http://host/a?***"),
        (
            "gst:rtspsrc location=rtsp://me:hunter2@host/a ! fakesink",
            "gst:rtspsrc location=rtsp://***@host/a ! fakesink",
        ),
        ('gst:rtspsrc user-id=me user-pw="hunter2" location=rtsp://h/ ! x', None),
        ("gst:souphttpsrc proxy-pw=hunter2 ! x", "gst:souphttpsrc proxy-pw=*** ! x"),
        ("rtsp://host/plain", "rtsp://host/plain"),
        ("camera:0", "camera:0"),
    ],
)
def test_credentials_are_not_shown(address: str, shown: str | None) -> None:
    assert SECRET not in safe_name(address)
    assert shown is None or safe_name(address) == shown


@given(
    user=st.text(st.characters(codec="utf-8", exclude_characters=" /?#\"'\\"), min_size=1, max_size=8),
    password=st.text("abcXYZ0189:@%!$&*()+,;=-._~", max_size=12),
)
def test_no_password_is_ever_shown(user: str, password: str) -> None:
    marked = f"{password}s3cr3t"
    assert "s3cr3t" not in safe_name(f"rtsp://{user.strip() or 'u'}:{marked}@host/stream")


def test_a_stated_moment_of_another_clock_is_not_believed() -> None:
    import time

    now = time.monotonic()
    assert moment_of_capture(now - 0.05) == now - 0.05
    for strange in (-1.0, 0.0, now + 60, now - 3600):
        assert now <= moment_of_capture(strange) <= now + 10
