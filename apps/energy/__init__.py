"""``python -m adafocus.apps.energy``: the joules of the ready bundles on this device."""
