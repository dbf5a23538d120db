"""Thresholds of the exits: the official routine, paths of thresholds, and how they do on unseen groups."""
