"""What a search may try: edits that are made as they are told, the smallest ones first."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import find, given, seed, settings
from hypothesis import strategies as st

import pytest_trustml as tm
from pytest_trustml.attacks.text_edits.edits import FAMILIES

TEXTS = ["you stupid muppet, really", "see https://example.org/stupid or ask @muppet about dinner", "the it of", "Holiday!"]
edited = tm.strategies.text_edits(TEXTS)


@given(edited)
def test_the_edits_tell_exactly_what_was_changed(case):
    before, after = case.original.split(" "), case.text
    assert case.original == TEXTS[case.number]
    assert 1 <= len(case.edits) <= 3
    assert len({edit.word for edit in case.edits}) == len(case.edits)
    for edit in case.edits:
        assert before[edit.word] == edit.before != edit.after
        before[edit.word] = edit.after
    assert after == " ".join(before) != case.original


@given(edited)
def test_links_mentions_and_function_words_stay(case):
    assert not {edit.before for edit in case.edits} & {"https://example.org/stupid", "@muppet", "the", "it", "of", "about"}


@given(tm.strategies.text_edits(TEXTS, families=("homoglyph", "zero_width", "diacritic")))
def test_invisible_edits_are_undone_by_the_canonical_spelling(case):
    assert tm.canonicalise(case.text) == tm.canonicalise(case.original)


@given(edited)
@settings(max_examples=50)
def test_simpler_ones_are_simpler_and_lead_to_an_end(case):
    order = list(FAMILIES)

    def size(one):
        return len(one.edits), sorted(order.index(edit.family) for edit in one.edits)

    steps = 0
    while simpler := case.simpler():
        assert case not in simpler
        assert len(set(simpler)) == len(simpler)
        assert all(len(one.edits) <= len(case.edits) and one.original == case.original for one in simpler)
        assert len(simpler[0].edits) == 1
        assert size(simpler[0]) <= size(case)
        case = simpler[-1]  # the smallest step
        steps += 1
        assert steps < 500
    assert len(case.edits) == 1 and case.edits[0].family == next(iter(FAMILIES))


def test_hypothesis_shrinks_to_one_edit_of_the_first_family():
    simplest = find(edited, lambda case: True)
    assert str(simplest) == "1 edit of text 0: swap_inner in word 1"
    homoglyphs = find(edited, lambda case: any(edit.family == "homoglyph" for edit in case.edits))
    assert [edit.family for edit in homoglyphs.edits] == ["homoglyph"]


def test_every_text_with_a_word_to_edit_is_reached():
    many = [f"muppet number{n}" for n in range(150)]
    seen = Counter()

    @seed(0)
    @settings(max_examples=1500, database=None)
    @given(tm.strategies.text_edits(many))
    def gather(case):
        seen[case.number] += 1

    gather()
    assert len(seen) > 130 and max(seen) > 145
    assert seen.most_common(1)[0][1] < 200


@given(edited)
def test_what_is_masked_quotes_nothing_of_the_text(case):
    masked = case.masked()
    assert not any(word.strip(",!") in masked for word in case.original.split() if len(word) > 3 and word != "about")
    assert all(edit.before in case.revealed() and edit.after in case.revealed() for edit in case.edits)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (dict(texts=TEXTS, families=["homoglyf"]), "Did you mean 'homoglyph'"),
        (dict(texts=TEXTS, families=[]), "0 families"),
        (dict(texts=TEXTS, max_edits=0), "max_edits is 0"),
        (dict(texts="one text"), "list of texts"),
        (dict(texts=["of the", ""]), "None of the 2 texts"),
        (dict(texts=[]), "None of the 0 texts"),
    ],
)
def test_what_cannot_be_edited_is_refused(arguments, words):
    with pytest.raises(tm.UsageError, match=words):
        tm.strategies.text_edits(**arguments)


def test_a_strategy_may_be_used_with_others():
    pair = find(st.tuples(edited, st.booleans()), lambda both: both[1])
    assert len(pair[0].edits) == 1
