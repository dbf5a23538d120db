"""Thresholds of the exits: the official routine, paths of thresholds, and cross-validation on unseen groups."""
