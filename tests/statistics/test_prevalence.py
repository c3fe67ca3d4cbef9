"""Shares corrected for the mistakes of the detector."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trustml.statistics import rogan_gladen

ABOUT = {"name": "machine_share", "higher_is_safer": False}


def binary(count, n):
    return np.arange(n) < count


def corrected(flagged, n, hits=190, n_hits=200, alarms=10, n_alarms=500, **options):
    return rogan_gladen(binary(flagged, n), binary(hits, n_hits), binary(alarms, n_alarms), **ABOUT, **options)


@pytest.mark.parametrize(
    ("flagged", "raw", "low", "high"),
    [
        (60, 0.043011, 0.021906, 0.063754),
        (25, 0.005376, 0.0, 0.022525),
        (10, -0.010753, 0.0, 0.004567),
        (370, 0.376344, 0.342106, 0.413778),
    ],
)
def test_lang_and_reiczigel_give_the_published_numbers(flagged, raw, low, high):
    m = corrected(flagged, 1000)
    assert m.details["raw"] == pytest.approx(raw, abs=6e-7)
    assert m.value == pytest.approx(max(0, raw), abs=6e-7)
    assert (m.interval.low, m.interval.high) == pytest.approx((low, high), abs=6e-7)
    assert ("cut" in m.details) == (raw < 0)


def test_the_correction_of_a_known_detector():
    for flagged, share in ((200, 0.1875), (30, 0.0)):
        m = rogan_gladen(binary(flagged, 1000), binary(850, 1000), binary(50, 1000), **ABOUT)
        assert m.value == pytest.approx(share)
    assert m.details["raw"] == pytest.approx(-0.025)


@given(st.integers(0, 100))
def test_the_correction_undoes_the_mistakes(share):
    flagged = round(1000 * (share / 100 * 0.9 + (1 - share / 100) * 0.1))
    m = corrected(flagged, 1000, hits=180, n_hits=200, alarms=50, n_alarms=500)
    assert m.value == pytest.approx(share / 100, abs=1e-9)
    assert m.interval.low <= m.value <= m.interval.high


@given(st.integers(0, 999))
def test_more_flags_mean_a_larger_share(flagged):
    fewer, more = corrected(flagged, 1000), corrected(flagged + 1, 1000)
    assert fewer.value <= more.value
    assert fewer.interval.low <= more.interval.low + 1e-12
    assert fewer.interval.high <= more.interval.high + 1e-12


def test_a_useless_detector_measures_nothing():
    assert "as often" in corrected(100, 1000, hits=20, n_hits=200, alarms=50, n_alarms=500).undefined
    weak = corrected(300, 1000, hits=4, n_hits=10, alarms=3, n_alarms=10)
    assert (weak.interval.low, weak.interval.high) == (0, 1)
    assert "coin" in weak.details["width"]


def test_fewer_flags_than_false_alarms_explain_is_a_broken_instrument():
    m = corrected(0, 2000, hits=190, n_hits=200, alarms=50, n_alarms=500)
    assert m.value == 0
    assert m.invalid.startswith("fewer samples are flagged")
    assert corrected(2000, 2000, hits=160, n_hits=200).invalid.startswith("more samples are flagged")


def test_dependent_samples_widen_the_interval():
    flagged = np.repeat(binary(20, 100), 10)
    plain = rogan_gladen(flagged, binary(190, 200), binary(10, 500), **ABOUT)
    clustered = rogan_gladen(flagged, binary(190, 200), binary(10, 500), cluster=np.repeat(np.arange(100), 10), **ABOUT)
    assert clustered.value == plain.value
    assert clustered.clusters == 100
    assert clustered.interval.high - clustered.interval.low > 2 * (plain.interval.high - plain.interval.low)


def test_a_detector_that_was_not_tested_is_named():
    assert rogan_gladen([1, 0], [], [0], **ABOUT).undefined == "no known positives"
    assert rogan_gladen([1, 0], [1], [], **ABOUT).undefined == "no known negatives"
