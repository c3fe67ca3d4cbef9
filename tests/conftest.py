"""Hypothesis for all tests: no deadlines, because a shared machine is slow at times."""

from __future__ import annotations

from hypothesis import settings

collect_ignore = ["example_package"]  # a distribution of its own: tests install it, pytest does not look into it

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
