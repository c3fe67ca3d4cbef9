"""``trust.holds``: verdicts, evidence and silence of a search in a test."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st

import pytest_trustml as tm
from pytest_trustml.reports.evidence import EvidenceStore, load
from pytest_trustml.result.record import record_measurement
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.progress import Progress
from tests.unit.checks.bag_of_words import ABUSE, INVISIBLE, WORDS, Detector, sentences


@pytest.fixture
def trust(tmp_path):
    cache = Cache(tmp_path / "cache")
    return tm.Trust(name="tests::t", seed=3, level=0.95, cache=cache, store=EvidenceStore(tmp_path), progress=Progress())


def test_a_precondition_that_is_never_met_is_never_a_pass(trust):
    asleep = tm.strategies.text_edits(sentences())

    def before(cases):
        return [False] * len(cases)

    found = tm.falsify(asleep, Detector().still, given=before, name="evasion", seed=0)
    assert "none of the" in found.broken and not found.falsified
    with pytest.raises(tm.TrustFailure, match="INVALID: evasion: none of the") as caught:
        trust.holds(asleep, Detector().still, given=before, name="evasion")
    assert caught.value.verdict.outcome is tm.Outcome.INVALID
    assert trust.verdicts == [caught.value.verdict]


def test_a_precondition_that_is_seldom_met_decides_nothing(trust):
    def rarely(cases):
        return [case.number == 0 for case in cases]

    def yes(cases):
        return [True for case in cases]

    with pytest.raises(tm.TrustFailure, match="INCONCLUSIVE: evasion: only [0-9]+ of [0-9]+ inputs met the precondition"):
        trust.holds(tm.strategies.text_edits(sentences()), yes, given=rarely, name="evasion")


def test_the_profile_and_the_terminal_of_the_user_stay_untouched(capfd, trust):
    before = repr(settings.default)
    tm.falsify(tm.strategies.text_edits(sentences()), Detector().still, name="x", seed=0)
    tm.falsify(st.integers(), lambda values: [value < 1000 for value in values], name="x", seed=0)
    assert repr(settings.default) == before
    assert capfd.readouterr() == ("", "")
    with pytest.raises(tm.TrustFailure) as caught:
        trust.holds(st.integers(), lambda values: [value < 1000 for value in values], name="x")
    assert not getattr(caught.value, "__notes__", [])
    assert capfd.readouterr() == ("", "")


def test_holds_raises_with_the_edits_and_keeps_them_masked(trust, tmp_path):
    words = "FAIL: evasion: falsified at try [0-9]+: 1 edit of text [0-9]+: swap_inner"
    with pytest.raises(tm.TrustFailure, match=words) as caught:
        trust.holds(tm.strategies.text_edits(sentences()), Detector().still, name="evasion")
    verdict = caught.value.verdict
    assert trust.verdicts == [verdict] and verdict.outcome is tm.Outcome.FAIL
    [evidence] = verdict.measurement.evidence
    assert evidence.sensitive and evidence in trust.evidence
    shown = load(tmp_path, evidence).content
    assert "swap_inner in word" in shown and not any(word in shown for word in (*ABUSE, *WORDS))
    record = record_measurement(verdict.measurement, verdict)
    assert (record.outcome, record.limit, record.value, record.low, record.high) == ("FAIL", "at most 0", 1.0, 1.0, 1.0)


def test_holds_may_keep_the_whole_text(trust, tmp_path):
    with pytest.raises(tm.TrustFailure) as caught:
        trust.holds(tm.strategies.text_edits(sentences()), Detector().still, name="evasion", reveal=True)
    [evidence] = caught.value.verdict.measurement.evidence
    assert evidence.sensitive
    assert any(word in load(tmp_path, evidence).content for word in ABUSE)


def test_holds_passes_with_words_of_its_own(trust):
    careful = Detector(tm.canonicalise)
    found = trust.holds(tm.strategies.text_edits(sentences(), families=INVISIBLE), careful.still, name="evasion")
    [verdict] = trust.verdicts
    assert verdict.outcome is tm.Outcome.PASS and verdict.why == found.words
    assert verdict.measurement.n == found.tries and verdict.measurement.interval.method == "count of a search, not a rate"


def test_a_failed_control_makes_it_invalid(trust):
    trust.control("the detector loads", False, "it does not")
    careful = Detector(tm.canonicalise)
    with pytest.raises(tm.TrustFailure, match="INVALID"):
        trust.holds(tm.strategies.text_edits(sentences(), families=INVISIBLE), careful.still, name="evasion")


def test_a_check_returns_the_measurement(trust):
    found = trust.falsify(tm.strategies.text_edits(sentences()), Detector().still, name="evasion")
    assert not trust.verdicts
    assert tm.decide(found.measurement(), tm.AtMost(0)).outcome is tm.Outcome.FAIL
