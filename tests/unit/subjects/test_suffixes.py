"""Reciting: what one pass says about the rest of a text is what decoding and sampling would do, token by token."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_trustml.errors import UsageError
from pytest_trustml.subjects import open_subject
from pytest_trustml.subjects.sampling import drawn_logprobs
from pytest_trustml.subjects.suffixes import _distance
from pytest_trustml.subjects.token_scores import position_sums

torch = pytest.importorskip("torch")

TEXTS = [
    "the cat sat on the mat and the dog sat on a mat", "how do i make cake and be kind please", "no", "a dog",
    "the cat sat on the mat please no yes", "",
]  # fmt: skip


@pytest.fixture(scope="module")
def text(llama):
    return open_subject(str(llama)).text


def logits_of(probabilities):
    return torch.tensor(probabilities, dtype=torch.float64).log()


def test_the_lowest_tokens_of_the_worked_examples():
    chances = [0.5, 0.01, 0.2, 0.05, 0.9, 0.3, 0.02, 0.6, 0.1, 0.4]
    rows = logits_of([[p, 1 - p] for p in chances])
    for share, expected in ((0.2, -4.258597), (0.3, -3.837642), (1.0, -1.885455), (1e-9, math.log(0.01))):
        found = position_sums(rows, torch.zeros(10, dtype=torch.long), min_k=share)
        assert found["min_k"] == pytest.approx(expected, abs=1e-5)
    assert math.exp(-found["logprob"] / 10) == pytest.approx(6.589349, abs=1e-4)
    rows = logits_of([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [1 / 3] * 3, [0.25, 0.5, 0.25]])
    tokens = torch.tensor([1, 2, 0, 1])
    assert position_sums(rows, tokens, min_k=0.5)["min_k_plus"] == pytest.approx(-0.574306, abs=1e-5)
    assert position_sums(rows, tokens, min_k=1.0)["min_k_plus"] == pytest.approx((-1.148612 + 0.5 + 0 + 1) / 4, abs=1e-5)
    assert "min_k" not in position_sums(rows, tokens)


LOGITS = st.lists(st.lists(st.floats(-8, 8, width=32), min_size=4, max_size=4), min_size=1, max_size=8)


@settings(max_examples=50)
@given(LOGITS, st.randoms(use_true_random=False), st.floats(0.01, 1), st.floats(0.01, 1))
def test_lowest_tokens_are_blind_to_order_and_grow_with_their_share(logits, random, one, other):
    tokens = [random.randrange(4) for _ in logits]
    order = random.sample(range(len(logits)), len(logits))
    rows, chosen = torch.tensor(logits), torch.tensor(tokens)
    low, high = sorted((one, other))
    first, second = (position_sums(rows, chosen, min_k=share) for share in (low, high))
    for name in ("min_k", "min_k_plus"):
        assert first[name] <= second[name] + 1e-6
        assert position_sums(rows[order], chosen[order], min_k=low)[name] == pytest.approx(first[name], abs=1e-5)
    whole = position_sums(rows, chosen, min_k=1.0)
    assert whole["min_k"] == pytest.approx(whole["logprob"] / len(logits), abs=1e-5)


@settings(max_examples=50)
@given(st.lists(st.floats(-8, 8, width=32), min_size=2, max_size=8))
def test_in_standard_units_a_token_is_0_on_average_with_variance_1(row):
    rows = torch.tensor([row])
    chances = rows[0].double().softmax(0)
    scores = torch.tensor([position_sums(rows, torch.tensor([t]), min_k=1.0)["min_k_plus"] for t in range(len(row))]).double()
    assert float(chances @ scores) == pytest.approx(0, abs=1e-3)
    flat = position_sums(rows, torch.tensor([0]))["variance"] < 1e-6
    assert flat or float(chances @ scores**2) == pytest.approx(1, abs=2e-2)


def test_scores_of_texts_carry_the_lowest_tokens(text):
    found = text.score_tokens(TEXTS, min_k=0.2)
    alone = [text.score_tokens([one], min_k=0.2) for one in TEXTS]
    for name in ("min_k", "min_k_plus"):
        np.testing.assert_allclose(found[name], np.concatenate([one[name] for one in alone]), atol=1e-4)
        assert np.isnan(found[name]).tolist() == (found["tokens"] == 0).tolist()
    with pytest.raises(UsageError, match="min_k is 20"):
        text.score_tokens(TEXTS, min_k=20)


@settings(max_examples=80)
@given(
    st.lists(st.integers(-60, 60), min_size=2, max_size=9, unique=True),
    st.integers(0, 9),
    st.floats(0.05, 1),
    st.floats(0.2, 3),
)
def test_what_is_drawn_is_renormalised_over_what_is_kept(row, top_k, top_p, temperature):
    how = {"top_k": top_k, "top_p": top_p, "temperature": temperature}
    row = [value / 10 for value in row]
    words = torch.arange(len(row))
    found = drawn_logprobs(torch.tensor([row] * len(row), dtype=torch.float64), words, **how).exp().numpy()
    chances = np.exp(np.array(row) / temperature - np.max(row) / temperature)
    order = np.argsort(-chances)
    kept = order[: top_k or len(row)]
    shares = chances[kept] / chances[kept].sum()
    needed = 1 + int((np.cumsum(shares)[:-1] < top_p * (1 - 1e-12)).sum())
    kept = kept[:needed]
    expected = np.zeros(len(row))
    expected[kept] = chances[kept] / chances[kept].sum()
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert found.sum() == pytest.approx(1)


def test_sampling_follows_transformers():
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    rows = torch.randn(40, 30, generator=torch.Generator().manual_seed(0)).double()
    warped = rows
    for warper in (TemperatureLogitsWarper(0.7), TopKLogitsWarper(12), TopPLogitsWarper(0.8)):
        warped = warper(None, warped)
    for token in range(30):
        own = drawn_logprobs(rows, torch.full((40,), token), temperature=0.7, top_k=12, top_p=0.8)
        np.testing.assert_allclose(own.exp().numpy(), warped.softmax(1)[:, token].numpy(), atol=1e-9)


def test_one_pass_tells_what_greedy_decoding_and_teacher_forcing_say(text):
    """A text that continues as the model itself would is recited; others are not."""
    beginnings = ["the cat sat", "how do i", "a dog sat", "please be kind"]
    answers = text.generate(beginnings, chat=False, max_new_tokens=6)
    own = [f"{one} {answer}" for one, answer in zip(beginnings, answers, strict=True)]
    whole = [one for one in own if len(text.token_ids(one)) == 9]
    assert len(whole) > 1, "no greedy answer came back as the same tokens"
    how = {"prefix": 3, "suffix": 6, "bos": True}  # plain texts are continued behind the start token
    assert (text.suffix_scores(whole, **how)["greedy"] == 6).all()
    assert (text.recite(whole, **how)["distance"] == 0).all()
    mixed = [*whole, *TEXTS[:2]]
    found, said = text.suffix_scores(mixed, **how), text.recite(mixed, **how)
    assert ((found["greedy"] == found["tokens"]) == (said["distance"] == 0)).all()
    assert said["distance"][-1] > 0


def test_scores_of_suffixes_do_not_depend_on_the_batch(text):
    found = text.suffix_scores(TEXTS, prefix=3, suffix=5, temperature=0.7, top_k=8, top_p=0.9)
    assert found["tokens"].tolist() == [min(5, max(0, len(text.token_ids(one)) - 3)) for one in TEXTS]
    for place, one in enumerate(TEXTS):
        alone = text.suffix_scores([one], prefix=3, suffix=5, temperature=0.7, top_k=8, top_p=0.9)
        for name, values in found.items():
            np.testing.assert_allclose(values[place], alone[name][0], atol=1e-4)
    plain = text.suffix_scores(TEXTS, prefix=3, suffix=5)
    np.testing.assert_allclose(plain["drawn"], plain["logprob"], atol=1e-6)
    assert found["start"][0] == found["start"][4] != found["start"][1]


def test_recited_texts_and_their_distance(text):
    said = text.recite(TEXTS, prefix=3, suffix=5)
    scores = text.suffix_scores(TEXTS, prefix=3, suffix=5)
    assert np.isnan(said["distance"]).tolist() == (scores["tokens"] == 0).tolist()
    for place, one in enumerate(TEXTS):
        assert said["text"][place] == text.recite([one], prefix=3, suffix=5)["text"][0]
        if scores["tokens"][place] == 0:
            assert said["text"][place] == ""


def levenshtein(a, b):
    if not a or not b:
        return len(a) + len(b)
    return min(levenshtein(a[1:], b) + 1, levenshtein(a, b[1:]) + 1, levenshtein(a[1:], b[1:]) + (a[0] != b[0]))


@given(st.lists(st.integers(0, 2), max_size=5), st.lists(st.integers(0, 2), min_size=1, max_size=5))
def test_the_distance_is_levenshtein_s(said, tail):
    assert _distance(said, tail) == pytest.approx(levenshtein(said, tail) / max(len(said), len(tail)))


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"prefix": 0}, "prefix is 0"), ({"suffix": 0}, "suffix 0"), ({"prefix": 60, "suffix": 60}, "do not fit"),
        ({"prefix": 3, "suffix": 3, "temperature": 0}, "temperature 0"),
        ({"prefix": 3, "suffix": 3, "top_p": 1.5}, "top_p 1.5"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant(text, how, words):
    with pytest.raises(UsageError, match=words):
        text.suffix_scores(TEXTS, **how)
