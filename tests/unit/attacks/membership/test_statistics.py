"""Operating points and their coverage, lower bounds of epsilon, the audit of one run, and the blind baseline."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import pytest_trustml as tm
from pytest_trustml.statistics import auc, roc, tpr_at_fpr
from pytest_trustml.statistics.intervals import clopper_pearson_ends

MEMBERS, OTHERS = (0.9, 0.8, 0.7, 0.7, 0.4), (0.85, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0)
SCORES, INSIDE = np.array(MEMBERS + OTHERS), np.arange(13) < 5


def test_the_worked_example_of_a_curve():
    assert auc(SCORES, INSIDE, name="auc", higher_is_safer=False).value == pytest.approx(0.825)
    for fpr, tpr in ((0.125, 0.4), (0.25, 0.8), (0.2499, 0.4)):
        assert tm.members_caught(SCORES, INSIDE, fpr, name="tpr").value == pytest.approx(tpr)
        assert tpr_at_fpr(SCORES, INSIDE, fpr, name="tpr", higher_is_safer=False).value == pytest.approx(tpr)
    curve = roc(SCORES, INSIDE)
    assert curve.tpr[curve.fpr == 0].max() == pytest.approx(0.2)
    assert ((curve.tpr + 1 - curve.fpr) / 2).max() == pytest.approx(0.8125)
    assert (curve.tpr - curve.fpr).max() == pytest.approx(0.625)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (0, 1000, 0, 0.003682), (1, 1000, 0.000025, 0.005559), (3, 1000, 0.000619, 0.008742),
        (10, 10000, 0.000480, 0.001838), (84, 1000, 0.067553, 0.102943), (50, 50, 0.928878, 1),
    ],
)  # fmt: skip
def test_exact_intervals(k, n, low, high):
    assert clopper_pearson_ends(k, n, 0.95) == pytest.approx((low, high), abs=1e-6)
    if k == 0:
        assert clopper_pearson_ends(k, n, 0.90)[1] == pytest.approx(0.002991, abs=1e-6)


def test_a_rate_that_the_others_cannot_resolve_is_undefined():
    found = tm.members_caught(np.arange(600.0), np.arange(600) < 501, 0.01, name="tpr")
    assert found.value is None
    assert "needs at least 100 negatives, found 99" in found.undefined


def true_rate(shift, fpr):
    from scipy.stats import norm

    return float(norm.sf(norm.isf(fpr) - shift))


@pytest.mark.parametrize(("fpr", "n"), [(0.01, 300), (0.01, 1000), (0.05, 200)])
@pytest.mark.parametrize("shift", [0.0, 1.0, 3.0])
def test_the_interval_covers_the_share_at_the_true_threshold(fpr, n, shift):
    """400 simulations each; an interval that only counts the members covers about 80 % of them in the middle of the range."""
    rng = np.random.default_rng(int(1000 * fpr) + n + int(10 * shift))
    truth, inside, covered = true_rate(shift, fpr), np.arange(400 + n) < 400, 0
    for _ in range(400):
        scores = rng.normal(size=400 + n) + shift * inside
        found = tm.members_caught(scores, inside, fpr, name="tpr").interval
        covered += found.low <= truth <= found.high
    assert covered >= 0.95 * 400 - 3 * math.sqrt(400 * 0.95 * 0.05) + 1


def test_members_alone_do_not_tell_how_sure_the_share_is():
    """What the interval is for: at the same data Clopper and Pearson's at the estimated threshold misses far too often."""
    rng, truth, covered, inside = np.random.default_rng(0), true_rate(1.0, 0.01), 0, np.arange(2300) < 2000
    for _ in range(200):
        found = tpr_at_fpr(rng.normal(size=2300) + inside, inside, 0.01, name="tpr", higher_is_safer=False)
        covered += found.interval.low <= truth <= found.interval.high
    assert covered < 0.75 * 200


def test_tied_scores_are_covered_too():
    rng, inside, covered = np.random.default_rng(5), np.arange(900) < 400, 0
    levels = np.array([0.2, 0.3, 0.46, 0.037, 0.003])  # of the others: only the score 4 is rare enough
    for _ in range(300):
        scores = np.where(inside, rng.integers(0, 5, 900), rng.choice(5, 900, p=levels))
        found = tm.members_caught(scores, inside, 0.01, name="tpr").interval
        covered += found.low <= 0.2 <= found.high
    assert covered >= 0.93 * 300


def test_a_score_with_two_values_finds_nobody_at_a_low_rate():
    inside = np.arange(700) < 300
    found = tm.members_caught(np.where(inside, 1.0, np.arange(700) % 2), inside, 0.01, name="tpr")
    assert (found.value, found.interval.low) == (0.0, 0.0)
    assert found.interval.high < 0.02


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.sampled_from([0.02, 0.05, 0.1, 0.3]))
def test_what_cannot_change_a_share_does_not(seed, fpr):
    rng = np.random.default_rng(seed)
    inside = np.arange(150) < 50
    scores = np.round(rng.normal(size=150) + inside, 1)
    found = tm.members_caught(scores, inside, fpr, name="tpr")
    assert found.interval.low <= found.value <= found.interval.high
    mapped = tm.members_caught(np.exp(scores / 3) + 7, inside, fpr, name="tpr")
    assert (mapped.value, mapped.interval) == (found.value, found.interval)
    order = rng.permutation(150)
    assert tm.members_caught(scores[order], inside[order], fpr, name="tpr").interval == found.interval
    assert tm.members_caught(scores, inside, min(1.0, 1.5 * fpr), name="tpr").value >= found.value
    wider = tm.members_caught(scores, inside, fpr, name="tpr", level=0.99).interval
    assert wider.low <= found.interval.low
    assert wider.high >= found.interval.high
    one = auc(scores, inside, name="auc", higher_is_safer=False).value
    assert auc(scores, ~inside, name="auc", higher_is_safer=False).value == pytest.approx(1 - one)
    assert auc(np.zeros(150), inside, name="auc", higher_is_safer=False).value == 0.5


def test_without_a_leak_the_gate_hardly_ever_fails_and_a_leak_nearly_always_does():
    """200 seeds each: FAIL iff the low end is above what a guess reaches."""
    failed = {0.0: 0, 2.0: 0}
    inside = np.arange(1200) < 600
    for seed in range(200):
        rng = np.random.default_rng(seed)
        noise = rng.normal(size=1200)
        for shift in failed:
            found = tm.members_caught(noise + shift * inside, inside, 0.01, name="tpr")
            failed[shift] += tm.decide(found, tm.AtMost(0.01)).outcome is tm.Outcome.FAIL
    assert failed[0.0] <= 10
    assert failed[2.0] >= 190


def test_epsilon_from_one_attack():
    assert tm.epsilon_bound(84, 1000, 1, 1000, delta=1e-5) == pytest.approx(2.497356, abs=1e-6)
    assert tm.epsilon_bound(840, 1000, 10, 1000, delta=1e-5) == pytest.approx(3.796512, abs=1e-6)
    assert tm.epsilon_bound(5, 1000, 5, 1000, delta=1e-5) == 0
    assert math.log(0.084 / 0.001) == pytest.approx(4.430817, abs=1e-6), "without intervals it would be called 4.43"
    assert tm.epsilon_bound(1000, 1000, 900, 1000) == pytest.approx(tm.epsilon_bound(100, 1000, 0, 1000)), "either tail counts"
    for wrong in ((5, 4, 0, 1), (0, 0, 0, 1), (0, 1, 2, 1)):
        with pytest.raises(tm.UsageError):
            tm.epsilon_bound(*wrong)


@given(st.integers(0, 300), st.integers(0, 300), st.floats(0, 0.01), st.floats(0.8, 0.98))
def test_epsilon_moves_the_right_way(hits, alarms, delta, level):
    bound = tm.epsilon_bound(hits, 300, alarms, 300, delta=delta, level=level)
    assert 0 <= bound < math.inf
    assert tm.epsilon_bound(hits, 300, alarms, 300, delta=delta + 0.01, level=level) <= bound
    assert tm.epsilon_bound(hits, 300, alarms, 300, delta=delta, level=level + 0.015) <= bound
    if hits < 300 and hits >= alarms:
        assert tm.epsilon_bound(hits + 1, 300, alarms, 300, delta=delta, level=level) >= bound
        assert tm.epsilon_bound(hits, 300, min(alarms + 1, hits), 300, delta=delta, level=level) <= bound


@pytest.mark.parametrize(
    ("m", "r", "v", "delta", "epsilon"),
    [
        (1000, 100, 75, 1e-4, 0.672985), (100_000, 1510, 1439, 1e-5, 2.675851), (1000, 1000, 600, 0, 0.297468),
        (100, 100, 100, 0, 3.492965), (1000, 200, 100, 1e-5, 0),
    ],
)  # fmt: skip
def test_epsilon_from_one_run(m, r, v, delta, epsilon):
    assert tm.one_run_epsilon(m, r, v, delta=delta) == pytest.approx(epsilon, abs=2e-6)


def test_the_p_value_by_its_definition():
    from scipy.stats import binom

    m, r, v, epsilon, delta = 50, 20, 16, 0.7, 1e-3
    law = binom(r, 1 / (1 + math.exp(-epsilon)))
    alpha = max(sum(law.pmf(k) for k in range(v - i, v)) / i for i in range(1, v + 1))
    expected = sum(law.pmf(k) for k in range(v, r + 1)) + 2 * m * delta * alpha
    assert tm.one_run_p(m, r, v, epsilon, delta) == pytest.approx(expected, rel=1e-9)
    assert tm.one_run_p(m, r, 0, epsilon, delta) == 1


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.integers(0, 60), st.floats(0, 1e-3))
def test_the_audit_moves_the_right_way(r, v, delta):
    assume(v <= r)
    bound = tm.one_run_epsilon(100, r, v, delta=delta)
    assert tm.one_run_epsilon(100, r, min(v + 1, r), delta=delta) >= bound - 1e-6
    assert tm.one_run_epsilon(100, r, v, delta=delta + 1e-3) <= bound + 1e-6
    assert tm.one_run_epsilon(100, r, v, delta=delta, p=0.01) <= bound + 1e-6


def test_randomised_response_is_as_private_as_it_says():
    """The worst mechanism for its epsilon: the bound is above the truth in 5 % of runs at most, and not far below it."""
    rng, epsilon = np.random.default_rng(0), 1.0
    rights = rng.binomial(200, 1 / (1 + math.exp(-epsilon)), size=400)
    bound = {right: tm.one_run_epsilon(200, 200, right) for right in set(rights.tolist())}
    bounds = np.array([bound[right] for right in rights.tolist()])
    assert (bounds > epsilon).mean() <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)
    assert np.median(bounds) > 0.6


def test_guesses_come_from_both_ends_and_ties_are_dealt_at_random():
    rng = np.random.default_rng(0)
    right, rows = tm.one_run_guesses([5, 1, 4, 0, 3], [1, 0, 0, 0, 1], 4, rng)
    assert (right, rows.tolist()) == (3, [0, 2, 3, 1])
    included = np.arange(1000) < 500  # in the order of the rows: who breaks ties by position is always right
    rights = [tm.one_run_guesses(np.zeros(1000), included, 100, rng)[0] for _ in range(50)]
    assert 45 < np.mean(rights) < 55
    for r in (3, 0, 6):
        with pytest.raises(tm.UsageError, match="even number from 2 to 5"):
            tm.one_run_guesses([5, 1, 4, 0, 3], [1, 0, 0, 0, 1], r, rng)
    with pytest.raises(tm.DataError, match="finite"):
        tm.one_run_guesses([np.nan, 1], [1, 0], 2, rng)


@pytest.mark.parametrize("wrong", [(10, 11, 5, 0.0), (10, 5, 6, 0.0), (10, 5, -1, 0.0), (10, 5, 5, 1.0), (0, 0, 0, 0.0)])
def test_impossible_counts_are_refused(wrong):
    with pytest.raises(tm.UsageError):
        tm.one_run_p(*wrong[:3], 1.0, wrong[3])


WORDS = "harbour ledger violet engine cactus marble oyster timber velvet copper".split()


def texts(n, rng, extra=()):
    return [" ".join(rng.choice([*WORDS, *extra], 12)) for _ in range(n)]


def blind_auc(inputs, labels, inside, seed=0):
    """The low end of the AUC, by which sets are called different."""
    scores = tm.blind_scores(inputs, labels, inside, rng=np.random.default_rng(seed))
    assert ((scores > 0) & (scores < 1)).all()
    return auc(scores, inside, name="auc", higher_is_safer=False).interval.low


def test_one_pool_of_texts_is_not_told_apart_and_two_are():
    rng = np.random.default_rng(1)
    inside = np.arange(400) % 2 == 0
    assert blind_auc(texts(400, rng), np.zeros(400, int), inside) < 0.55
    dated = [text + (" in 2019" if member else " in 2024") for text, member in zip(texts(400, rng), inside, strict=True)]
    assert blind_auc(dated, np.zeros(400, int), inside) > 0.95
    longer = [text * (2 if member else 1) for text, member in zip(texts(400, rng), inside, strict=True)]
    assert blind_auc(longer, np.zeros(400, int), inside) > 0.95


def test_pictures_that_differ_in_brightness_or_noise_are_told_apart():
    from PIL import Image

    rng, inside = np.random.default_rng(2), np.arange(200) % 2 == 0
    pixels = rng.integers(40, 200, (200, 12, 12, 3))

    def pictures(values):
        return [Image.fromarray(each.clip(0, 255).astype(np.uint8)) for each in values]

    labels = np.zeros(200, int)
    assert blind_auc(pictures(pixels), labels, inside) < 0.55
    assert blind_auc(pictures(pixels + 20 * inside[:, None, None, None]), labels, inside) > 0.9
    blurred = np.where(inside[:, None, None, None], pixels, (pixels + np.roll(pixels, 1, axis=1)) // 2)
    assert blind_auc(pictures(blurred), labels, inside) > 0.9


def test_another_mix_of_classes_is_told_apart():
    rng, inside = np.random.default_rng(3), np.arange(400) % 2 == 0
    labels = np.where(inside, rng.choice(3, 400, p=[0.7, 0.2, 0.1]), rng.choice(3, 400, p=[0.1, 0.2, 0.7]))
    assert blind_auc(texts(400, rng), labels, inside) > 0.7


def test_a_blind_baseline_needs_five_of_each_and_inputs_it_can_read():
    rng = np.random.default_rng(0)
    with pytest.raises(tm.DataError, match="5 of each"):
        tm.blind_scores(["a"] * 8, np.zeros(8, int), np.arange(8) < 4, rng=rng)
    with pytest.raises(tm.DataError, match="neither text nor picture"):
        tm.blind_scores([3] * 10, np.zeros(10, int), np.arange(10) < 5, rng=rng)
    assert tm.blind_scores([" "] * 20, np.zeros(20, int), np.arange(20) < 10, rng=rng).shape == (20,)
