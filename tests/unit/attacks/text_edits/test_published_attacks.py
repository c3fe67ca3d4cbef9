"""The recipes of the literature, each on a case small enough to follow by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import pytest_trustml as tm
from pytest_trustml.attacks.text_edits.constraints import SamePartOfSpeech, Similarity, Trial
from pytest_trustml.errors import SubjectError, UsageError
from tests.unit.attacks.text_edits.test_synonyms import save_wordnet
from tests.unit.attacks.text_edits.victims import RUDE, Counted, on_lower_words, on_words

WHOLE = dict(max_edit_ratio=1.0, max_queries=1000)


def angles(table: dict[str, float]):
    """An encoder that points a text in the direction of the sum of its words' angles (degrees)."""

    def encode(texts: list[str]) -> np.ndarray:
        turned = np.radians([sum(table.get(word, 0.0) for word in text.split()) for text in texts])
        return np.stack([np.cos(turned), np.sin(turned)], 1)

    return encode


# DeepWordBug


def test_deepwordbug_ranks_by_the_unknown_word_and_makes_four_kinds_of_edit():
    victim = Counted(on_words)
    [result] = tm.attack_texts(victim, [RUDE[0]], tm.deepwordbug(), **WHOLE)
    assert result.status == "success"
    assert {edit.family for edit in result.edits} <= {"swap", "substitute", "delete", "insert"}
    assert "they are really awful [UNK] people" in victim.asked
    assert len(victim.batches[2]) == 4
    assert all(tm.levenshtein("stupid", text.split()[4]) <= 2 for text in victim.batches[2])


def test_deepwordbug_changes_at_most_thirty_characters():
    text = " ".join(["rotten"] * 60)

    def stubborn(texts: list[str]) -> list[float]:
        return [0.6 + 0.3 * text.split().count("rotten") / 60 for text in texts]

    [result] = tm.attack_texts(stubborn, [text], tm.deepwordbug(), **WHOLE)
    assert result.status == "failed"
    assert 29 <= tm.levenshtein(text, result.text) <= 30


def test_stop_words_are_known_whatever_their_case():
    """TextAttack compares them as they are, so that "The" may be edited there."""
    victim = Counted(lambda texts: [0.9] * len(texts))
    tm.attack_texts(victim, ["The They THE the"], tm.deepwordbug(), **WHOLE)
    assert victim.asked.total() == 1
    tm.attack_texts(victim, ["The They"], tm.deepwordbug(stopwords=["the"]), **WHOLE)
    edited = {text for text in victim.asked if text.startswith("The ")}
    assert len(edited) == 1 + 1 + 4  # both texts as they are, and four edits of They


# TextBugger


def test_textbugger_tries_every_look_alike_letter():
    victim = Counted(on_words)
    tm.attack_texts(victim, ["really stupid"], tm.textbugger({"stupid": ["silly", "daft"]}, None), threshold=0.1, **WHOLE)
    words = {text.split(maxsplit=1)[1] for text in victim.batches[2]}
    alike = {word for word in words if len(word) == 6 and sum(a != b for a, b in zip(word, "stupid", strict=True)) == 1}
    assert len(alike) == 5  # s u p i d; t has no twin
    assert {"silly", "daft"} <= words


def test_of_the_edits_that_evade_the_most_similar_one_is_taken():
    encode = angles({"silly": 30, "daft": 10, "dim": 20})
    recipe = tm.textbugger({"stupid": ["silly", "daft", "dim"]}, encode)
    only = tm.Recipe(name="only", sources=recipe.sources[1:], similarity=recipe.similarity)
    [result] = tm.attack_texts(on_words, ["stupid people"], only, **WHOLE)
    assert result.status == "success" and result.text == "daft people"


def test_edits_that_the_encoder_finds_too_far_are_not_shown_to_the_victim():
    """1 - 36/180 = .8 is the limit of TextBugger."""
    encode = angles({"silly": 37, "daft": 35})
    recipe = tm.textbugger({"stupid": ["silly", "daft"]}, encode)
    victim = Counted(on_words)
    [result] = tm.attack_texts(victim, ["stupid people"], recipe, threshold=0.2, **WHOLE)
    assert "daft people" in victim.asked and "silly people" not in victim.asked
    assert result.status == "failed"


# PWWS


def test_pwws_ranks_by_saliency_times_gain():
    """rotten matters more (it is missed most), but only stupid has a synonym that helps."""
    weights = {"rotten": 2.0, "stupid": 1.5, "bad": 1.9, "unwise": 0.0}

    def victim(texts: list[str]) -> list[float]:
        return [1 / (1 + math.exp(2 - sum(weights.get(word, 0) for word in text.split()))) for text in texts]

    table = {"rotten": ["bad"], "stupid": ["unwise"]}
    [right] = tm.attack_texts(victim, ["rotten stupid thing"], tm.pwws(table), threshold=0.55, **WHOLE)
    assert [edit.after for edit in right.edits] == ["unwise"]
    assert right.queries == 1 + 3 + 2 + 1  # the first word's candidate was asked for the ranking already


def test_the_published_ranking_prefers_a_salient_word_without_a_useful_synonym():
    weights = {"rotten": 3.0, "stupid": 0.5, "bad": 2.99, "unwise": 0.2}

    def victim(texts: list[str]) -> list[float]:
        return [1 / (1 + math.exp(0.5 - sum(weights.get(word, 0) for word in text.split()))) for text in texts]

    table = {"rotten": ["bad"], "stupid": ["unwise"]}
    firsts = []
    for as_published in (False, True):
        [result] = tm.attack_texts(
            victim, ["rotten stupid"], tm.pwws(table, as_published=as_published), threshold=0.01, **WHOLE
        )
        firsts.append(result.edits[0].before)
    assert firsts == ["stupid", "rotten"]


def test_pwws_with_wordnet(tmp_path: Path):
    [result] = tm.attack_texts(on_lower_words, ["Stupid muppet"], tm.pwws(save_wordnet(tmp_path)), **WHOLE)
    assert result.status == "success"
    assert result.text in ("Dim fool", "Dim muppet", "Stupid fool", "Slow-witted muppet", "Slow-witted fool")


# TextFooler


def test_textfooler_looks_at_fifteen_words_and_the_text_before_the_edit():
    recipe = tm.textfooler({"stupid": ["silly"], "muppet": ["person"]}, angles({"silly": 28, "person": 28}))
    ruler = recipe.similarity
    assert (ruler.window, ruler.against) == (15, "previous")
    words = [f"w{k}" for k in range(40)]
    assert ruler.view(words, 20, "") == " ".join(words[13:28])
    assert ruler.view(words, 0, "") == " ".join(words[:15])
    assert ruler.view(words, 39, "") == " ".join(words[25:])
    # Against the original two edits of 28 degrees would be too far (limit 28.65), against the text before they are not.
    long = "stupid muppet " + "they are " * 8
    [result] = tm.attack_texts(on_words, [long], recipe, **WHOLE)
    assert result.status == "success" and len(result.edits) == 2
    against_original = tm.Recipe(
        name="x", sources=recipe.sources, similarity=Similarity(angles({"silly": 28, "person": 28}), 0.840845057, 15)
    )
    [failed] = tm.attack_texts(on_words, [long], against_original, **WHOLE)
    assert failed.status == "failed" and len(failed.edits) == 1


def test_a_short_text_is_not_compared_and_changes_nothing_for_the_next():
    """In OpenAttack a text of fewer than 15 words switches the comparison off for all texts behind it."""
    recipe = tm.textfooler({"stupid": ["silly"]}, angles({"silly": 90}))
    short, long = "stupid awful people", "stupid awful people " + "they are " * 8
    texts = [long, short, long]
    statuses = [result.status for result in tm.attack_texts(on_words, texts, recipe, threshold=0.7, **WHOLE)]
    assert statuses == ["failed", "success", "failed"]


def test_parts_of_speech_are_kept_where_they_are_known(tmp_path: Path):
    recipe = tm.textfooler(save_wordnet(tmp_path), None)
    [constraint] = recipe.constraints
    assert isinstance(constraint, SamePartOfSpeech)
    trial = Trial("", "", "", "Muppet", "stupid")
    assert not constraint(trial)
    assert constraint(trial._replace(after="gull"))  # a noun for a verb is fine
    assert constraint(trial._replace(after="zzz"))  # nothing is known of it
    assert tm.textfooler({"a": ["b"]}, None).constraints == ()
    parts = {"stupid": ["adj"], "muppet": ["noun"], "silly": ["adj"]}
    victim = Counted(on_words)
    recipe = tm.textfooler({"stupid": ["muppet", "silly"]}, None, parts=lambda word: parts.get(word, []))
    tm.attack_texts(victim, ["stupid awful people"], recipe, threshold=0.3, **WHOLE)
    assert "silly awful people" in victim.asked and "muppet awful people" not in victim.asked


# Rewriting


def unwise(texts: list[str]) -> list[str]:
    return [text.replace("stupid", "unwise") for text in texts]


def test_paraphrase_is_one_round():
    victim = Counted(on_words)
    [result] = tm.attack_texts(victim, ["stupid people"], tm.paraphrasing(unwise))
    assert (result.status, result.text, result.queries) == ("success", "unwise people", 3)
    [edit] = result.edits
    assert (edit.family, edit.before, edit.after) == ("paraphrase", "stupid people", "unwise people")


def test_the_best_of_several_writers_counts():
    recipe = tm.paraphrasing(lambda texts: ["stupid folks"] * len(texts), lambda texts: ["people"] * len(texts), unwise)
    [result] = tm.attack_texts(on_words, ["stupid people"], recipe)
    assert (result.status, result.text, result.queries) == ("success", "people", 5)  # the first of two equals


def test_a_writer_that_refuses_makes_no_candidate():
    for write, why in (
        (lambda texts: [""] * len(texts), "no rewriting is new and similar enough"),
        (lambda texts: list(texts), "no rewriting is new and similar enough"),
        (lambda texts: ["stupid muppet"] * len(texts), "no rewriting evades"),
    ):
        [result] = tm.attack_texts(on_words, ["stupid people"], tm.paraphrasing(write))
        assert (result.status, result.why, result.text) == ("failed", why, "stupid people")
        assert result.after == result.before


def test_the_prompt_is_put_around_the_text_even_if_it_has_braces():
    asked: list[str] = []

    def write(prompts: list[str]) -> list[str]:
        asked.extend(prompts)
        return ["x"] * len(prompts)

    tm.attack_texts(on_words, ["stupid {text} {0}"], tm.paraphrasing(write, prompt="Say {text} nicely."))
    assert asked == ["Say stupid {text} {0} nicely."]


def test_rewritings_must_be_similar():
    recipe = tm.paraphrasing(unwise, encode=angles({"unwise": 90}), at_least=0.8)
    [result] = tm.attack_texts(on_words, ["stupid people"], recipe)
    assert (result.status, result.queries) == ("failed", 1)


def test_what_writers_and_encoders_must_give():
    with pytest.raises(SubjectError, match="a NoneType for 1 texts"):
        tm.attack_texts(on_words, ["stupid people"], tm.paraphrasing(lambda texts: [None]))
    with pytest.raises(SubjectError, match="2 answers for 1 texts"):
        tm.attack_texts(on_words, ["stupid people"], tm.paraphrasing(lambda texts: ["a", "b"]))
    with pytest.raises(SubjectError, match="one row of finite numbers"):
        tm.attack_texts(on_words, ["stupid people"], tm.paraphrasing(unwise, encode=lambda texts: np.zeros(len(texts))))
    with pytest.raises(UsageError, match="at least one writer"):
        tm.paraphrasing()
    with pytest.raises(UsageError, match="where the text goes"):
        tm.paraphrasing(unwise, prompt="Say it nicely.")
    with pytest.raises(UsageError, match="at_least"):
        tm.paraphrasing(unwise, encode=angles({}), at_least=2)
    with pytest.raises(UsageError, match="either sources of edits or writers"):
        tm.Recipe(name="empty")
