"""The checks of the family, in the order in which they are listed."""

from __future__ import annotations

from builtin_checks.membership_inference.checks.claimed_epsilon import claimed_epsilon
from builtin_checks.membership_inference.checks.low_fpr import low_fpr
from builtin_checks.membership_inference.checks.metric_attacks import metric_attacks

__all__ = ["claimed_epsilon", "low_fpr", "metric_attacks"]
