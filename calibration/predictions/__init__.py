"""Predictions of a bundle on labeled clips: collected once, stored, compared with the ground truth."""
