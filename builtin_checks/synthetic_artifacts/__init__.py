"""Was this classifier, text generator or statistical plot made of data that a language model wrote?

Wu, Yang, Shen, Backes, Zhang, "Synthetic Artifact Auditing: Tracing LLM-Generated Synthetic Data Usage in Downstream
Applications", USENIX Security 2025, arXiv 2502.00808.
"""

from __future__ import annotations

from builtin_checks.synthetic_artifacts.checks import classifier, generator, plot

__all__ = ["classifier", "generator", "plot"]
