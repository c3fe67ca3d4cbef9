"""Copying a classifier by asking it, and what the copy is good for."""
