"""Does a classifier give away which records it was trained on?

Carlini et al., "Membership Inference Attacks From First Principles", S&P 2022, arXiv 2112.03570 (LiRA); Zarifzadeh, Liu and
Shokri, "Low-Cost High-Power Membership Inference Attacks", ICML 2024, arXiv 2312.03262 (RMIA); Song and Mittal, "Systematic
Evaluation of Privacy Risks of Machine Learning Models", USENIX Security 2021; Steinke, Nasr and Jagielski, "Privacy Auditing
with One (1) Training Run", NeurIPS 2023, arXiv 2305.08846.
"""

from __future__ import annotations

from builtin_checks.membership_inference.checks import claimed_epsilon, low_fpr, metric_attacks

__all__ = ["low_fpr", "metric_attacks", "claimed_epsilon"]  # noqa: RUF022  (the order of the listing)
