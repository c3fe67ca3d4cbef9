"""The checks of the family, one for each kind of artefact."""

from __future__ import annotations

from builtin_checks.synthetic_artifacts.checks.classifier import classifier
from builtin_checks.synthetic_artifacts.checks.generator import generator
from builtin_checks.synthetic_artifacts.checks.plot import plot

__all__ = ["classifier", "generator", "plot"]
