"""Hypothesis for all tests: no deadlines, because a shared machine is slow at times."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
