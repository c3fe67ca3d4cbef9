"""For all tests: Hypothesis without deadlines, because a shared machine is slow at times, and one thread for each worker."""

from __future__ import annotations

import os

from hypothesis import settings

collect_ignore = ["example_package"]  # a distribution of its own: tests install it, pytest does not look into it

if "PYTEST_XDIST_WORKER" in os.environ:
    # Workers share the cores: threads that wait for each other would cost more than they bring.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
