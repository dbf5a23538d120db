"""The kinds of malformed input, a module each; the table is in :mod:`tests.fuzzing.worker`."""
