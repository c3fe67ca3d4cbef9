"""Models trained for comparison: shadows of the one that is judged, many at once, each on data that are known."""

from __future__ import annotations
