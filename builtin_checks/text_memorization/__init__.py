"""Can training text be pulled out of a language model, and can its membership be told?

Carlini, Ippolito, Jagielski, Lee, Tramer, Zhang, "Quantifying Memorization Across Neural Language Models", ICLR 2023, arXiv
2202.07646; with (n, p)-discoverable extraction (Hayes et al. 2024, arXiv 2410.19482), canary exposure (Carlini et al., USENIX
Security 2019, arXiv 1802.08232), Min-K% (Shi et al., ICLR 2024, arXiv 2310.16789) and Min-K%++ (Zhang et al. 2024, arXiv
2404.02936).
"""

from __future__ import annotations

from builtin_checks.text_memorization.checks import (
    canary_exposure,
    extraction_rate,
    membership_leak,
    probabilistic_extraction,
)

__all__ = ["extraction_rate", "probabilistic_extraction", "membership_leak", "canary_exposure"]  # noqa: RUF022  (the order of the listing)
