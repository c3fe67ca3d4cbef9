"""This release beside the last one: what is said, and when nothing is."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from pytest_trustml.comparison.compare import compare
from pytest_trustml.result.policy import Policy
from pytest_trustml.result.record import Source, decode_check, encode
from pytest_trustml.statistics import paired_change, paired_rate_difference
from tests.unit.comparison.releases import NODEID, changed, check, kept, keys, measured, recorded


def binary(both, b, c, none):
    """Values after and before, with these counts of: both, only after, only before, none."""
    return [1] * (both + b) + [0] * (c + none), [1] * both + [0] * b + [1] * c + [0] * none


@pytest.fixture
def two(tmp_path):
    """Both releases, and a function that compares them after some changes."""
    after, before = binary(440, 10, 30, 20)
    now = check("new", kept(tmp_path / "new", after))
    then = check("old", kept(tmp_path / "old", before))

    def run(now_changes=None, then_changes=None, policy=None):
        one = msgspec.structs.replace(now, **(now_changes or {}))
        other = msgspec.structs.replace(then, **(then_changes or {}))
        return compare(one, tmp_path / "new", recorded(tmp_path / "old", other), policy or Policy())

    run.now, run.then = now, then
    return run


def test_a_surely_worse_release_is_called_worse(two):
    (found,) = two()
    assert (found.outcome, found.before, found.after) == ("WORSE", 0.94, 0.9)
    expected = paired_rate_difference(*binary(440, 10, 30, 20), name="x", higher_is_safer=True)
    assert found.change == pytest.approx(-0.04)
    assert (found.low, found.high) == pytest.approx((expected.interval.low, expected.interval.high))
    assert found.p_worse == expected.details["p_mcnemar_one_sided"]
    assert found.method == "newcombe paired, exact mcnemar test"
    assert (found.n, found.level, found.clusters, found.margin) == (500, 0.95, "none", 0.02)
    assert found.details["margin_from"] == "the default for shares"
    assert (found.details["b"], found.details["c"]) == (10, 30)
    assert found.why == "even the favourable end of the change, -0.01528, is worse than the baseline"


@pytest.mark.parametrize(
    ("counts", "safer", "outcome"),
    [
        ((440, 30, 10, 20), True, "BETTER"),
        ((440, 30, 10, 20), False, "WORSE"),
        ((440, 10, 30, 20), False, "BETTER"),
        ((470, 2, 2, 26), True, "NO_WORSE"),
        ((470, 0, 0, 30), True, "NO_WORSE"),
        ((90, 2, 4, 4), True, "CANNOT_TELL"),
        ((440, 8, 4, 48), True, "NO_WORSE"),
        ((480, 1, 7, 12), True, "CANNOT_TELL"),
    ],
)
def test_the_four_answers(tmp_path, counts, safer, outcome):
    assert changed(tmp_path, *binary(*counts), higher_is_safer=safer).outcome == outcome


def test_who_cannot_tell_says_how_many_examples_would(tmp_path):
    found = changed(tmp_path, *binary(90, 2, 4, 4))
    assert found.outcome == "CANNOT_TELL"
    assert "the interval reaches from no change to a change beyond the margin of 0.02" in found.why
    needed = int(found.why.split("n = ")[1].split()[0])
    factor = needed / 100
    assert changed(tmp_path, *binary(*(round(factor * count) for count in (90, 2, 4, 4)))).outcome != "CANNOT_TELL"
    sure = changed(tmp_path, *binary(90, 4, 2, 4), policy=Policy(margins={"acme.rate": 0.0}))
    assert "reaches to either side of no change" in sure.why
    level = changed(tmp_path, *binary(90, 4, 4, 2), policy=Policy(margins={"acme.rate": 0.0}))
    assert level.why.endswith("the change lies on the margin itself, so no number of examples would decide")
    barely = changed(tmp_path, *binary(90, 4, 4, 2), policy=Policy(margins={"acme.rate": 1e-9}))
    assert barely.why.endswith("too close to the margin for any practical number of examples to decide")


def test_the_order_of_the_examples_does_not_matter(tmp_path):
    after, before = binary(440, 10, 30, 20)
    order = np.random.default_rng(0).permutation(500)
    now = check("new", kept(tmp_path, after))
    then = check("old", kept(tmp_path, np.array(before)[order], np.array(keys(500))[order].tolist()))
    straight = check("old", kept(tmp_path, before))
    assert compare(now, tmp_path, recorded(tmp_path, then), Policy()) == compare(
        now, tmp_path, recorded(tmp_path, straight), Policy()
    )


def test_the_policy_sets_level_and_margin(two):
    (wide,) = two(policy=Policy(level=0.999, margins={"acme.rate": 0.01}))
    assert (wide.level, wide.outcome, wide.margin, wide.details["margin_from"]) == (0.999, "CANNOT_TELL", 0.01, "the policy")
    (named,) = two(policy=Policy(margins={"acme.rate:rate": 0.08, "acme.rate": 0.01}))
    assert (named.margin, named.outcome) == (0.08, "NO_WORSE")


def test_differences_of_releases_from_one_base_model(tmp_path):
    base = np.array([0] * 400 + [1] * 100)
    old = np.array([0] * 390 + [1] * 10 + [1] * 95 + [0] * 5)
    new = old.copy()
    new[:30], new[398:400] = 1, 0
    found = changed(tmp_path, new - base, old - base, unit="difference of shares", higher_is_safer=False)
    expected = paired_change(new - old, name="x", higher_is_safer=False)
    assert (found.low, found.high) == pytest.approx((expected.interval.low, expected.interval.high))
    assert (found.outcome, found.method, found.details["b"], found.details["c"]) == (
        "WORSE", "tango, exact mcnemar test", 30, 2,
    )  # fmt: skip


def test_other_values_get_student_and_bootstrap_and_sign_flips(tmp_path):
    rng = np.random.default_rng(0)
    before = rng.normal(2, 1, 200)
    found = changed(tmp_path, before + rng.normal(0.3, 0.5, 200), before, unit="nat", higher_is_safer=False)
    assert (found.outcome, found.method) == ("WORSE", "student-t and bootstrap-t, sign-flip test")
    assert found.margin == pytest.approx(before.std(ddof=1) / 10)
    assert found.details["margin_from"] == "a tenth of the standard deviation of the baseline's values"
    assert found.p_worse == pytest.approx(1e-4)
    small = changed(tmp_path, before[:12] + 1 + rng.normal(0, 0.1, 12), before[:12], unit="nat", higher_is_safer=True)
    assert (small.outcome, small.method, small.p_worse) == ("BETTER", "student-t and bootstrap-t, sign-flip test", 1.0)


def test_releases_that_agree_on_every_example_are_not_known_to_be_the_same(tmp_path):
    values = np.random.default_rng(1).random(40)
    shares = changed(tmp_path, values, values)
    assert (shares.outcome, shares.change, shares.margin) == ("CANNOT_TELL", 0, 0.02)
    assert (shares.low, shares.high) == pytest.approx((-(1 - 0.025 ** (1 / 40)), 1 - 0.025 ** (1 / 40)))
    unbounded = changed(tmp_path, values, values, unit="nat")
    assert (unbounded.outcome, unbounded.low, unbounded.high, unbounded.p_worse) == (
        "CANNOT_TELL", "undefined", "undefined", 1.0,
    )  # fmt: skip
    assert unbounded.why.startswith("there is no interval to judge by: all values are equal")
    many = np.random.default_rng(1).random(400)
    assert changed(tmp_path, many, many).outcome == "NO_WORSE"
    alone = changed(tmp_path, [0.5], [0.7], unit="nat")
    assert (alone.outcome, alone.low) == ("CANNOT_TELL", "undefined")


def test_clusters_widen_the_interval(tmp_path):
    after, before = binary(440, 10, 30, 20)
    together = np.array([number // 10 for number in range(500)])
    plain = changed(tmp_path, after, before)
    grouped = changed(tmp_path, after, before, clusters=together)
    assert (grouped.clusters, grouped.method) == (50, "student-t (clustered), sign-flip test")
    assert grouped.high - grouped.low > plain.high - plain.low
    assert (grouped.outcome, plain.outcome) == ("CANNOT_TELL", "WORSE")
    few = changed(tmp_path, [0] * 50, [1] * 40 + [0] * 10, clusters=[number // 10 for number in range(50)])
    assert (few.outcome, few.p_worse, few.high) == ("CANNOT_TELL", 1 / 16, 0)
    single = changed(tmp_path, after, before, clusters=[0] * 500)
    assert (single.outcome, single.low) == ("CANNOT_TELL", "undefined")


def test_the_numbers_of_clusters_mean_nothing_from_file_to_file(tmp_path):
    after, before = binary(440, 10, 30, 20)
    groups = np.arange(500) // 10
    now = check("new", kept(tmp_path, after, clusters=groups))
    then = check("old", kept(tmp_path, before, clusters=99 - groups))
    assert compare(now, tmp_path, recorded(tmp_path, then), Policy())[0].clusters == 50


# Without examples


def unpaired(now, then, policy=None, folder="."):
    (found,) = compare(check("new", now), folder, recorded(folder, check("old", then)), policy or Policy())
    return found


def test_without_examples_the_two_intervals_are_put_together():
    found = unpaired(measured(0.9, low=0.87, high=0.92), measured(0.94, low=0.92, high=0.96))
    assert found.change == pytest.approx(-0.04)
    assert (found.low, found.high) == pytest.approx((-0.04 - np.hypot(0.03, 0.02), -0.04 + np.hypot(0.02, 0.02)))
    assert (found.outcome, found.n, found.details["n_before"]) == ("WORSE", 500, 500)
    assert found.method == "unpaired: no per-example values were kept"
    assert 0.0001 < found.p_worse < 0.025
    other = unpaired(measured(0.94, low=0.92, high=0.96), measured(0.9, low=0.87, high=0.92))
    assert (other.low, other.high) == pytest.approx((-found.high, -found.low))
    assert (other.outcome, other.p_worse) == ("BETTER", pytest.approx(0.985, abs=0.001))


def test_one_release_without_examples_is_enough_to_be_unpaired(tmp_path):
    now = kept(tmp_path, [1] * 450 + [0] * 50)
    assert unpaired(now, measured(0.94), folder=tmp_path).method == "unpaired: no per-example values were kept"


def test_another_level_is_stretched_and_two_levels_are_refused():
    found = unpaired(measured(0.9), measured(0.94), Policy(level=0.99))
    assert found.method.endswith("recorded at level 0.95, stretched to 0.99")
    assert (found.level, found.details["recorded_level"]) == (0.99, 0.95)
    assert found.high - found.low == pytest.approx(2 * np.hypot(0.02, 0.02) * 2.575829 / 1.959964, rel=1e-6)
    refused = unpaired(measured(0.9, level=0.9), measured(0.94))
    assert (refused.outcome, refused.why) == (
        "NOT_COMPARED",
        "no per-example values were kept and the level is 0.9 here and was 0.95 in the baseline",
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"level": 1.5}, "the interval from 0.88 to 0.92 at level 1.5 here is none"),
        ({"low": 0.95}, "the interval from 0.95 to 0.92 at level 0.95 here is none"),
        ({"high": 1e300}, "the interval from 0.88 to 1e+300 at level 0.95 here is none"),
        ({"value": 1e300}, "the value is 1e+300 here, which nothing can measure"),
    ],
)
def test_an_interval_that_is_none_is_refused(changes, says):
    found = unpaired(measured(**({"value": 0.9, "low": 0.88, "high": 0.92} | changes)), measured(0.94))
    assert (found.outcome, says in found.why) == ("NOT_COMPARED", True)


def test_without_examples_there_is_no_margin_but_for_shares():
    assert unpaired(measured(0.9), measured(0.94)).margin == 0.02
    found = unpaired(measured(0.9, unit="nat"), measured(0.94, unit="nat"))
    assert (found.margin, found.details["margin_from"]) == (0, "no margin: nothing shows how much the values vary")


def test_a_value_without_interval_decides_nothing():
    bare = measured(0.9, low="undefined", high="undefined", level="undefined", method="none: a single sample")
    found = unpaired(bare, measured(0.94))
    assert (found.outcome, found.change, found.low, found.p_worse) == (
        "CANNOT_TELL", pytest.approx(-0.04), "undefined", "undefined",
    )  # fmt: skip
    assert found.why == "there is no interval to judge by: the value has no interval here"


# Refusals: each says what differs, and both values


@pytest.mark.parametrize(
    ("now", "then", "says"),
    [
        ({"version": 2}, {}, "the check has version 2 here and had version 1 in the baseline"),
        ({"options": {"tokens": 64}}, {}, "the option tokens is 64 here and was 32 in the baseline"),
        ({"options": {}}, {}, "the option tokens is not given here and was 32 in the baseline"),
        (
            {"data": {"prompts": Source(spec="q.jsonl", fingerprint="ee" * 32, n=400)}}, {},
            "the data prompts is q.jsonl (fingerprint eeeeeeeeeeee, n = 400) here and was p.jsonl (fingerprint cdcdcdcdcdcd, "
            "n = 500) in the baseline",
        ),
        ({"data": {}}, {}, "the data prompts is not given here and was p.jsonl"),
        ({}, {"data": {}}, "the data prompts is p.jsonl (fingerprint cdcdcdcdcdcd, n = 500) here and was not given"),
        (
            {"companions": {"base_model": Source(spec="base2", fingerprint="bb" * 32)}}, {},
            "the companion base_model is base2 (fingerprint bbbbbbbbbbbb) here and was base (fingerprint babababababa) in",
        ),
        ({"outcome": "INVALID"}, {}, "the check is INVALID here and was PASS in the baseline"),
        ({}, {"outcome": "ERROR"}, "the check is PASS here and was ERROR in the baseline"),
        ({"fingerprint": "old" * 16}, {}, "both releases are the same bytes (fingerprint oldoldoldold"),
        (
            {}, {"nodeid": "elsewhere.py::test"},
            f"the baseline old-report has no record of acme.rate at {NODEID.replace('::', ': :')}",
        ),
        ({}, {"check": "acme.other"}, "the baseline old-report has no record of acme.rate at"),
    ],
)  # fmt: skip
def test_a_check_of_other_things_is_refused(two, now, then, says):
    (found,) = two(now, then)
    assert found.outcome == "NOT_COMPARED"
    assert says in found.why
    assert (found.after, found.change, found.p_worse) == (0.9, "undefined", "undefined")


def test_every_reason_is_told(two):
    (found,) = two({"version": 2, "options": {}})
    assert found.why.count(";") == 1


@pytest.mark.parametrize(
    ("now", "says"),
    [
        ({"unit": "nat"}, "the unit is 'nat' here and was 'share' in the baseline"),
        ({"higher_is_safer": False}, "lower is safer here and higher was safer in the baseline"),
        ({"outcome": "INVALID"}, "the measurement is INVALID here and was PASS in the baseline"),
        ({"value": "undefined", "why": "no samples"}, "the value is undefined here: no samples"),
        ({"name": "other"}, "the baseline has no measurement other"),
    ],
)
def test_a_measurement_of_something_else_is_refused(two, now, says):
    measurement = msgspec.structs.replace(two.now.measurements[0], **now)
    found = two({"measurements": (measurement,)})[0]
    assert (found.outcome, found.measurement) == ("NOT_COMPARED", measurement.name)
    assert says in found.why


def test_other_examples_are_refused_with_their_number(tmp_path):
    now = check("new", kept(tmp_path, [1] * 100, keys(100)), seed=1)
    then = check("old", kept(tmp_path, [1] * 120, keys(160)[40:]))
    (found,) = compare(now, tmp_path, recorded(tmp_path, then), Policy())
    assert (found.outcome, found.why) == (
        "NOT_COMPARED",
        "60 examples are in both releases, of 100 here and 120 in the baseline; the seed is 1 here and was 0 in the baseline",
    )


@pytest.mark.parametrize(
    ("here", "before", "says"),
    [
        ([0, 0, 1, 1], [0, 1, 1, 0], "the examples form other clusters: 2 here and 2 in the baseline"),
        ([0, 0, 1, 1], [0, 0, 1, 2], "the examples form other clusters: 2 here and 3 in the baseline"),
        (None, [0, 0, 1, 1], "the examples are grouped in clusters in the baseline only"),
        ([0, 0, 1, 1], None, "the examples are grouped in clusters here only"),
    ],
)
def test_other_clusters_are_refused(tmp_path, here, before, says):
    now = check("new", kept(tmp_path, [1, 1, 0, 0], clusters=here))
    then = check("old", kept(tmp_path, [1, 0, 0, 0], clusters=before))
    (found,) = compare(now, tmp_path, recorded(tmp_path, then), Policy())
    assert (found.outcome, says in found.why) == ("NOT_COMPARED", True)


def test_examples_that_are_lost_or_were_changed_are_refused(two, tmp_path):
    path = tmp_path / "old" / two.then.measurements[0].examples.path
    path.unlink()
    (found,) = two()
    assert (found.outcome, found.why.startswith("the baseline: The examples ")) == ("NOT_COMPARED", True)
    path.write_text("{}")
    assert "their digest differs" in two()[0].why
    (now,) = (msgspec.structs.replace(m, value=0.5) for m in two.now.measurements)
    assert "this release: the examples average 0.9 and the record says 0.5" in two({"measurements": (now,)})[0].why


def test_what_has_no_limit_is_not_compared_unless_it_comes_first(two):
    extra = [measured(0.9, name=name, limit=limit) for name, limit in (("judged", "at least 0.5"), ("told", "none"))]
    first = msgspec.structs.replace(two.now.measurements[0], limit="none")
    both = {"measurements": (first, *extra)}
    assert [found.measurement for found in two(both, both)] == ["rate", "judged"]


def test_a_measurement_that_the_baseline_judged_may_not_vanish(two):
    extra = measured(0.9, name="judged")
    found = two({}, {"measurements": (*two.then.measurements, extra)})
    assert [one.measurement for one in found] == ["rate", "judged"]
    assert (found[1].outcome, found[1].why) == ("NOT_COMPARED", "the baseline measured judged and this release did not")
    gone = two({"measurements": (), "outcome": "ERROR"})
    assert [(one.measurement, one.outcome, one.after, one.before) for one in gone] == [
        ("rate", "NOT_COMPARED", "undefined", 0.94)
    ]
    assert two({"measurements": ()}, {"measurements": ()}) == ()


@pytest.mark.parametrize("unit", ["share", "difference of shares", "nat"])
@pytest.mark.parametrize("clusters", [None, [number // 4 for number in range(40)]])
def test_a_comparison_survives_being_written_and_read(tmp_path, unit, clusters):
    rng = np.random.default_rng(0)
    for after, before in (rng.integers(0, 2, (2, 40)), rng.random((2, 40)), np.zeros((2, 40))):
        found = changed(tmp_path, after, before, unit=unit, clusters=clusters)
        written = check("new", comparisons=(found,))
        assert decode_check(encode(written), "c.json") == written


def test_hostile_words_of_a_record_are_harmless_in_a_reason(two):
    (found,) = two({"options": {"x\n::error::": "\x1b[31m"}})
    assert "::" not in found.why
    assert "\x1b" not in found.why
    assert "\n" not in found.why
