"""Where an artefact lies among references of known origin: rank p-values, their stability, and how well the auditor works."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import ArrayLike

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts.few import weak_evidence
from builtin_checks.synthetic_artifacts.ranks import Origin, left_out, origin_of, ranks, shaped, spread
from builtin_checks.synthetic_artifacts.score import log_likelihood_ratio
from builtin_checks.synthetic_artifacts.stopping import queries_needed

NOT_RESAMPLED = "not resampled: there is one score per artefact"
ENOUGH = 19
"""References per side without which nothing is decided at 5 %: the smallest rank p-value of n references is 1 / (n + 1)."""
STABLE = 0.95
POWER = 0.8
_RESAMPLES = 1000
_BLOCK = 100


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """What the ranks of one score say.

    Parameters
    ----------
    p_real, p_synthetic : float in (0, 1]
        How surprising the score would be for an artefact made of real, or of synthetic, data.
    origin : str
        ``synthetic`` where only a real origin is rejected, ``real`` where only a synthetic one is, ``neither`` where both are,
        otherwise ``inconclusive``.
    stability : float or str
        Share of resamples of the queries with the same origin; the word why there is none.
    subject : float
    real, synthetic : tuple of float
        Scores, those of references spread as artefacts of other training data would be (see `spread`).
    told : tuple of bool
        For each reference, real ones first, whether the midpoint threshold of all others tells its origin.
    accused : tuple of bool
        For each real reference, whether the others take it for synthetic.
    detected : tuple of bool
        For each synthetic reference, whether the others take it for synthetic.
    settled : int or str
        After how many queries, in blocks of 25, the verdict stayed what it is (`queries_needed`); all where it never did.
    """

    p_real: float
    p_synthetic: float
    origin: Origin
    stability: float | str
    subject: float
    real: tuple[float, ...]
    synthetic: tuple[float, ...]
    told: tuple[bool, ...]
    accused: tuple[bool, ...]
    detected: tuple[bool, ...]
    towards: int
    alpha: float
    settled: int | str = NOT_RESAMPLED

    @property
    def n(self) -> int:
        """References on the smaller side."""
        return min(len(self.real), len(self.synthetic))

    @property
    def evidence(self) -> float:
        """From 0 (real) to 1 (synthetic), 1/2 where both origins are as surprising."""
        return self.p_synthetic / (self.p_real + self.p_synthetic)


def audit(
    subject: ArrayLike, real: ArrayLike, synthetic: ArrayLike, *, towards: int, alpha: float, rng: np.random.Generator,
    overlap: tuple[float, float] = (0.0, 0.0), resamples: int = _RESAMPLES,
) -> Audit:  # fmt: skip
    """Rank an artefact among references of both origins.

    p_real = (1 + #{real references at least as synthetic as the subject}) / (nR + 1), p_synthetic likewise with the synthetic
    references at least as real. Ties count against the accusation. Both are valid whatever the scores look like, as long as
    the subject was made like the references of its side, from data that are neither more nor less alike.

    Parameters
    ----------
    subject : array of float, shape (Q,), or a number
        Score of the subject on each query.
    real, synthetic : arrays of float, shapes (nR, Q) and (nS, Q), or (nR,) and (nS,)
    towards : int
        +1 where more synthetic artefacts score higher, -1 where they score lower.
    alpha : float in (0, 1)
        Largest probability of rejecting the true origin.
    overlap : pair of float in [0, 1)
        The share of its training data that a reference has in common with another one, for each side. The subject shares
        nothing with them, so it may lie farther out than they do from each other: see `spread`.
    resamples : int
        Of the queries, the same for all artefacts. There are none where each artefact has one score.

    Raises
    ------
    ValueError
        If shapes do not belong together, a side is empty or a number is not finite.

    Examples
    --------
    >>> real = [.80, .82, .85, .79, .84, .81, .83, .78, .86, .80, .82, .84, .79, .81, .83, .85, .80, .82, .77]
    >>> synthetic = [.90, .88, .93, .95, .91, .89, .92, .94, .90, .87]
    >>> found = audit(.905, real, synthetic, towards=1, alpha=0.05, rng=np.random.default_rng(0))
    >>> round(found.p_real, 6), round(found.p_synthetic, 6), found.origin
    (0.05, 0.545455, 'synthetic')
    """
    own, left, right = shaped(subject, real, synthetic, towards, alpha)
    left, right = (spread(side, share) for side, share in zip((left, right), overlap, strict=True))
    everyone = np.concatenate([own[None], left, right])
    scores = everyone.mean(axis=1)
    ranked = [part[0] for part in ranks(scores[None], len(left), towards)]
    origin = origin_of(*ranked, alpha)
    told, accused, detected = left_out(scores[1 : 1 + len(left)], scores[1 + len(left) :], towards, alpha)
    return Audit(
        p_real=float(ranked[0]),
        p_synthetic=float(ranked[1]),
        origin=str(origin),
        stability=_stability(everyone, len(left), towards, alpha, origin, rng, resamples),
        subject=float(scores[0]),
        real=tuple(scores[1 : 1 + len(left)].tolist()),
        synthetic=tuple(scores[1 + len(left) :].tolist()),
        told=told,
        accused=accused,
        detected=detected,
        towards=towards,
        alpha=alpha,
        settled=NOT_RESAMPLED if len(own) == 1 else queries_needed(own, left, right, towards=towards, alpha=alpha),
    )


def _stability(
    everyone: np.ndarray, n_real: int, towards: int, alpha: float, origin: np.ndarray, rng: np.random.Generator, resamples: int
) -> float | str:
    queries = everyone.shape[1]
    if queries == 1 or resamples < 1:
        return NOT_RESAMPLED
    same = 0
    for start in range(0, resamples, _BLOCK):
        weights = rng.multinomial(queries, np.full(queries, 1 / queries), size=min(_BLOCK, resamples - start)) / queries
        same += int((origin_of(*ranks(weights @ everyone.T, n_real, towards), alpha) == origin).sum())
    return same / resamples


def measured(
    trust: tm.Trust, audit: Audit, *, declared: str, others: Mapping[str, Audit] | None = None
) -> list[tm.Measurement]:
    """The measurements of an audit; the first is the headline ``evidence_against_declaration``.

    The accuracy is that of the auditor on its own references, which share a pool of texts: for models with other texts it may
    be lower. The p-values of the headline allow for that (`spread`).

    Parameters
    ----------
    declared : str
        ``real`` or ``synthetic``: what the release says.
    others : mapping of str to Audit, optional
        Audits by other scores that were named beforehand. One that points the other way leaves the verdict open.
    """
    accuracy = trust.proportion(_even(audit), name="auditor_accuracy", higher_is_safer=True)
    detection = trust.proportion(audit.detected, name="detection_rate", higher_is_safer=True)
    accusation = trust.proportion(audit.accused, name="accusation_rate", higher_is_safer=False)
    _controls(trust, audit, accuracy, accusation)
    headline = _headline(audit, declared, open_because(audit, accuracy, detection, others or {}))
    return [headline, accuracy, detection, accusation]


def undecided(why: str) -> list[tm.Measurement]:
    """The headline without a value."""
    return [
        tm.Measurement(
            name="evidence_against_declaration", value=None, undefined=why, n=0, unit="probability", higher_is_safer=False
        )
    ]


def _controls(trust: tm.Trust, audit: Audit, accuracy: tm.Measurement, accusation: tm.Measurement) -> None:
    """With few references neither can be known; they are then too few for a verdict as well."""
    if audit.n < ENOUGH:
        return
    low = accuracy.interval.low
    trust.control(
        "the auditor tells its own references apart",
        low > 0.5,
        f"left out one by one, {accuracy.value:.0%} of {accuracy.n} references are told rightly, surely more than {low:.0%}"
        + ("" if low > 0.5 else ": no better than guessing, so nothing follows for other models"),
    )
    trust.control(
        "real references are not accused",
        accusation.interval.low <= audit.alpha,
        f"{accusation.details['events']} of {accusation.n} real references are taken for synthetic by the others",
    )


def open_because(audit: Audit, accuracy: tm.Measurement, detection: tm.Measurement, others: Mapping[str, Audit]) -> str:
    """Why nothing is decided although the ranks may say something; empty if they count."""
    if 1 / (audit.n + 1) > audit.alpha * (1 + 1e-9):
        needed = int(np.ceil(1 / audit.alpha * (1 - 1e-9))) - 1
        return f"{audit.n} references on the smaller side cannot reject anything at {audit.alpha:g}; {needed} can"
    if audit.origin == "inconclusive":
        return "the score lies among the references of both sides"
    if isinstance(audit.stability, float) and audit.stability < STABLE:
        return f"only {audit.stability:.0%} of resamples of the queries agree; give more queries"
    if audit.origin == "real" and detection.value < POWER:
        return f"the audit detects {detection.value:.0%} of its own synthetic references, which is too little power to clear"
    for name, other in others.items():
        works = _works(other)
        against = {"synthetic": other.p_synthetic < other.p_real, "real": other.p_real < other.p_synthetic}
        if works and against.get(audit.origin, False):
            return f"{name} points the other way (p = {other.p_real:.3g} if real, {other.p_synthetic:.3g} if synthetic)"
    return ""


def _works(audit: Audit) -> bool:
    """Whether a score tells references apart better than guessing: more right than 97.5 % of fair coins."""
    from scipy.stats import binom

    right = _even(audit)
    return bool(binom.sf(sum(right) - 1, len(right), 0.5) <= 0.025)


def _even(audit: Audit) -> tuple[bool, ...]:
    """As many of both sides, so that calling everything by the name of the larger one gains nothing."""
    return audit.told[: audit.n] + audit.told[len(audit.real) : len(audit.real) + audit.n]


def _headline(audit: Audit, declared: str, why_open: str) -> tm.Measurement:
    own, other = audit.p_real, audit.p_synthetic
    value = audit.evidence
    if declared == "synthetic":
        own, other, value = other, own, 1 - value
    low, high = 0.0, 1.0
    if not why_open and audit.origin in ("real", "synthetic"):
        low, high = (0.0, other) if audit.origin == declared else (1 - own, 1.0)
    invalid = None
    if audit.origin == "neither" and not why_open:
        invalid = (
            f"the model looks like neither: p = {audit.p_real:.3g} if made of real data, {audit.p_synthetic:.3g} if of "
            "synthetic. Its architecture, amount of training or labels may differ from the references'"
        )
    return tm.Measurement(
        name="evidence_against_declaration",
        value=min(max(value, low), high),
        interval=tm.Interval(low=low, high=high, level=1 - audit.alpha, method="conformal"),
        n=audit.n,
        unit="probability",
        higher_is_safer=False,
        invalid=invalid,
        details={
            "declared": declared,
            "p_real": audit.p_real,
            "p_synthetic": audit.p_synthetic,
            "finding": _finding(audit, why_open),
            "stability": audit.stability,
            "log_likelihood_ratio": log_likelihood_ratio(audit.subject, audit.real, audit.synthetic),
            "real_references": len(audit.real),
            "synthetic_references": len(audit.synthetic),
            "queries_needed": audit.settled,
            "open_because": why_open or "none",
            **_weak(audit),
        },
    )


def _weak(audit: Audit) -> dict[str, str]:
    """With too few references for ranks: what normal scores would say. It decides nothing."""
    if audit.n >= ENOUGH:
        return {}
    found = weak_evidence(audit.subject, audit.real, audit.synthetic, audit.towards)
    return {"weak_evidence": found if isinstance(found, str) else found.words}


def _finding(audit: Audit, why_open: str) -> str:
    if why_open:
        return f"open: {why_open}"
    if audit.origin == "neither":
        return "looks like neither kind of reference"
    p = audit.p_real if audit.origin == "synthetic" else audit.p_synthetic
    return f"consistent with {audit.origin} training data (p = {p:.3g} for the other origin)"
