"""Ranks keep their level, also when references share a pool; what is measured of an audit says what it rests on."""

from __future__ import annotations

import itertools

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts.ranks import origin_of, ranks, spread
from builtin_checks.synthetic_artifacts.score import METRICS, looks_synthetic, midpoint_threshold, query_scores
from builtin_checks.synthetic_artifacts.share import synthetic_share
from builtin_checks.synthetic_artifacts.verdict import NOT_RESAMPLED, audit, measured
from pytest_trustml.reports.evidence import EvidenceStore
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.progress import Progress
from tests.families.synthetic_artifacts import gaussian_toy as toy

REAL = [0.80, 0.82, 0.85, 0.79, 0.84, 0.81, 0.83, 0.78, 0.86, 0.80, 0.82, 0.84, 0.79, 0.81, 0.83, 0.85, 0.80, 0.82, 0.77]
FEW = [0.90, 0.88, 0.93, 0.95, 0.91, 0.89, 0.92, 0.94, 0.90, 0.87]
MANY = [*FEW, *(value + 0.003 for value in FEW)]


def rng():
    return np.random.default_rng(0)


def look(score, real=REAL, synthetic=MANY, towards=1, alpha=0.05, **how):
    return audit(score, real, synthetic, towards=towards, alpha=alpha, rng=rng(), **how)


@pytest.fixture
def trust(tmp_path):
    return tm.Trust(
        name="t", seed=0, level=0.95, cache=Cache(tmp_path / "c"), store=EvidenceStore(tmp_path / "r"), progress=Progress()
    )


@pytest.mark.parametrize(
    ("score", "p_real", "p_synthetic"), [(0.905, 0.05, 0.545455), (0.84, 0.30, 0.090909), (0.70, 1.0, 0.090909)]
)
def test_v6(score, p_real, p_synthetic):
    found = look(score, synthetic=FEW)
    assert found.p_real == pytest.approx(p_real) and found.p_synthetic == pytest.approx(p_synthetic, abs=1e-6)
    turned = look(-score, [-v for v in REAL], [-v for v in FEW], towards=-1)
    assert (turned.p_real, turned.p_synthetic, turned.origin) == (found.p_real, found.p_synthetic, found.origin)
    assert mannwhitneyu(FEW, REAL).statistic == 190


@pytest.mark.parametrize(("score", "origin"), [(0.905, "synthetic"), (0.80, "real"), (0.865, "neither"), (0.99, "synthetic")])
def test_the_four_verdicts(score, origin):
    assert look(score).origin == origin
    assert look(0.85, synthetic=[0.84, *MANY]).origin == "inconclusive"


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.integers(1, 20), st.integers(1, 20))
def test_p_values_are_ranks(seed, n, m):
    draw = np.random.default_rng(seed)
    real, synthetic = draw.normal(size=n), draw.normal(size=m) + 1
    scores = np.sort(np.concatenate([real, draw.normal(size=5)]))
    found = [audit(s, draw.permutation(real), synthetic, towards=1, alpha=0.05, rng=draw) for s in scores]
    for one in found:
        for p, size in ((one.p_real, n), (one.p_synthetic, m)):
            assert p * (size + 1) == pytest.approx(round(p * (size + 1))) and 1 / (size + 1) <= p <= 1
    assert all(a.p_real >= b.p_real and a.p_synthetic <= b.p_synthetic for a, b in itertools.pairwise(found))


def test_ties_count_against_the_accusation_however_sums_are_rounded():
    table = np.random.default_rng(3).random((20, 137))
    copy = table[4, ::-1][::-1].copy()
    found = audit(copy, table, table + 5, towards=1, alpha=0.05, rng=rng())
    ahead = (table.mean(1) > copy.mean() + 1e-9).sum()
    assert found.p_real == pytest.approx((2 + ahead) / 21)


def test_exchangeable_draws_keep_the_level():
    draw = np.random.default_rng(1)
    for n in (19, 39):
        p_real, p_synthetic = ranks(draw.normal(size=(2000, 2 * n + 1)), n, 1)
        for level in (0.05, 0.1, 0.3):
            slack = 3 * np.sqrt(level * (1 - level) / 2000)
            assert (p_real <= level + 1e-12).mean() <= level + slack and (p_synthetic <= level + 1e-12).mean() <= level + slack


def test_a_bare_threshold_accuses_half_of_the_innocent_and_ranks_do_not():
    draw = np.random.default_rng(2)
    trained, accused = [], []
    for _ in range(400):
        real, synthetic, target = draw.normal(size=10), draw.normal(size=10), draw.normal(size=20)
        tau = midpoint_threshold(real, synthetic, 1)
        trained.append(((~looks_synthetic(real, tau, 1)).mean() + looks_synthetic(synthetic, tau, 1).mean()) / 2)
        accused.append(looks_synthetic(target, tau, 1).mean())
    assert np.mean(trained) > 0.57 and abs(np.mean(accused) - 0.5) < 0.06


def _null(overlap, repetitions, widened):
    """How often a real model with data of its own is called synthetic, real or neither by real references of both sides."""
    draw = np.random.default_rng([7, int(100 * overlap)])
    pool, n, found = round(toy.TEXTS / overlap), 20, []
    for _ in range(repetitions):
        rows = [draw.choice(pool, toy.TEXTS, replace=False) for _ in range(2 * n)]
        sides = [toy.sample(draw, (pool,), False) for _ in range(2)]
        points = np.stack([sides[place >= n][0][own] for place, own in enumerate(rows)])
        gold = np.stack([sides[place >= n][1][own] for place, own in enumerate(rows)])
        others = toy.sample(draw, (10, toy.TEXTS), False)
        weights = toy.fit(np.concatenate([points, others[0]]), np.concatenate([gold, others[1]]), steps=100, rate=1.0)
        asked, truth = toy.sample(draw, (toy.QUERIES,), True)
        scores = query_scores(toy.posteriors(weights, asked), truth, "confidence").mean(1)[:, None]
        real, synthetic = (spread(part, overlap if widened else 0.0) for part in (scores[:n], scores[n : 2 * n]))
        table = np.concatenate([scores[2 * n :], np.tile(np.concatenate([real, synthetic]).T, (10, 1))], axis=1)
        found.append(np.stack([p <= 0.05 for p in ranks(table, n, 1)]).mean(axis=1))
    found = np.array(found)
    return found.mean(axis=0), found.std(axis=0) / np.sqrt(repetitions)


@pytest.mark.slow
@pytest.mark.parametrize("overlap", [0.5, 0.1])
def test_the_null_audit_keeps_its_level_where_references_share_a_pool(overlap):
    """Real against real with a subject that shares no text with them."""
    rates, errors = _null(overlap, 150, widened=True)
    assert (rates <= 0.05 + 2 * errors).all(), rates
    assert (rates >= 0.015).all(), "the widening is not absurdly cautious"


@pytest.mark.slow
def test_without_widening_it_would_not():
    rates, errors = _null(0.5, 60, widened=False)
    assert (rates > 0.05 + 3 * errors).all(), rates


def test_spread_leaves_means_and_single_references_alone():
    table = np.random.default_rng(0).normal(size=(7, 5))
    np.testing.assert_allclose(spread(table, 0.5).mean(0), table.mean(0))
    np.testing.assert_allclose(spread(table, 0.5).std(0), table.std(0) * np.sqrt(3))
    with pytest.raises(ValueError, match="below 1"):
        spread(table, 1.0)


def test_references_on_disjoint_texts_are_not_widened_and_pools_are_by_the_right_factor():
    draw = np.random.default_rng(4)
    pools = draw.normal(size=(4000, 200))
    own = np.stack([pools[:, draw.choice(200, 100, replace=False)].mean(1) for _ in range(6)])
    outside = draw.normal(size=(4000, 100)).mean(1)
    inner, outer = own.var(axis=0, ddof=1).mean(), ((outside - own.mean(0)) ** 2).mean() / (1 + 0.5 / 1.5 / 6 * (1 - 0.5) * 2)
    assert outer / inner == pytest.approx((1 + 0.5) / (1 - 0.5), rel=0.1)


def test_few_queries_are_unstable_and_one_score_is_not_resampled():
    draw = np.random.default_rng(5)
    real, synthetic = draw.normal(size=(20, 30)), draw.normal(size=(20, 30)) + 1
    subject = synthetic.mean(0) - 0.2 + draw.normal(size=30)
    assert 0 <= audit(subject, real, synthetic, towards=1, alpha=0.05, rng=rng()).stability < 0.95
    clear = audit(synthetic.mean(0), real, synthetic + 0.0, towards=1, alpha=0.05, rng=rng())
    assert clear.origin == "synthetic"
    assert look(0.9).stability == NOT_RESAMPLED
    assert audit(subject, real, synthetic, towards=1, alpha=0.05, rng=rng()) == audit(
        subject, real, synthetic, towards=1, alpha=0.05, rng=rng()
    )


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((np.zeros(3), np.zeros((2, 4)), np.zeros((2, 3))), "shapes"), ((0.5, [], [0.5]), "0 real"),
        ((np.nan, [0.1], [0.2]), "not finite"), ((np.zeros(2), [0.1], [0.2]), "shapes"),
    ],
)  # fmt: skip
def test_what_cannot_be_ranked_is_told(arguments, match):
    with pytest.raises(ValueError, match=match):
        audit(*arguments, towards=1, alpha=0.05, rng=rng())


def outcome(trust, found, declared="real", **others):
    headline = measured(trust, found, declared=declared, others=others)[0]
    return trust.judge(headline, tm.AtMost(0.05), 19), headline


@pytest.mark.parametrize(
    ("score", "declared", "wanted"),
    [
        (0.905, "real", "FAIL"), (0.80, "real", "PASS"), (0.905, "synthetic", "PASS"), (0.80, "synthetic", "FAIL"),
        (0.865, "real", "INVALID"), (0.865, "synthetic", "INVALID"),
    ],
)  # fmt: skip
def test_declarations(trust, score, declared, wanted):
    verdict, headline = outcome(trust, look(score), declared)
    assert verdict.outcome == wanted, verdict.why
    assert headline.interval.low <= headline.value <= headline.interval.high
    assert "proves" not in headline.details["finding"]
    if wanted != "INVALID":
        assert headline.details["finding"].startswith("consistent with ")


def test_five_references_decide_nothing(trust):
    for score in (0.905, 0.8, 0.865):
        verdict, headline = outcome(trust, look(score, REAL[:5], MANY[:5]))
        assert verdict.outcome == "INCONCLUSIVE" and (headline.interval.low, headline.interval.high) == (0, 1)
        assert "5 references" in headline.details["finding"]


def test_a_stricter_level_needs_more_references(tmp_path):
    strict = tm.Trust(
        name="t", seed=0, level=0.99, cache=Cache(tmp_path / "c"), store=EvidenceStore(tmp_path / "r"), progress=Progress()
    )
    verdict, headline = outcome(strict, look(0.905, alpha=0.01))
    assert verdict.outcome == "INCONCLUSIVE" and "; 99 can" in headline.details["finding"]


def test_another_score_that_points_the_other_way_leaves_it_open(trust):
    against = look(0.80)
    assert outcome(trust, look(0.905), accuracy=against)[0].outcome == "INCONCLUSIVE"
    assert outcome(trust, look(0.905), accuracy=look(0.91))[0].outcome == "FAIL"
    blind = audit(0.5, np.linspace(0, 1, 20), np.linspace(0, 1, 20) - 1e-3, towards=1, alpha=0.05, rng=rng())
    assert outcome(trust, look(0.905), accuracy=blind)[0].outcome == "FAIL", "a score that tells nothing has no say"


def test_unstable_audits_are_open(trust):
    shaky = msgspec.structs.replace(look(0.905), stability=0.94)
    verdict, headline = outcome(trust, shaky)
    assert verdict.outcome == "INCONCLUSIVE" and "94 %" in headline.details["finding"].replace("94%", "94 %")


def test_an_auditor_that_cannot_tell_its_references_is_broken(trust):
    values = np.random.default_rng(0).normal(size=40)
    for score in (-9.0, 0.0, 9.0):
        assert outcome(trust, look(score, values[:20], values[20:]))[0].outcome == "INVALID"
    assert {c.name for c in trust.controls if not c.ok} == {"the auditor tells its own references apart"}


def test_too_little_power_clears_nothing(trust):
    draw = np.random.default_rng(8)
    real, synthetic = draw.normal(size=40), draw.normal(size=40) + 1.6
    found = look(-3.0, real, synthetic)
    verdict, headline = outcome(trust, found)
    assert found.origin == "real" and verdict.outcome == "INCONCLUSIVE" and "too little power" in headline.details["finding"]


def test_rates_are_those_of_references_left_out(trust):
    found = look(0.905)
    accuracy, detection, accusation = measured(trust, found, declared="real")[1:]
    assert (accuracy.value, detection.value, accusation.value) == (37 / 38, 0.95, 0.0), (
        "without 0.86 the middle of the gap is 0.86"
    )
    assert accuracy.n == 38, "as many of both sides"
    assert (detection.n, accusation.n) == (20, 19)


def test_the_larger_side_alone_makes_no_accuracy(trust):
    draw = np.random.default_rng(0)
    found = audit(0.0, draw.normal(size=20), draw.normal(size=200), towards=1, alpha=0.05, rng=rng())
    assert measured(trust, found, declared="real")[1].interval.low < 0.5


def test_synthetic_share(trust):
    draw = np.random.default_rng(0)
    shares = np.repeat(np.arange(11) / 10, [10, *[2] * 10])
    covered = []
    for truth in (0.0, 0.3, 0.6, 1.0) * 2:
        level = 0.7 + 0.2 * np.sqrt(np.append(truth, shares))
        table = level[:, None] + draw.normal(size=(31, 1)) * 0.01 + draw.normal(size=(1, 80)) * 0.05
        (found,) = synthetic_share(trust, table[0], table[1:], shares, towards=1, rng=draw)
        (turned,) = synthetic_share(trust, -table[0], -table[1:], shares, towards=-1, rng=draw)
        assert found.value == pytest.approx(turned.value) and abs(found.value - truth) < 0.35
        covered.append(found.interval.low <= truth <= found.interval.high)
    assert sum(covered) >= 7
    assert synthetic_share(trust, table[0], table[1:], (shares > 0) * 1.0, towards=1, rng=draw) == []


@pytest.mark.slow
def test_section_15():
    """The published toy: accuracy of the authors' audit by share and score, and what both rules do without any effect."""
    from builtin_checks.synthetic_artifacts.score import first_best_threshold

    accuracy, confidence = {}, {}
    for share in (1.0, 0.5, 0.2, 0.1, 0.0):
        rights, levels = [], []
        for seed in range(100, 105):
            draw = np.random.default_rng(seed)
            parts = [toy.mixed(draw, (n, toy.TEXTS), own) for n, own in ((10, 0.0), (10, share), (50, 0.0), (50, share))]
            weights = toy.fit(*(np.concatenate([part[side] for part in parts]) for side in (0, 1)))
            asked, gold = toy.sample(draw, (toy.QUERIES,), True)
            table = toy.posteriors(weights, asked)
            right = []
            for metric in ("accuracy", "confidence", "entropy", "modified_entropy"):
                scores = query_scores(table, gold, metric).mean(1)
                tau = first_best_threshold(scores[:10], scores[10:20], 1)
                called = looks_synthetic(scores[20:], tau, 1)
                right.append(((~called[:50]).mean() + called[50:].mean()) / 2)
            rights.append(right)
            sure = query_scores(table, gold, "confidence").mean(1)
            levels.append([sure[:10].mean(), sure[10:20].mean()])
        accuracy[share], confidence[share] = np.mean(rights, axis=0), np.mean(levels, axis=0)
    for share, wanted in ((1.0, 0.901), (0.5, 0.830), (0.2, 0.765), (0.1, 0.735)):
        np.testing.assert_allclose(confidence[share], [0.708, wanted], atol=0.025)
    table = {1.0: (0.940, 0.962, 0.954, 0.950), 0.5: (0.940, 0.946, 0.952, 0.942), 0.2: (0.864, 0.890, 0.808, 0.878),
             0.1: (0.744, 0.752, 0.634, 0.728)}  # fmt: skip
    for share, wanted in table.items():
        np.testing.assert_allclose(accuracy[share], wanted, atol=0.08)
    own = [accuracy[share][1] for share in (1.0, 0.5, 0.2, 0.1)]
    assert all(more >= less - 0.05 for more, less in itertools.pairwise(own)), "0.05 is the noise of five repetitions"
    assert own[0] >= 0.85 and own[0] > own[2] > own[3] >= 0.6
    sure = [confidence[share][1] for share in (1.0, 0.5, 0.2, 0.1, 0.0)]
    assert sure == sorted(sure, reverse=True)
    assert ((accuracy[0.0] >= 0.4) & (accuracy[0.0] <= 0.6)).all()
    assert accuracy[0.1][2] == min(accuracy[0.1]), "entropy fails first: it does not know which answer is right"


def test_all_metrics_are_known_to_the_toy():
    weights = toy.fit(*toy.mixed(np.random.default_rng(0), (2, 50), 0.5), steps=5)
    asked, gold = toy.sample(np.random.default_rng(1), (30,), True)
    assert {metric: query_scores(toy.posteriors(weights, asked), gold, metric).shape for metric in METRICS} == dict.fromkeys(
        METRICS, (2, 30)
    )
    assert origin_of(0.5, 0.5, 0.05) == "inconclusive"
