"""Real clips planted into larger, longer and busy real videos, so that where and when to look decides."""
