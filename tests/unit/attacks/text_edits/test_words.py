from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trustml.attacks.text_edits.words import STOPLIST, Words, core, eligible, protected


@given(st.text())
def test_a_text_is_its_words_in_its_gaps(text: str):
    cut = Words(text)
    assert cut.words == text.split()
    assert cut.joined(cut.words) == text
    for index, word in enumerate(cut.words):
        head, tail = cut.around(cut.words, index)
        assert head + word + tail == text
        assert cut.without(index).split() == cut.words[:index] + cut.words[index + 1 :]


def test_a_removed_word_takes_one_gap_along():
    assert Words("a  b c").without(1) == "a c"
    assert Words("a  b c").without(0) == "b c"
    assert Words("a  b c ").without(2) == "a  b "
    assert Words("a").without(0) == ""


def test_around_uses_the_other_spellings():
    cut = Words("you stupid old muppet")
    assert cut.around(["you", "st upid", "old", "mupet"], 2) == ("you st upid ", " mupet")


@given(st.text())
def test_the_core_has_no_punctuation_at_its_edges(word: str):
    first, last = core(word)
    assert 0 <= first <= last <= len(word)
    kernel = word[first:last]
    assert core(kernel) == (0, len(kernel))


def test_the_stoplist_has_a_hundred_lower_case_words():
    assert len(STOPLIST) == 100
    assert all(word == word.lower() and word.isalpha() for word in STOPLIST)


@pytest.mark.parametrize("word", ["muppet", "(muppet)", "mupp3et", "don't-care", "MUPPET", "b@stard", "дурак"])
def test_words_of_four_letters_may_be_edited(word: str):
    assert eligible(word)


@pytest.mark.parametrize(
    "word", ["cat", "c4t5", "They,", "BECAUSE", "", "...", "@muppet", "(@muppet)", "hello,@muppet", "#muppet",
             "https://muppet", "see:http://muppet", "www.muppet", "muppet.com", "me@muppet.org", "mailto:muppet"]
)  # fmt: skip
def test_short_words_stop_words_and_protected_words_may_not(word: str):
    assert not eligible(word)


def test_a_sentence_without_a_space_is_not_a_domain():
    assert not protected("stupid.Then")


def test_a_hostile_word_costs_no_time():
    started = time.perf_counter()
    for word in ("a" * 10**6, "a@" * 10**5, "a." * 10**5, "@" * 10**6, "." * 10**6):
        eligible(word)
    assert time.perf_counter() - started < 5
