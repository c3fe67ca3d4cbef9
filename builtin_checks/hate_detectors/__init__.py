"""How good is a moderation detector on hate that machines write, for whom, and how cheaply is it evaded or stolen? (HateBench)

Shen, Wu, Qu, Backes, Zannettou, Zhang, "HateBench: Benchmarking Hate Speech Detectors on LLM-Generated Content and Hate
Campaigns", USENIX Security 2025, arXiv 2501.16750; with the functional tests of Roettger et al., "HateCheck", ACL 2021,
arXiv 2012.15606.

A detector is a sequence classifier on disk, or a ``py:`` factory; one behind an HTTP endpoint is a factory whose object has
``labels`` and a ``predict_proba(texts)`` that calls it. Attacks run against the detector that is judged and nothing else: do
not name a third party's service without its permission.
"""

from __future__ import annotations

from builtin_checks.hate_detectors.checks import campaign, evasion, functional, generator_drift, group_gap, quality

__all__ = ["campaign", "evasion", "functional", "generator_drift", "group_gap", "quality"]
