"""The sections of the page of results, one module for each kind of measurement."""
