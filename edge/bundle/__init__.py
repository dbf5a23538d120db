"""A bundle on disk: its manifest, what is refused, the zip form, and writing that leaves nothing half-written."""
