"""Predictions of a bundle on labelled clips: collected once, stored, compared with the truth."""
