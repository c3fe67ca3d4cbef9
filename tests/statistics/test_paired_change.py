"""The change of a rate where only the change of each sample is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from pytest_trustml.statistics import mcnemar, paired_change, paired_rate_difference

ABOUT = {"name": "rise", "higher_is_safer": False}
changes = st.lists(st.sampled_from([-1, 0, 1]), min_size=1, max_size=60)


def ends(measurement):
    return measurement.interval.low, measurement.interval.high


def of_counts(b, c, n):
    return paired_change([1] * b + [-1] * c + [0] * (n - b - c), **ABOUT)


def score(b, c, n, difference):
    """Tango's statistic with the nuisance rate found by maximising the likelihood, not by his formula."""

    def loss(ceased):
        cells = np.array([difference + ceased, ceased, 1 - difference - 2 * ceased])
        return -float(np.array([b, c, n - b - c]) @ np.log(np.maximum(cells, 1e-300)))

    lowest = max(0.0, -difference)
    found = optimize.minimize_scalar(loss, bounds=(lowest, (1 - difference) / 2), method="bounded", options={"xatol": 1e-12})
    variance = n * (2 * found.x + difference * (1 - difference))
    return (b - c - n * difference) / np.sqrt(variance)


@pytest.mark.parametrize(("b", "c", "n"), [(8, 1, 137), (12, 2, 50), (30, 10, 500), (3, 3, 40), (1, 14, 60)])
def test_the_ends_are_where_the_score_test_is_on_the_edge(b, c, n):
    low, high = ends(of_counts(b, c, n))
    assert score(b, c, n, low) == pytest.approx(stats.norm.ppf(0.975), abs=1e-4)
    assert score(b, c, n, high) == pytest.approx(-stats.norm.ppf(0.975), abs=1e-4)


@given(changes, st.sampled_from([0.8, 0.95, 0.99]))
def test_swapping_negates(sample, level):
    there, back = (paired_change(np.array(sample) * sign, level=level, **ABOUT) for sign in (1, -1))
    assert back.value == -there.value
    assert ends(back) == pytest.approx((-there.interval.high, -there.interval.low), abs=1e-9)
    assert -1 <= there.interval.low <= there.value <= there.interval.high <= 1
    assert there.details["p_mcnemar_one_sided"] == mcnemar(there.details["b"], there.details["c"]).one_sided


@given(changes)
def test_agreement_on_every_sample_is_not_proof_of_sameness(sample):
    m = paired_change([0] * len(sample), **ABOUT)
    assert m.interval.high >= 1 - 0.025 ** (1 / len(sample)) - 1e-12
    assert m.interval.shrinks == 1


def test_it_says_what_the_paired_difference_says():
    rng = np.random.default_rng(0)
    before = rng.random(400) < 0.3
    after = before ^ (rng.random(400) < 0.1)
    groups = np.arange(400) // 8
    whole, parts = (paired_rate_difference(after, before, cluster=cluster, **ABOUT) for cluster in (None, groups))
    differences = after.astype(int) - before.astype(int)
    assert ends(paired_change(differences, **ABOUT)) == pytest.approx(ends(whole), abs=0.003)
    assert ends(paired_change(differences, cluster=groups, **ABOUT)) == ends(parts)
    assert paired_change(differences, **ABOUT).details.items() <= whole.details.items()


def test_what_is_no_change_is_refused():
    with pytest.raises(ValueError, match=r"changes\[1\] is 2\. A change is -1, 0 or 1"):
        paired_change([0, 2], **ABOUT)
    assert paired_change([], **ABOUT).undefined == "no samples"
    assert paired_change([1, 0], cluster=[0, 0], **ABOUT).no_interval == "all pairs come from one cluster"


@pytest.mark.parametrize(("b", "c", "n"), [(0.05, 0.05, 100), (0.03, 0.07, 500), (0.01, 0.0, 100), (0.3, 0.1, 40)])
def test_how_often_it_covers(b, c, n):
    drawn = np.random.default_rng(7).multinomial(n, [b, c, 1 - b - c], 1500)
    hits = [low <= b - c <= high for low, high in (ends(of_counts(up, down, n)) for up, down, _ in drawn)]
    assert stats.binomtest(int(sum(hits)), len(hits), 0.94, alternative="less").pvalue > 0.001
