from __future__ import annotations

import string
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pytest_trustml.attacks.text_edits.canonical import CONFUSABLES, HOMOGLYPHS, canonicalise
from pytest_trustml.attacks.text_edits.edits import FAMILIES, Draw
from pytest_trustml.attacks.text_edits.metrics import levenshtein
from pytest_trustml.attacks.text_edits.words import Words

WORDS = st.text(st.characters(exclude_categories=["Z", "Cc", "Cs"]), min_size=1)
INVISIBLE = ["homoglyph", "zero_width", "diacritic"]


def edit(family: str, core: str, seed: int = 0, index: int = 0) -> str:
    draw = Draw(seed, "text")
    return FAMILIES[family](core, lambda purpose, count: draw.pick(index, purpose, count))


def test_the_ten_families_and_their_order():
    assert list(FAMILIES) == [
        "swap_inner", "delete_inner", "duplicate_inner", "space_insert", "leet", "homoglyph", "zero_width", "diacritic",
        "punct_insert", "case_flip",
    ]  # fmt: skip


@pytest.mark.parametrize(("family", "distance"), [
    ("swap_inner", 2), ("delete_inner", 1), ("duplicate_inner", 1), ("space_insert", 1), ("leet", 3), ("homoglyph", 5),
    ("zero_width", 1), ("diacritic", 1), ("punct_insert", 1), ("case_flip", 3),
])  # fmt: skip
def test_each_family_does_what_it_says(family: str, distance: int):
    places = {edit(family, "stupid", seed) for seed in range(60)}
    assert "stupid" not in places
    assert all(levenshtein("stupid", place) == distance for place in places)
    if distance == 1:
        assert len(places) >= 4  # the place is drawn, not fixed


def test_what_the_fixed_families_write():
    assert edit("leet", "stupid") == "57up1d"
    assert edit("case_flip", "stupid") == "sTuPiD"
    assert edit("case_flip", "maßlos") == "mAßLoS"
    assert edit("homoglyph", "stupid") == "ѕtυріԁ"


@given(
    st.sampled_from(["swap_inner", "delete_inner", "duplicate_inner"]), st.text(string.ascii_letters, min_size=1), st.integers()
)
def test_first_and_last_letter_stay(family: str, core: str, seed: int):
    changed = edit(family, core, seed)
    assert changed[0] == core[0] and changed[-1] == core[-1]
    if family == "swap_inner":
        assert sorted(changed) == sorted(core)


@given(st.sampled_from(list(FAMILIES)), WORDS, st.integers(0, 5))
def test_any_word_can_be_edited_and_again_the_same_way(family: str, core: str, index: int):
    assert edit(family, core, 3, index) == edit(family, core, 3, index)


@pytest.mark.parametrize(
    "family", ["swap_inner", "delete_inner", "duplicate_inner", "space_insert", "zero_width", "punct_insert"]
)
def test_a_family_that_does_not_apply_changes_nothing(family: str):
    assert edit(family, "a-1-b") == "a-1-b"


def test_draws_depend_on_seed_text_place_and_purpose():
    numbers = {
        Draw(seed, text).pick(index, purpose, 2**60)
        for seed in (0, 1) for text in ("a", "b") for index in (0, 1) for purpose in ("x", "y")
    }  # fmt: skip
    assert len(numbers) == 16
    assert Draw(0, "lone \ud800").pick(0, "x", 10) in range(10)


# The canonical form


@given(st.text())
def test_canonicalising_twice_is_canonicalising_once(text: str):
    once = canonicalise(text)
    assert canonicalise(once) == once


@given(st.text(st.characters(max_codepoint=127)))
def test_plain_text_stays(text: str):
    assert canonicalise(text) == text


@given(st.sampled_from(INVISIBLE), st.lists(WORDS, min_size=1), st.integers(0, 9), st.integers(0, 3))
def test_what_nobody_sees_is_undone(family: str, words: list[str], place: int, seed: int):
    text = " ".join(words)
    cut = Words(text)
    assume(cut.words)
    place %= len(cut)
    spelling = list(cut.words)
    spelling[place] = edit(family, spelling[place], seed, place)
    assert canonicalise(cut.joined(spelling)) == canonicalise(text)


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - set(INVISIBLE)))
def test_what_everybody_sees_stays(family: str):
    changed = edit(family, "stupid")
    assert canonicalise(changed) == changed


def test_every_confusable_survives_decomposition():
    """A letter that NFKD takes apart would never reach the table."""
    for look, letter in CONFUSABLES.items():
        assert unicodedata.normalize("NFKD", look) == look
        assert letter in string.ascii_letters and letter not in CONFUSABLES
    assert len(HOMOGLYPHS) >= 20 and len(set(HOMOGLYPHS.values())) == len(HOMOGLYPHS)


def test_the_spelling_of_other_scripts_stays():
    for text in ("हिन्दी में", "ภาษาไทยที่", "עִבְרִית", "اَلْعَرَبِيَّة", "한국어", "ガギグ", "中文"):
        assert canonicalise(text) == unicodedata.normalize("NFKC", text)


def test_nfkc_alone_does_not_fold_cyrillic():
    assert unicodedata.normalize("NFKC", "\u0430") == "\u0430"
    assert canonicalise("\u0430") == "a"
    assert canonicalise("𝐬𝐭𝐮𝐩𝐢𝐝 ｓｔｕｐｉｄ") == "stupid stupid"
