"""Bundles in an app on iOS: a Swift package, and what tests it on Linux."""
