from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pytest_trustml as tm
from pytest_trustml.attacks.text_edits.candidates import Spot
from pytest_trustml.attacks.text_edits.canonical import HOMOGLYPHS
from pytest_trustml.attacks.text_edits.edits import FAMILIES
from pytest_trustml.attacks.text_edits.words import Words, eligible
from pytest_trustml.errors import DataError, SubjectError, UsageError
from tests.unit.attacks.text_edits.victims import RUDE, Counted, on_hash, on_lower_words, on_words, word_score

PIECES = ["stupid", "muppet,", "rotten", "@muppet", "they", "are", "awful", "Stupid!", "nice", "#stupid", "a"]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=9).map(" ".join)


def four(spot: Spot):
    """The candidates of the worked trace: exchange, delete, space, first look-alike."""
    word = spot.core
    yield "swap", word[0] + word[2] + word[1] + word[3:]
    yield "delete", word[0] + word[2:]
    yield "space", word[0] + " " + word[1:]
    k = next(k for k, letter in enumerate(word) if letter in HOMOGLYPHS)
    yield "homoglyph", word[:k] + HOMOGLYPHS[word[k]] + word[k + 1 :]


FOUR = tm.Recipe(name="four", sources=(four,), least_letters=4)


def test_the_worked_trace():
    """V6. The success is found at query 13; its confirmation is the fourteenth."""
    victim = Counted(on_words)
    [hit] = tm.attack_texts(victim, [RUDE[0]], FOUR, max_edit_ratio=1.0, batch_size=4)
    assert hit.before == pytest.approx(0.908877, abs=5e-7)
    assert [(edit.family, edit.word, edit.before, edit.after) for edit in hit.edits] == [
        ("swap", 4, "stupid", "sutpid"), ("swap", 3, "awful", "afwul"),
    ]  # fmt: skip
    assert (hit.status, hit.text, hit.queries) == ("success", "they are really afwul sutpid people", 14)
    assert hit.after == pytest.approx(0.401312, abs=5e-7)
    drops = {text: hit.before - word_score(text) for text in [text for batch in victim.batches for text in batch][1:5]}
    assert sorted(drops.values(), reverse=True) == pytest.approx([0.218903, 0.158617, 0.028080, 0.017974], abs=5e-7)
    assert word_score("they are really awful sutpid people") == pytest.approx(0.689974, abs=5e-7)
    assert victim.asked == Counter({**dict.fromkeys(victim.asked, 1), hit.text: 2})
    assert [len(batch) for batch in victim.batches] == [1, 4, 4, 4, 1]

    [missed] = tm.attack_texts(on_words, [RUDE[3]], FOUR)
    assert (missed.status, missed.queries, missed.edits) == ("skipped", 1, ())
    assert missed.before == missed.after == pytest.approx(0.401312, abs=5e-7)


@pytest.mark.parametrize(("budget", "status"), [(1, "failed"), (5, "failed"), (10, "failed"), (11, "success"), (14, "success")])
def test_the_trace_is_cut_by_the_budget(budget: int, status: str):
    """The first of the last four candidates is asked at query 10; one more is needed to confirm it."""
    victim = Counted(on_words)
    [result] = tm.attack_texts(victim, [RUDE[0]], FOUR, max_edit_ratio=1.0, max_queries=budget)
    assert result.status == status
    assert result.queries == sum(victim.asked.values()) <= budget
    assert result.why == ("" if status == "success" else "the budget of queries ended")


# Whatever the victim


@pytest.mark.parametrize("label_only", [False, True])
@settings(max_examples=60)
@given(
    texts=st.lists(TEXTS, min_size=1, max_size=6),
    budget=st.integers(1, 60),
    ratio=st.sampled_from([0.2, 0.3, 0.5, 1.0]),
    seed=st.integers(0, 3),
    threshold=st.sampled_from([0.1, 0.3, 0.5]),
)
def test_what_holds_for_any_victim(texts, budget, ratio, seed, threshold, label_only):
    def predict(batch: list[str]) -> list[float]:
        return [score >= threshold for score in on_hash(batch)] if label_only else on_hash(batch)

    given_texts = list(texts)
    keywords = dict(threshold=threshold, max_edit_ratio=ratio, seed=seed, label_only=label_only)
    results = tm.attack_texts(predict, texts, max_queries=budget, **keywords)
    assert texts == given_texts
    for text, result in zip(texts, results, strict=True):
        counted = Counted(predict)
        assert [result] == tm.attack_texts(counted, [text], max_queries=budget, batch_size=3, **keywords)
        assert result.original == text
        assert result.queries == sum(counted.asked.values()) <= budget
        assert [count for asked, count in counted.asked.items() if count > 1] == ([2] if result.status == "success" else [])
        words = Words(text).words
        spelling = list(words)
        for edit in result.edits:
            assert words[edit.word] == edit.before != edit.after
            assert eligible(edit.before)
            spelling[edit.word] = edit.after
        assert Words(text).joined(spelling) == result.text
        assert len({edit.word for edit in result.edits}) == len(result.edits) <= ratio * len(words)
        detected = on_hash([text])[0] >= threshold
        assert (result.status == "skipped") == (not detected)
        if result.status == "success":
            assert on_hash([result.text])[0] < threshold
            assert result.text != text and result.why == ""
        else:
            assert result.why
        if result.status == "skipped":
            assert (result.text, result.queries, result.edits) == (text, 1, ())


@settings(max_examples=80)
@given(TEXTS, st.integers(1, 40), st.integers(0, 30), st.booleans(), st.integers(0, 9))
def test_a_larger_budget_loses_no_success(text: str, budget: int, more: int, label_only: bool, seed: int):
    def predict(batch: list[str]) -> list[float]:
        return [score >= 0.2 for score in on_hash(batch)] if label_only else on_hash(batch)

    keywords = dict(threshold=0.2, label_only=label_only, seed=seed, max_edit_ratio=0.6)
    [small] = tm.attack_texts(predict, [text], max_queries=budget, **keywords)
    [large] = tm.attack_texts(predict, [text], max_queries=budget + more, **keywords)
    if small.status == "success":
        assert large.status == "success" and len(large.edits) <= len(small.edits)


@settings(max_examples=40)
@given(TEXTS, st.lists(st.sampled_from(list(FAMILIES)), min_size=1, unique=True), st.sampled_from(list(FAMILIES)))
def test_more_families_lose_no_success_on_a_bag_of_words(text: str, families: list[str], more: str):
    """Only there: words then matter one by one. A victim that mixes them can be led astray by a better first step."""
    results = [
        tm.attack_texts(on_words, [text], tm.greedy_edits(chosen), max_queries=10**6, max_edit_ratio=1.0)[0]
        for chosen in (families, list(dict.fromkeys([*families, more])))
    ]
    assert results[0].status != "success" or results[1].status == "success"


def test_neither_order_nor_batch_nor_company_changes_a_result():
    texts = [f"{text} {k}" for text in RUDE for k in range(80)]
    results = dict(zip(texts, tm.attack_texts(on_hash, texts, threshold=0.2), strict=True))
    shuffled = random.Random(0).sample(texts, len(texts))
    for size in (1, 7, 1000):
        assert tm.attack_texts(on_hash, shuffled, threshold=0.2, batch_size=size) == [results[text] for text in shuffled]
    assert {result.status for result in results.values()} == {"skipped", "success", "failed"}
    assert tm.attack_texts(on_hash, texts, threshold=0.2, seed=1) != list(results.values())


RECIPES = {
    "deepwordbug": tm.deepwordbug(),
    "textbugger": tm.textbugger({"stupid": ["silly", "daft"]}, lambda texts: [[1.0, len(text) / 50] for text in texts]),
    "pwws": tm.pwws({"stupid": ["silly", "daft"], "rotten": ["bad"], "awful": ["poor", "bad"]}),
    "textfooler": tm.textfooler({"stupid": ["silly", "daft"], "muppet": ["person"], "awful": ["poor"]}, None),
    "paraphrase": tm.paraphrasing(lambda texts: [text[1:] for text in texts], lambda texts: [text[::-1] for text in texts]),
}


@pytest.mark.parametrize("name", RECIPES)
@settings(max_examples=25)
@given(st.lists(TEXTS, min_size=1, max_size=5), st.integers(1, 80), st.sampled_from([0.1, 0.4]))
def test_every_recipe_keeps_the_promises(name: str, texts: list[str], budget: int, threshold: float):
    keywords = dict(threshold=threshold, max_edit_ratio=0.6)
    results = tm.attack_texts(on_hash, texts, RECIPES[name], max_queries=budget, **keywords)
    for text, result in zip(texts, results, strict=True):
        victim = Counted(on_hash)
        assert tm.attack_texts(victim, [text], RECIPES[name], max_queries=budget, batch_size=2, **keywords) == [result]
        assert result.queries == victim.asked.total() <= budget
        assert (result.status == "success") == (on_hash([result.text])[0] < threshold and result.text != text)
        if result.status == "success":
            [larger] = tm.attack_texts(on_hash, [text], RECIPES[name], max_queries=500, **keywords)
            assert larger.status == "success"


# Victims of which the outcome is known


def test_constant_victims():
    always = tm.success_table(tm.attack_texts(lambda texts: np.ones(len(texts)), RUDE, max_queries=500))
    assert (always.attack_success_rate, always.attackable) == (0, 6)
    never = tm.success_table(tm.attack_texts(lambda texts: np.zeros(len(texts)), RUDE))
    assert never.skipped == 6 and never.total_evasion == 1
    with pytest.raises(DataError, match="No text was attackable"):
        _ = never.attack_success_rate


@pytest.mark.parametrize("label_only", [False, True])
def test_a_victim_that_canonicalises_is_blind_to_what_nobody_sees(label_only: bool):
    def plain(texts: list[str]) -> list[float]:
        scores = np.array(on_words([text.replace(",", "").replace(";", "") for text in texts]))
        return scores >= 0.5 if label_only else scores

    def hardened(texts: list[str]) -> list[float]:
        return plain([tm.canonicalise(text) for text in texts])

    invisible = tm.greedy_edits(["homoglyph", "zero_width", "diacritic"])
    keywords = dict(max_edit_ratio=0.5, max_queries=200, label_only=label_only)
    least = 3 if label_only else 4  # words in random order, and only so many may be edited
    open_door = tm.success_table(tm.attack_texts(plain, RUDE, invisible, **keywords))
    assert open_door.successes >= least
    shut = tm.attack_texts(hardened, RUDE, invisible, **keywords)
    assert tm.success_table(shut).attack_success_rate == 0
    if not label_only:
        assert all(result.edits == () for result in shut)
    assert tm.success_table(tm.attack_texts(hardened, RUDE, **keywords)).successes >= least  # misspellings still work


def test_edits_without_effect_cost_queries_and_are_not_kept():
    results = tm.attack_texts(on_lower_words, [RUDE[0]], tm.greedy_edits(["case_flip"]), max_edit_ratio=1.0)
    assert [(result.status, result.edits, result.queries) for result in results] == [("failed", (), 1 + 4 + 4)]
    assert results[0].why == "every word was tried"


def test_a_spelling_that_two_families_offer_belongs_to_the_first():
    def twice(spot: Spot):
        yield "first", "x"
        yield "second", "x"

    victim = Counted(on_words)
    recipe = tm.Recipe(name="twice", sources=(twice,))
    [result] = tm.attack_texts(victim, ["stupid people"], recipe, max_edit_ratio=1.0)
    assert [edit.family for edit in result.edits] == ["first"]
    assert result.queries == 1 + 2 + 1 + 1


def test_protected_words_stay():
    text = RUDE[4]
    [result] = tm.attack_texts(lambda texts: [0.9] * len(texts), [text], max_queries=1000, max_edit_ratio=1.0, label_only=False)
    assert result.edits == ()
    [hit] = tm.attack_texts(on_lower_words, [text], max_queries=1000, max_edit_ratio=1.0)
    for word in ("https://example.com/muppet", "@muppet", "#stupid", "The", "there"):
        assert word in hit.text.split()


def test_few_words_allow_no_edit_under_a_small_ratio():
    [result] = tm.attack_texts(on_words, ["stupid awful muppet"])
    assert (result.status, result.queries) == ("failed", 1)
    assert result.why == "the text has 3 words, too few for max_edit_ratio to allow an edit"
    [hit] = tm.attack_texts(on_words, ["stupid awful people"], max_edit_ratio=0.67)
    assert hit.status == "success"


@pytest.mark.parametrize("text", ["", "   ", "they are", "@muppet"])
def test_texts_without_a_word_to_edit(text: str):
    [result] = tm.attack_texts(lambda texts: [0.9] * len(texts), [text])
    assert (result.status, result.queries, result.why) == ("failed", 1, "no word of the text may be edited")


def test_long_texts_are_not_lost_in_the_ranking():
    """Ranked in blocks: a hundred queries are enough for a text of three hundred words whose third word matters."""
    text = "they really stupid " + " ".join(f"word{'abcdefghij'[k % 10]}" for k in range(300))
    [result] = tm.attack_texts(lambda texts: [0.9 if "stupid" in t.split() else 0.1 for t in texts], [text])
    assert result.status == "success"
    assert result.queries <= 1 + 64 + 10 + 1


def test_a_victim_that_contradicts_itself_is_told():
    seen: Counter[str] = Counter()

    def moody(texts: list[str]) -> list[float]:
        seen.update(texts)
        return [0.9 if seen[text] > 1 or text == RUDE[0] else 0.1 for text in texts]

    [result] = tm.attack_texts(moody, [RUDE[0]])
    assert (result.status, result.after) == ("failed", 0.9)
    assert result.why == "the victim contradicts itself: it scored the same text 0.1, then 0.9"


def test_rounding_in_the_victim_decides_nothing():
    """A victim whose log-odds shake by a few units of float32 in every call is attacked the same way every time."""
    texts = [f"{text} {k}" for text in RUDE for k in range(20)]
    noise = np.random.default_rng(0)

    def shaking(batch: list[str]) -> np.ndarray:
        scores = np.array(on_words(batch))
        return 1 / (1 + np.exp(-np.log(scores / (1 - scores)) - noise.uniform(-1e-6, 1e-6, len(batch))))

    exact, shaken = (tm.attack_texts(victim, texts, threshold=0.45) for victim in (on_words, shaking))
    assert [(one.text, one.status, one.queries) for one in exact] == [(one.text, one.status, one.queries) for one in shaken]


# Labels only


def test_labels_only_finds_what_one_edit_can_flip():
    def detects(texts: list[str]) -> list[bool]:
        return ["stupid" in text for text in texts]

    victim = Counted(detects)
    [result] = tm.attack_texts(victim, ["you really stupid person from the town"], label_only=True, max_edit_ratio=0.5)
    assert (result.status, result.before, result.after) == ("success", 1.0, 0.0)
    assert "stupid" not in result.text
    assert result.queries == sum(victim.asked.values())
    last = result.edits[-1]
    assert (last.before, last.family) == ("stupid", "swap_inner")  # of those that flip, the first
    assert all(edit.family == "leet" for edit in result.edits[:-1] if edit.before in ("really", "person"))


def test_labels_only_keeps_edits_until_only_the_last_is_left():
    """Two of the three rude words must change. The last edit that the ratio allows is kept for one that flips."""

    def detects(texts: list[str]) -> list[bool]:
        return [sum(word in text.split() for word in ("stupid", "awful", "rotten")) >= 2 for text in texts]

    wins = 0
    for seed in range(20):
        [result] = tm.attack_texts(
            detects, ["stupid awful rotten the a an or if"], label_only=True, max_edit_ratio=0.25, max_queries=1000, seed=seed
        )
        assert len(result.edits) <= 2
        wins += result.status == "success"
    assert wins == 20


def test_labels_only_order_is_seeded():
    orders = set()
    for seed in range(10):
        victim = Counted(lambda texts: [True] * len(texts))
        tm.attack_texts(victim, ["stupid awful rotten muppet town"], label_only=True, max_edit_ratio=1.0, seed=seed)
        orders.add(tuple(batch[0] for batch in victim.batches))
    assert len(orders) > 5


# What is refused


@pytest.mark.parametrize(("answer", "words"), [
    (lambda texts: [float("nan")] * len(texts), "the score nan"),
    (lambda texts: [1.5] * len(texts), "the score 1.5"),
    (lambda texts: [-3.0] * len(texts), "convert logits first"),
    (lambda texts: [[0.1, 0.9]] * len(texts), r"shape \(1, 2\)"),
    (lambda texts: [0.9], r"for 6 texts"),
    (lambda texts: ["hate"] * len(texts), "one number per text"),
    (lambda texts: 0.9, r"shape \(\)"),
])  # fmt: skip
def test_scores_that_are_none(answer, words: str):
    texts = RUDE if "6" in words else RUDE[:1]
    with pytest.raises(SubjectError, match=words):
        tm.attack_texts(answer, texts)


@pytest.mark.parametrize("answer", [[0.7], ["yes"], [[True]]])
def test_labels_that_are_none(answer):
    with pytest.raises(SubjectError, match="one bool per text"):
        tm.attack_texts(lambda texts: answer, RUDE[:1], label_only=True)


@pytest.mark.parametrize(("keywords", "words"), [
    ({"threshold": 0.0}, "threshold"), ({"threshold": 1.1}, "threshold"), ({"threshold": float("nan")}, "threshold"),
    ({"max_queries": 0}, "max_queries"), ({"max_queries": 2.5}, "max_queries"), ({"batch_size": 0}, "batch_size"),
    ({"max_edit_ratio": 0}, "max_edit_ratio"), ({"max_edit_ratio": 1.5}, "max_edit_ratio"), ({"seed": 0.5}, "seed"),
])  # fmt: skip
def test_settings_that_cannot_be_meant(keywords: dict, words: str):
    with pytest.raises(UsageError, match=words):
        tm.attack_texts(on_words, RUDE, **keywords)


def test_texts_that_are_none():
    with pytest.raises(DataError, match="one text"):
        tm.attack_texts(on_words, "stupid")
    with pytest.raises(DataError, match="Row 1 is a float"):
        tm.attack_texts(on_words, ["stupid", float("nan")])
    assert tm.attack_texts(on_words, []) == []


def test_progress_steps_once_per_text():
    steps: list[int] = []
    tm.attack_texts(on_words, RUDE, progress=steps.append)
    assert steps == [1] * 6


def test_families_are_named_as_they_are():
    with pytest.raises(UsageError, match="Did you mean 'leet'"):
        tm.greedy_edits(["leeet"])
    with pytest.raises(UsageError, match="families is empty"):
        tm.greedy_edits([])


def test_synonyms_join_as_a_family():
    recipe = tm.greedy_edits(["case_flip"], synonyms={"stupid": ["unwise"], "awful": ["poor"]})
    [result] = tm.attack_texts(on_lower_words, ["They are really AWFUL Stupid people"], recipe, max_edit_ratio=1.0)
    assert result.text == "They are really POOR Unwise people"
    assert {edit.family for edit in result.edits} == {"synonym"}
