"""Agreement, kappa and accuracy of a copy: worked numbers and properties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pytest_trustml as tm

VICTIM, COPY, GOLD = [1, 1, 0, 1, 0, 0, 1, 0], [1, 0, 0, 1, 0, 1, 1, 0], [1, 1, 0, 1, 1, 0, 1, 0]
labels = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=50)


def test_worked_numbers():
    found = tm.fidelity(COPY, VICTIM, GOLD)
    assert found.agreement.value == 0.75
    assert found.kappa.value == pytest.approx(0.5)
    assert found.accuracy.value == 0.625
    assert found.victim_accuracy.value == 0.875
    assert found.same.tolist() == [True, False, True, True, True, False, True, True]
    assert found.agreement.interval is not None and not found.agreement.higher_is_safer


def test_without_gold_labels_there_is_no_accuracy():
    found = tm.fidelity(COPY, VICTIM)
    assert found.accuracy is None and found.victim_accuracy is None


@given(labels)
def test_agreement_is_symmetric_and_kappa_is_one_for_copies_that_vary(pairs):
    copy, victim = map(list, zip(*pairs, strict=True))
    there, back = tm.fidelity(copy, victim), tm.fidelity(victim, copy)
    assert there.agreement == back.agreement
    if len(set(copy)) == len(set(victim)) == 2:
        assert there.kappa == back.kappa
    assert (there.kappa.value == 1) == (copy == victim and len(set(victim)) == 2)


@given(st.lists(st.booleans(), min_size=1, max_size=50), st.booleans())
def test_of_a_constant_victim_kappa_is_undefined(copy, always):
    kappa = tm.fidelity(copy, [always] * len(copy)).kappa
    assert kappa.value is None and kappa.interval is None and "same label" in kappa.undefined


def test_a_constant_copy_of_a_victim_that_varies_has_learnt_nothing():
    assert tm.fidelity([True] * 8, VICTIM).kappa.value == 0


def test_labels_belong_together():
    with pytest.raises(tm.DataError, match="7 and 8"):
        tm.fidelity(COPY[:7], VICTIM)
    with pytest.raises(tm.DataError, match="2 and 8"):
        tm.fidelity(COPY, VICTIM, GOLD[:2])
    with pytest.raises(ValueError, match=r"surrogate\[0\] is 0.7"):
        tm.fidelity([0.7], [1])
    assert tm.fidelity([], []).kappa.undefined == "no samples"
