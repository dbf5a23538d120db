"""Meters of energy: one table, one module and one row for each kind."""
