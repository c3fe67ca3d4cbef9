"""Does a detector of machine-written text hold up, and what share of a corpus is machine-written?

Sun, Zhang, Shen, Zhang, Liu, Backes, Zhang, He, "Are We in the AI-Generated Text World Already? Quantifying and Monitoring AIGT
on Social Media", ACL 2025, arXiv 2412.18148; with the zero-shot scores of Bao et al. (Fast-DetectGPT, ICLR 2024), Hans et al.
(Binoculars, ICML 2024), Su et al. (LRR, EMNLP 2023) and Gehrmann et al. (GLTR, ACL 2019).
"""

from __future__ import annotations

from builtin_checks.generated_text.checks import corpus_share, detector_evasion, detector_quality, share_trend

__all__ = ["detector_quality", "detector_evasion", "corpus_share", "share_trend"]  # noqa: RUF022  (the order of the listing)
