"""Do protected pictures of people withstand a tracker that adds what it recognises to its gallery? (DynTracker, DivTrackee)

Fan, Zhang, Li, Jiang, Chen, Yue, Backes, Zhang, "DivTrackee versus DynTracker: Promoting Diversity in Anti-Facial Recognition
against Dynamic FR Strategy", ACM CCS 2025, arXiv:2501.06533.
"""

from __future__ import annotations

from builtin_checks.face_tracking.checks.dynamic_tracking import dynamic_tracking
from builtin_checks.face_tracking.checks.static_dynamic_gap import static_dynamic_gap

__all__ = ["dynamic_tracking", "static_dynamic_gap"]
