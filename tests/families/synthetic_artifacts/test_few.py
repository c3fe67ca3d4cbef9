"""Few references and few queries: what is said with less, always marked, and never a verdict."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from builtin_checks.synthetic_artifacts.few import Weak, weak_evidence
from builtin_checks.synthetic_artifacts.score import log_likelihood_ratio
from builtin_checks.synthetic_artifacts.stopping import BLOCK, queries_needed
from builtin_checks.synthetic_artifacts.verdict import audit
from tests.families.synthetic_artifacts.scripted_generators import Writer
from tests.families.synthetic_artifacts.test_generator import run, value

REAL = [.80, .82, .85, .79, .84, .81, .83, .78, .86, .80, .82, .84, .79, .81, .83, .85, .80, .82, .77]  # fmt: skip
SYNTHETIC = [0.90, 0.88, 0.93, 0.95, 0.91, 0.89, 0.92, 0.94, 0.90, 0.87]


def test_tails_are_those_of_a_prediction():
    found = weak_evidence(0.9, REAL, SYNTHETIC, 1)
    location, scale = np.mean(REAL), np.std(REAL, ddof=1) * np.sqrt(1 + 1 / 19)
    assert found.p_real == pytest.approx(t.sf(0.9, 18, loc=location, scale=scale))
    low = weak_evidence(0.9, REAL, SYNTHETIC, -1)
    assert low.p_real == pytest.approx(1 - found.p_real)
    other = np.mean(SYNTHETIC), np.std(SYNTHETIC, ddof=1) * np.sqrt(1.1)
    ratio = t.logpdf(0.9, 9, *other) - t.logpdf(0.9, 18, location, scale)
    assert found.log_likelihood_ratio == pytest.approx(ratio)
    assert 0 < ratio < log_likelihood_ratio(0.9, REAL, SYNTHETIC), "heavier tails say less"
    assert (
        found.words.startswith("weak: synthetic is likelier") and "weak: real" in weak_evidence(0.8, REAL, SYNTHETIC, 1).words
    )


def test_what_is_undefined_says_so():
    assert weak_evidence(0.9, [0.8], SYNTHETIC, 1) == "undefined: a side has fewer than two references"
    assert weak_evidence(0.9, [0.8, 0.8], SYNTHETIC, 1) == "undefined: the references of a side do not vary"


def test_normal_scores_are_accused_as_often_as_is_said():
    """2000 draws of eight references and one artefact like them: p-values at most a in a share a, within three errors."""
    rng = np.random.default_rng(0)
    found = np.array([
        weak_evidence(draw[0], draw[1:9], draw[9:] + 2, 1).p_real for draw in rng.normal(size=(2000, 17))
    ])  # fmt: skip
    for level in (0.05, 0.2, 0.5):
        assert abs((found <= level).mean() - level) < 3 * np.sqrt(level * (1 - level) / 2000)


def test_few_references_are_marked_and_decide_nothing(tmp_path):
    record, _ = run(Writer("machine"), tmp_path, references=10)
    details = value(record).details
    assert record.outcome == "INCONCLUSIVE" and details["weak_evidence"].startswith("weak: synthetic is likelier")
    assert "weak_evidence" not in value(run(Writer("machine"), tmp_path)[0]).details
    assert isinstance(weak_evidence(0.5, REAL, SYNTHETIC, 1), Weak)


def scores(rng, count, mean, queries=200):
    """Models that differ, asked the same queries."""
    level = mean + 0.05 * rng.normal(size=(count, 1))
    return np.clip(level + 0.2 * rng.normal(size=(count, queries)), 0, 1)


def test_a_clear_verdict_settles_early_and_an_unclear_one_never():
    rng = np.random.default_rng(1)
    real, synthetic = scores(rng, 250, 0.3), scores(rng, 250, 0.8)
    how = {"towards": 1, "alpha": 0.05}
    assert queries_needed(scores(rng, 1, 0.95)[0], real, synthetic, **how) == 3 * BLOCK
    assert queries_needed(scores(rng, 1, 0.1)[0], real, synthetic, **how) == 3 * BLOCK
    assert queries_needed(scores(rng, 1, 0.55)[0], real[:19], synthetic[:19], **how) == 200, "19 references cannot reach 0.5 %"
    assert queries_needed(scores(rng, 1, 0.3, 60)[0], real[:, :60], synthetic[:, :60], **how) == 60, "three blocks at least"
    found = audit(scores(rng, 1, 0.95)[0], real, synthetic, rng=rng, resamples=50, **how)
    assert found.settled == 3 * BLOCK and audit(0.9, REAL, SYNTHETIC, rng=rng, **how).settled.startswith("not resampled")


def test_looking_often_does_not_accuse_oftener():
    """Artefacts like the real references: settled as synthetic at some look in no more than 5 % of 300 draws."""
    rng = np.random.default_rng(2)
    accused = 0
    for _ in range(300):
        real, synthetic = scores(rng, 219, 0.4, 125), scores(rng, 219, 0.6, 125)
        own, left = real[0], real[1:]
        needed = queries_needed(own, left, synthetic, towards=1, alpha=0.05)
        if needed < 125:
            others = left[:, :needed].mean(axis=1)
            accused += (1 + (others >= own[:needed].mean()).sum()) / (1 + len(others)) <= 0.005
    assert accused <= 0.05 * 300 + 3 * np.sqrt(300 * 0.05 * 0.95)
