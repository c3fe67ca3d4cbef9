"""Messages of the made-up town: different, noisy, long-tailed, and about what they are filed under, mostly."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builtin_checks.synthetic_artifacts import grammar
from builtin_checks.synthetic_artifacts.grammar import TOPICS, message, messages


@pytest.fixture(scope="module")
def many():
    return messages(3000, np.random.default_rng(0))


def test_the_same_numbers_make_the_same_messages():
    first, again, other = (messages(40, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert first == again and not {one.text for one in first} & {one.text for one in other}


def test_the_messages_are_different_and_of_all_lengths(many):
    assert len({one.text for one in many}) == 3000
    counts = Counter(one.topic for one in many)
    assert set(counts) == set(TOPICS) and min(counts.values()) > 650
    lengths = [len(one.text.split()) for one in many]
    assert np.percentile(lengths, 5) < 12 and np.percentile(lengths, 95) > 30
    assert not any("{" in one.text or "}" in one.text for one in many)


def test_words_have_a_long_tail(many):
    counts = Counter(word.lower().strip(".,!-") for one in many for word in one.text.split())
    once = sum(count == 1 for count in counts.values())
    assert once / len(counts) > 0.4, "half of the words stand there once: names and typing errors"
    common = sum(count for _, count in counts.most_common(60))
    assert common / sum(counts.values()) > 0.4


def test_topics_share_most_of_their_words(many):
    words = {
        topic: Counter(word for one in many if one.topic == topic for word in one.text.lower().split()) for topic in TOPICS
    }
    often = {topic: {word for word, count in found.items() if count > 10} for topic, found in words.items()}
    shared = set.intersection(*often.values())
    assert all(len(shared) / len(found) > 0.35 for found in often.values())


def test_a_reader_finds_the_topics_but_stays_modest(many):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts, topics = [one.text for one in many], np.array([one.topic for one in many])
    reader = make_pipeline(TfidfVectorizer(sublinear_tf=True), LogisticRegression(C=4.0, max_iter=500)).fit(
        texts[:800], topics[:800]
    )
    right = (reader.predict(texts[800:]) == topics[800:]).mean()
    gold = reader.predict_proba(texts[800:])[np.arange(2200), np.searchsorted(TOPICS, topics[800:])].mean()
    assert 0.6 < right < 0.9 and 0.4 < gold < 0.75, (right, gold)


def test_some_trays_are_wrong(monkeypatch):
    """With the same random numbers, only the trays change."""
    monkeypatch.setattr(grammar, "WRONG_TRAY", 0.0)
    clean = [message(topic, np.random.default_rng(seed)) for seed, topic in enumerate(TOPICS * 25)]
    assert len(set(clean)) == 100
    rng = np.random.default_rng(1)
    assert {one.topic for one in messages(200, rng)} == set(TOPICS)


def test_one_tray_in_seven_is_wrong(monkeypatch):
    monkeypatch.setattr(grammar, "message", lambda topic, rng: f"{topic} {rng.random()}")
    filed = messages(5000, np.random.default_rng(0))
    wrong = np.mean([one.text.split()[0] != one.topic for one in filed])
    assert wrong == pytest.approx(grammar.WRONG_TRAY, abs=0.02)


@given(st.integers(0, 2**32 - 1), st.sampled_from(TOPICS))
def test_every_message_says_something(seed, topic):
    text = message(topic, np.random.default_rng(seed))
    assert len(text.split()) >= 3 and text.strip() == text
    assert "{" not in text


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=12), st.integers(0, 2**32 - 1))
def test_a_slip_is_one_edit(word, seed):
    slipped = grammar._slipped(word, np.random.default_rng(seed))
    assert abs(len(slipped) - len(word)) <= 1
    assert len(word) >= 3 or slipped == word
    if len(slipped) == len(word):
        assert sum(a != b for a, b in zip(word, slipped, strict=True)) <= 2
