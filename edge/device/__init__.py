"""This device: the machine, its cameras and meters, and what is installed."""
