"""The page of ``apps/web`` in Chromium beside Python, on this machine."""
