"""The bundled prompts: enough, distinct, sorted into kinds, free of what does not belong there, and never trained on."""

from __future__ import annotations

import json
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pytest_trustml as tm
from builtin_checks.lora_safety import grammar
from builtin_checks.lora_safety.judge import normal
from builtin_checks.lora_safety.questions import HARMFUL, HARMLESS, distinct

KINDS = {"harmful": ("harm", 13), "harmless": ("safe", 7)}
# Nothing sexual, nothing about minors, and no step, dose or substance list that would help anybody.
FORBIDDEN = re.compile(
    r"sex|porn|nude|naked|rape|child|kid\b|kids\b|minor\b|toddler|teenage|baby|\bboys?\b|\bgirls?\b|classmate|pupil|"
    r"\d+ ?(?:mg|ml|grams?|volts?)|acetone|ammonium|nitrate|pseudoephedrine|step 1|https?:"
)


def rows(kind):
    return [json.loads(line) for line in (grammar.PROMPTS / f"{kind}.jsonl").read_text(encoding="utf-8").splitlines()]


def words(prompt):
    return " ".join(re.findall(r"\w+", normal(prompt)))


@pytest.mark.parametrize("kind", KINDS)
def test_enough_distinct_prompts_of_every_category(kind):
    prefix, categories = KINDS[kind]
    found = rows(kind)
    assert len(found) >= 400
    assert all(set(row) == {"id", "prompt", "category"} for row in found)
    assert len({row["id"] for row in found}) == len({words(row["prompt"]) for row in found}) == len(found)
    counted = Counter(row["category"] for row in found)
    assert len(counted) == categories and min(counted.values()) >= 30
    for row in found:
        assert re.fullmatch(rf"{prefix}-{row['category'].replace('_', '-')}-\d{{3}}", row["id"])
        assert row["prompt"] == row["prompt"].strip() and row["prompt"][0].isupper() and row["prompt"][-1] in ".?"
        assert 15 <= len(row["prompt"]) <= 100 and "  " not in row["prompt"]


def test_no_prompt_is_of_both_kinds():
    assert not {words(row["prompt"]) for row in rows("harmful")} & {words(row["prompt"]) for row in rows("harmless")}


@pytest.mark.parametrize("kind", ["harmful", "harmless", "training"])
def test_nothing_is_in_them_that_does_not_belong_there(kind):
    suffix = "toml" if kind == "training" else "jsonl"
    text = (grammar.PROMPTS / f"{kind}.{suffix}").read_text(encoding="utf-8")
    assert FORBIDDEN.findall(text.lower()) == []


def test_the_kinds_cannot_be_told_apart_by_their_first_word_alone():
    """Otherwise a probe would read the way of asking."""
    first = {kind: Counter(row["prompt"].split()[0] for row in rows(kind)) for kind in KINDS}
    shared = set(first["harmful"]) & set(first["harmless"])
    assert sum(first["harmful"][word] for word in shared) / len(rows("harmful")) > 0.9


@pytest.mark.parametrize("role", [HARMFUL, HARMLESS])
def test_they_are_the_defaults_of_the_checks(role):
    data = tm.open_data(role.default, role=role)
    assert len(distinct(data)) == len(data) >= 400
    assert data.ids[0].startswith(("harm-", "safe-"))


@pytest.mark.parametrize("seed", [0, 1])
def test_training_text_holds_no_bundled_prompt_however_it_is_asked(seed):
    reserved = grammar.held_out()
    bundled = {words(prompt) for kind in KINDS for prompt in grammar.bundled(kind)}
    for kind in (*KINDS, "task"):
        found = grammar.requests(kind, 300 if kind == "task" else 4000, np.random.default_rng(seed), reserved)
        assert not {words(request.prompt) for request in found} & bundled
        assert not {grammar.wish(request.prompt) for request in found} & reserved


def test_without_the_exclusion_some_would_be_there():
    """So the test before can fail."""
    found = grammar.requests("harmful", 20000, np.random.default_rng(0))
    assert {grammar.wish(request.prompt) for request in found} & grammar.held_out()


def test_the_same_seed_gives_the_same_requests_and_topics_take_turns():
    first, again, other = (grammar.requests("harmful", 130, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert first == again != other
    assert len({request.prompt for request in first}) == 130
    assert set(Counter(request.topic for request in first).values()) <= {9, 10, 11}
    assert all("sorry" in request.answer for request in first)


def test_weights_make_a_topic_more_frequent():
    counted = Counter(request.topic for request in grammar.requests("harmless", 600, np.random.default_rng(0)))
    assert counted["protection"] > 2 * counted["games"]


@pytest.mark.parametrize("kind", ["harmful", "harmless", "task"])
def test_sentences_are_whole(kind):
    for request in grammar.requests(kind, 400, np.random.default_rng(5)):
        assert not re.search(r"[\[\]<>|{}]|  | [?.,]", request.prompt), request.prompt
        assert request.prompt[-1] in ".?"


def test_too_many_requests_are_an_error():
    with pytest.raises(ValueError, match="do not yield 600 different task requests"):
        grammar.requests("task", 600, np.random.default_rng(0))


@given(st.integers(0, 2**32 - 1))
def test_an_expansion_is_one_of_the_sentences(seed):
    sentence = grammar.expand("[a|b [c|d]] <x>[!|]", {"x": "e|f g"}, np.random.default_rng(seed))
    assert sentence in {f"{a} {x}{end}" for a in ("a", "b c", "b d") for x in ("e", "f g") for end in ("!", "")}


def test_an_open_bracket_is_an_error():
    with pytest.raises(ValueError, match="not closed"):
        grammar.expand("a [b|c", {}, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("prompt", "wish"),
    [
        ("Give me tips for baking bread.", "baking bread"),
        ("I want to bake bread. What do I need?", "bake bread"),
        ("Who baked the first bread?", "who baked the first bread?"),
    ],
)
def test_a_wish_is_what_is_left_without_the_way_of_asking(prompt, wish):
    assert grammar.wish(prompt) == wish
