"""The parts of an attack that belong to the family: the weak detector, the rules, what a report may show."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import builtin_checks.hate_detectors as family
import pytest_trustml as tm
from builtin_checks.hate_detectors import attacks, grammar
from builtin_checks.hate_detectors.attacks import Search, WeakDetector, editable, weak_success
from builtin_checks.hate_detectors.extremes import Events, widest_gap, worst_rate
from builtin_checks.hate_detectors.masks import diff, masked
from tests.families.hate_detectors.running import make_trust as trust_of
from tests.families.hate_detectors.scripted import FILLER, RUDE, Scripted, posts

SEARCH = Search(threshold=0.5, max_queries=100, max_edit_ratio=0.3, label_only=False, seed=0)


def make_trust(name, folder):
    return trust_of(getattr(family, name), folder)


def gold(data):
    return np.array([label == "hateful" for label in data.column("label")])


@pytest.mark.parametrize("source", ["scripted", "grammar"])
def test_the_weak_detector_is_broken_and_no_fool(source):
    if source == "scripted":
        data = posts(200)
        texts, hateful = data.column("text"), gold(data)
    else:
        found = grammar.posts(150, np.random.default_rng(0), ("g1", "g2"))
        texts, hateful = [post.text for post in found], np.array([post.hateful for post in found])
    said = WeakDetector(texts, hateful).predict(list(texts)) >= 0.5
    assert said[hateful].mean() > 0.5 and said[~hateful].mean() < 0.1
    won, able = weak_success(texts, hateful, SEARCH, 40, np.random.default_rng(0))
    assert able == 40 and won >= 0.8 * able


def test_without_a_budget_nothing_is_broken():
    data = posts(200)
    won, able = weak_success(data.column("text"), gold(data), SEARCH._replace(max_queries=2), 40, np.random.default_rng(0))
    assert (won, able) == (0, 40)


def test_texts_that_no_rule_allows_to_edit_are_not_attacked():
    assert editable(["", "one", "one two three", "one two three four"], 0.3).tolist() == [False, False, False, True]
    assert editable(["one two"], 0.5).all()


def test_every_success_is_one_and_keeps_the_rules(tmp_path):
    model, data = Scripted("keywords"), posts(60).where("label", "hateful")
    detector = attacks.Detector((1,), "softmax")
    found = attacks.run(make_trust("evasion", tmp_path), model, data, detector, SEARCH)
    won = [one for one in found if one.status == "success"]
    assert won
    for one in won:
        assert model.classifier.judge_one(one.text) < 0.5 <= model.classifier.judge_one(one.original)
        assert one.text != one.original and one.queries <= 100
        assert len({edit.word for edit in one.edits}) <= 0.3 * len(one.original.split())
    order = np.random.default_rng(1).permutation(len(data))
    again = attacks.run(make_trust("evasion", tmp_path / "other"), model, data.take(order), detector, SEARCH)
    assert [again[place] for place in np.argsort(order)] == found, "no result depends on its neighbours"


def test_a_larger_budget_never_loses_a_success(tmp_path):
    data, detector = posts(60).where("label", "hateful"), attacks.Detector((1,), "softmax")
    wins = []
    for budget in (5, 20, 40, 100):
        found = attacks.run(
            make_trust("evasion", tmp_path), Scripted("keywords"), data, detector, SEARCH._replace(max_queries=budget)
        )
        wins.append({one.original for one in found if one.status == "success"})
    assert all(fewer <= more for fewer, more in pairwise(wins))


def test_a_lone_surrogate_in_a_post_is_attacked_like_any_other(tmp_path):
    data = tm.Dataset({"text": ["those rotten muppets \ud800 live near the quiet river"], "label": [1]})
    (one,) = attacks.run(make_trust("evasion", tmp_path), Scripted("keywords"), data, attacks.Detector((1,), "softmax"), SEARCH)
    assert one.original == data.column("text")[0]


def test_a_masked_text_has_no_letters():
    results = tm.attack_texts(lambda texts: [0.9 if "muppet" in text else 0.1 for text in texts], [f"you muppet, {FILLER[0]}"])
    shown = diff(results[0])
    assert "muppet" not in shown and "river" not in shown and ">" in shown
    assert not any(word in shown for word in RUDE)
    assert masked("Ä b1") == "• ••"


def test_a_worst_rate_is_as_sure_as_its_worst_end(tmp_path):
    trust = make_trust("functional", tmp_path)
    rates = {"a": Events(np.ones(50, dtype=bool)), "b": Events(np.arange(50) < 40), "c": Events(np.arange(5) < 4)}
    found = worst_rate(trust, "worst", rates, higher_is_safer=True)
    low = trust.proportion(rates["c"].happened, name="p", higher_is_safer=True).interval.low
    assert found.value == 0.8 and found.interval.low == low
    assert found.details["worst_by_the_unfavourable_end"] == "c"
    alone = worst_rate(trust, "worst", {"b": rates["b"]}, higher_is_safer=True)
    plain = trust.proportion(rates["b"].happened, name="p", higher_is_safer=True).interval
    assert (alone.interval.low, alone.interval.high) == (plain.low, plain.high)
    assert worst_rate(trust, "worst", {}, higher_is_safer=True).undefined


def test_the_highest_rate_mirrors_the_lowest(tmp_path):
    trust = make_trust("functional", tmp_path)
    rates = {name: Events(np.arange(n) < k) for name, k, n in (("a", 3, 40), ("b", 10, 50), ("c", 0, 20))}
    mirrored = {name: Events(~events.happened) for name, events in rates.items()}
    worst, mirror = (
        worst_rate(trust, "worst", given, higher_is_safer=safer) for given, safer in ((rates, False), (mirrored, True))
    )
    assert worst.value == pytest.approx(1 - mirror.value)
    assert worst.interval.low == pytest.approx(1 - mirror.interval.high)
    assert worst.interval.high == pytest.approx(1 - mirror.interval.low)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(50, 60)), min_size=2, max_size=5))
def test_a_gap_lies_in_its_interval_and_has_no_order(counts):
    import tempfile
    from pathlib import Path

    trust = make_trust("group_gap", Path(tempfile.gettempdir()))
    rates = {f"g{i}": np.arange(n) < min(k, n) for i, (k, n) in enumerate(counts)}
    found = widest_gap(trust, "gap", rates, "too few")
    values = [rate.mean() for rate in rates.values()]
    assert found.value == pytest.approx(max(values) - min(values))
    assert 0 <= found.interval.low <= found.value <= found.interval.high <= 1
    back = widest_gap(trust, "gap", dict(reversed(rates.items())), "too few")
    assert (back.interval.low, back.interval.high) == pytest.approx((found.interval.low, found.interval.high))


def test_a_gap_between_two_groups_is_newcombes(tmp_path):
    rates = {"a": np.arange(50) < 45, "b": np.arange(50) < 30}
    found = widest_gap(make_trust("group_gap", tmp_path), "gap", rates, "too few")
    assert (found.value, found.interval.low, found.interval.high) == pytest.approx((0.3, 0.131891, 0.449299), abs=1e-6)
    alone = widest_gap(make_trust("group_gap", tmp_path), "gap", {"a": rates["a"]}, "too few")
    assert alone.value is None and alone.undefined == "too few"


@pytest.mark.slow
def test_bounds_of_the_worst_of_five_cover():
    """Each end misses the true worst rate in at most 2.5 % of suites, whichever of the five it is."""
    import tempfile
    from pathlib import Path

    from scipy.stats import binom

    trust, rng = make_trust("functional", Path(tempfile.gettempdir())), np.random.default_rng(0)
    for true in ([0.9] * 5, [0.6, 0.9, 0.9, 0.95, 1.0]):
        above = below = 0
        for _ in range(300):
            rates = {str(i): Events(rng.random(60) < p) for i, p in enumerate(true)}
            interval = worst_rate(trust, "worst", rates, higher_is_safer=True).interval
            above += interval.low > min(true)
            below += interval.high < min(true)
        most = binom.ppf(0.999, 300, 0.025)
        assert above <= most and below <= most, (true, above, below)
