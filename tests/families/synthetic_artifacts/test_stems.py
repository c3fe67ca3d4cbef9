"""Stems as the published package makes them, and what must hold for any word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builtin_checks.synthetic_artifacts.overlap import metrics, rouge_l, rouge_n, stems
from builtin_checks.synthetic_artifacts.stems import measure, stem

# nltk 3.9, PorterStemmer().stem (mode NLTK_EXTENSIONS), which rouge-score uses on words of four letters and more. On 37,103
# different words of English tweets, stories, banking questions and plays both agree.
PAIRS = (
    "caresses=caress ponies=poni ties=tie cats=cat feed=feed agreed=agre plastered=plaster bled=bled motoring=motor "
    "sing=sing conflated=conflat troubled=troubl sized=size hopping=hop tanned=tan falling=fall hissing=hiss fizzed=fizz "
    "failing=fail filing=file happy=happi enjoy=enjoy relational=relat conditional=condit valenci=valenc digitizer=digit "
    "radically=radic differently=differ analogously=analog vietnamization=vietnam operator=oper feudalism=feudal "
    "decisiveness=decis hopefulness=hope callousness=callous sensitivity=sensit sensibility=sensibl triplicate=triplic "
    "formative=form formalize=formal electrical=electr hopeful=hope goodness=good revival=reviv inference=infer "
    "airliner=airlin adjustable=adjust replacement=replac adoption=adopt communism=commun effective=effect probate=probat "
    "rate=rate cease=ceas controlling=control rolling=roll skies=sky dying=die news=news innings=inning geology=geolog "
    "spied=spi died=die flies=fli fully=fulli hopefully=hope"
)
WITNESS = dict(pair.split("=") for pair in PAIRS.split())


def test_stems_are_those_of_the_published_package():
    assert {word: stem(word) for word in WITNESS} == WITNESS


def test_short_words_and_other_scripts_stay():
    assert [stem(word) for word in ("was", "its", "été", "жили", "東京", "2nd")] == ["was", "its", "été", "жили", "東京", "2nd"]
    assert [measure(part) for part in ("", "y", "by", "oaten")] == [0, 0, 0, 2]


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=14))
def test_a_stem_is_no_longer_than_its_word_and_never_empty(word):
    found = stem(word)
    assert found and len(found) <= len(word) and found[0] == word[0]
    assert found == stem(word)


def test_rouge_by_stems():
    answer, summary = "The dams were breaking.", "A dam broke, breaks"
    assert rouge_n(answer, summary, 1).common == 0
    assert rouge_n(answer, summary, 1, stems) == rouge_l(answer, summary, stems) == (2, 4, 4)
    assert rouge_l("relational operators", "relate an operation", stems).fmeasure == pytest.approx(0.8)
    plain, stemmed = metrics(), metrics(stems)
    assert list(plain) == list(stemmed)
    for name in plain:
        low, high = plain[name]([answer], [summary])[0], stemmed[name]([answer], [summary])[0]
        assert high > low if name != "rouge2" and name != "bleu" else high >= low


words = st.lists(st.sampled_from("dam dams broke breaking breaks fog foggy ferry ferries".split()), min_size=2, max_size=8)


@given(words, words)
def test_stems_never_take_single_words_away(answer, summary):
    both = " ".join(answer), " ".join(summary)
    assert rouge_n(*both, 1, stems).common >= rouge_n(*both, 1).common
    assert rouge_l(*both, stems).common >= rouge_l(*both).common
