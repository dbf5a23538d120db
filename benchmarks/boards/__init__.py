"""The programs of ``apps/pi`` and ``apps/jetson`` on this machine, with a served clip as their camera."""
