"""What one pass says about the tokens of a text: the numbers themselves, and that padding, batch and shifts do not matter."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_trustml.errors import DataError, SubjectError, Unsupported, UsageError
from pytest_trustml.subjects import open_subject
from pytest_trustml.subjects.given import given_capability
from pytest_trustml.subjects.residence import Loaded, Residence
from pytest_trustml.subjects.token_scores import CROSS_SUMS, SUMS, position_sums

torch = pytest.importorskip("torch")

IDS = [0, 2, 1, 4, 3, 2]
SCORER = [
    [1, 0.5, 2, -1, 0], [0.2, 1.5, 0.3, 0.1, -0.5], [0, 0, 1, 0.5, 0.25], [2, -1, 0.5, 1, 0], [0.3, 0.6, 0.9, -0.3, 0],
    [0, 0, 0, 0, 0],
]  # fmt: skip
REFERENCE = [
    [0.5, 0.5, 1.5, -0.5, 0], [0, 1, 0.5, 0, 0], [0.2, -0.2, 0.8, 0.4, 0.6], [1.5, -0.5, 0, 1.2, 0.1], [0, 0.5, 1.2, 0, -0.4],
    [1, 0, 0, 0, 0],
]  # fmt: skip
TEXTS = ["the cat sat on the mat", "a", "the dog sat on the mat and the cat sat on a dog please", "no", ""]
CLOSE = {"atol": 2e-5, "rtol": 1e-5}


def sums(logits, ids, reference=None):
    other = None if reference is None else torch.tensor(reference, dtype=torch.float32)[: len(ids)]
    return position_sums(torch.tensor(logits, dtype=torch.float32)[: len(ids)], torch.tensor(ids), other)


def by_hand(logits, ids, reference=None):
    """The definitions, in float64 and one position at a time."""
    found = dict.fromkeys([*SUMS, *(CROSS_SUMS if reference is not None else ())], 0.0)
    for place, token in enumerate(ids):
        row = np.array(logits[place], dtype=float)
        logs = row - row.max() - math.log(np.exp(row - row.max()).sum())
        weights = np.exp(logs)
        rank = 1 + int((row > row[token]).sum())
        found["logprob"] += logs[token]
        found["rank"] += rank
        found["log_rank"] += math.log(rank)
        found["entropy"] -= float(weights @ logs)
        found["variance"] += float(weights @ logs**2 - (weights @ logs) ** 2)
        for most in (10, 100, 1000):
            found[f"top_{most}"] += rank <= most
        if reference is not None:
            other = np.exp(np.array(reference[place], dtype=float))
            other /= other.sum()
            found["cross_entropy"] -= float(other @ logs)
            found["cross_variance"] += float(other @ logs**2 - (other @ logs) ** 2)
    return found


def test_the_worked_example():
    found = sums(SCORER, IDS[1:], REFERENCE)
    expected = {
        "logprob": 5 * -1.140437, "rank": 8, "log_rank": 5 * 0.358352, "entropy": 5 * 1.363776,
        "variance": 0.647363 + 0.517599 + 0.164636 + 0.647363 + 0.160685,
        "cross_entropy": 1.420558 + 1.577264 + 1.582709 + 1.416217 + 1.477092,
        "cross_variance": 0.862779 + 0.538873 + 0.153429 + 0.760906 + 0.182223, "top_10": 5, "top_100": 5, "top_1000": 5,
    }  # fmt: skip
    assert found == pytest.approx(expected, abs=5e-6)


LOGITS = st.integers(2, 12).flatmap(
    lambda v: st.lists(st.lists(st.floats(-20, 20, width=32), min_size=v, max_size=v), min_size=1, max_size=6)
)


@settings(max_examples=30)
@given(LOGITS, st.data())
def test_the_definitions(logits, data):
    ids = [data.draw(st.integers(0, len(row) - 1)) for row in logits]
    reference = np.random.default_rng(0).normal(size=np.shape(logits)).tolist()
    assert sums(logits, ids, reference) == pytest.approx(by_hand(logits, ids, reference), abs=2e-3, rel=1e-4)


@settings(max_examples=30)
@given(LOGITS, st.data())
def test_shifts_and_other_orders_of_the_words_change_nothing(logits, data):
    logits = np.round(np.array(logits, dtype=np.float64), 2)
    ids = [data.draw(st.integers(0, logits.shape[1] - 1)) for _ in logits]
    plain = sums(logits.tolist(), ids)
    order = np.array(data.draw(st.permutations(range(logits.shape[1]))))
    moved = logits[:, order].tolist(), [int(np.flatnonzero(order == token)[0]) for token in ids]
    assert sums(*moved) == pytest.approx(plain, abs=1e-3)
    shifted = sums((logits + 7).tolist(), ids)
    assert shifted["logprob"] == pytest.approx(plain["logprob"], abs=1e-3)
    assert shifted["entropy"] == pytest.approx(plain["entropy"], abs=1e-3)


@settings(max_examples=30)
@given(LOGITS, st.data())
def test_bounds(logits, data):
    v, t = len(logits[0]), len(logits)
    found = sums(logits, [data.draw(st.integers(0, v - 1)) for _ in logits])
    assert found["logprob"] <= 1e-5 and t <= found["rank"] <= t * v
    assert 0 <= found["log_rank"] / t <= math.log(found["rank"] / t) + 1e-6  # Jensen
    assert -1e-5 <= found["entropy"] <= t * (math.log(v) + 1e-5) and found["variance"] >= 0
    assert found["top_10"] <= found["top_100"] <= found["top_1000"] <= t


def test_a_uniform_guess():
    found = sums([[0.0] * 7] * 3, [0, 3, 6])
    assert found["rank"] == 3 and found["variance"] == pytest.approx(0, abs=1e-6)
    assert found["entropy"] == pytest.approx(3 * math.log(7)) == pytest.approx(-found["logprob"])


def test_impossible_words_add_nothing_and_no_number_is_an_error():
    never = -math.inf
    found = sums([[0.0, 1.0, never]], [1], [[0.0, 0.0, never]])
    assert found == pytest.approx(by_hand([[0.0, 1.0]], [1], [[0.0, 0.0]]), abs=1e-6)
    assert sums([[0.0, 1.0, never]], [2])["logprob"] == never
    crossed = sums([[0.0, 1.0, never]], [1], [[0.0, 0.0, 0.0]])
    assert crossed["cross_entropy"] == math.inf == crossed["cross_variance"]
    for bad in (math.nan, math.inf):
        with pytest.raises(SubjectError, match="NaN"):
            sums([[0.0, bad]], [0])


def test_long_texts_in_pieces(monkeypatch):
    from pytest_trustml.subjects import token_scores

    logits = np.random.default_rng(0).normal(size=(23, 11)).tolist()
    ids = [place % 11 for place in range(23)]
    whole = sums(logits, ids, logits)
    monkeypatch.setattr(token_scores, "_CACHED", 3 * 11)
    assert sums(logits, ids, logits) == pytest.approx(whole, rel=1e-6)


def test_vocabularies_of_two_sizes_are_cut_before_the_softmax():
    wide = [[*row, 9.0] for row in REFERENCE]
    assert sums(SCORER, IDS[1:], wide) == pytest.approx(sums(SCORER, IDS[1:], REFERENCE), rel=1e-6)


@pytest.fixture(scope="module")
def text(llama):
    return open_subject(str(llama), device="cpu").text


def test_a_batch_is_its_texts(text):
    together = text.score_tokens(TEXTS)
    assert together["tokens"].tolist() == [5, 0, 13, 0, 0]
    for place, one in enumerate(TEXTS):
        alone = text.score_tokens([one])
        for name, numbers in together.items():
            np.testing.assert_allclose(numbers[place], alone[name][0], **CLOSE, err_msg=f"{one!r} {name}")


def test_it_is_the_pass_of_transformers(text, llama):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = AutoModelForCausalLM.from_pretrained(llama).eval(), AutoTokenizer.from_pretrained(llama)
    ids = tokenizer(TEXTS[0], add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids])).logits[0].tolist()
    found = text.score_tokens(TEXTS[:1])
    for name, number in by_hand(logits[:-1], ids[1:]).items():
        assert found[name][0] == pytest.approx(number, abs=1e-4), name


def test_the_start_token_and_cutting(text):
    plain, started = (text.score_tokens(TEXTS[:1], bos=bos) for bos in (False, True))
    assert started["tokens"][0] == plain["tokens"][0] + 1
    cut = text.score_tokens(TEXTS[:1], max_tokens=4)
    shorter = text.score_tokens([" ".join(TEXTS[0].split()[:4])])
    for name, numbers in cut.items():
        np.testing.assert_allclose(numbers, shorter[name], **CLOSE)
    assert text.score_tokens([TEXTS[0] * 2000], max_tokens=100_000)["tokens"][0] < 100_000  # the model's context
    with pytest.raises(UsageError, match="max_tokens is 1"):
        text.score_tokens(TEXTS, max_tokens=1)
    assert text.score_tokens([]) == {}


def test_a_reference_of_the_same_tokens(text, llama, tmp_path):
    import shutil

    from transformers import AutoModelForCausalLM

    shutil.copytree(llama, tmp_path / "other")
    model = AutoModelForCausalLM.from_pretrained(llama)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1.3)
    model.save_pretrained(tmp_path / "other")
    other = open_subject(str(tmp_path / "other"), device="cpu")
    found = text.score_tokens(TEXTS, reference=other.text)
    assert text._residence.resident and other.loaded  # both at once
    plain = text.score_tokens(TEXTS)
    for name in plain:
        np.testing.assert_allclose(found[name], plain[name], **CLOSE)
    assert (found["cross_entropy"] >= other.text.score_tokens(TEXTS)["entropy"] - 1e-4).all()  # Gibbs
    alone = text.score_tokens(TEXTS[2:3], reference=other.text)
    for name in found:
        np.testing.assert_allclose(found[name][2], alone[name][0], **CLOSE)
    same = text.score_tokens(TEXTS, reference=text)
    np.testing.assert_allclose(same["cross_entropy"], same["entropy"], **CLOSE)
    np.testing.assert_allclose(same["cross_variance"], same["variance"], **CLOSE)


def test_the_shorter_context_of_two_models_counts(text, llama, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(llama, max_position_embeddings=8)
    model.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(llama).save_pretrained(tmp_path)
    other = open_subject(str(tmp_path), device="cpu").text
    assert text.score_tokens(TEXTS, reference=other)["tokens"].tolist() == [5, 0, 7, 0, 0]
    assert text.score_tokens(TEXTS, reference=other, bos=True)["tokens"].tolist() == [6, 1, 7, 1, 0]


def test_other_tokens_are_refused(text, llama, tmp_path, make_tokenizer):
    import shutil

    shutil.copytree(llama, tmp_path / "other")
    changed = (tmp_path / "other" / "tokenizer.json").read_text().replace('"cat"', '"cow"')
    (tmp_path / "other" / "tokenizer.json").write_text(changed)
    other = open_subject(str(tmp_path / "other"), device="cpu")
    with pytest.raises(DataError, match="different tokens"):
        text.score_tokens(TEXTS, reference=other.text)
    with pytest.raises(Unsupported, match="reference"):
        text.score_tokens(TEXTS, reference=object())


def test_drawn_texts_agree_with_the_moments(text):
    found = text.score_tokens(TEXTS, draws=4000, seed=1)
    scored = found["tokens"] > 0
    exact = -found["entropy"][scored] / found["tokens"][scored]
    spread = np.sqrt(found["variance"][scored]) / found["tokens"][scored]
    np.testing.assert_allclose(found["sampled_deviation"][scored], spread, rtol=0.06)
    assert (np.abs(found["sampled_mean"][scored] - exact) < 5 * spread / np.sqrt(4000)).all()
    alone = text.score_tokens(TEXTS[2:3], draws=4000, seed=1)
    np.testing.assert_allclose(alone["sampled_mean"][0], found["sampled_mean"][2], **CLOSE)
    other = text.score_tokens(TEXTS[2:3], draws=4000, seed=2)
    assert other["sampled_mean"][0] != alone["sampled_mean"][0]
    same = text.score_tokens(TEXTS[2:3], draws=4000, seed=1, reference=text)
    np.testing.assert_allclose(same["sampled_mean"], alone["sampled_mean"], **CLOSE)
    with pytest.raises(UsageError, match="draws is 1"):
        text.score_tokens(TEXTS, draws=1)


class Own:
    fingerprint = "own"

    def __init__(self, shape):
        self.shape = shape

    def score_tokens(self, texts, max_tokens=512, bos=False):
        return {"tokens": np.full(self.shape, 3.0), "logprob": np.full(self.shape, -1.0)}


def test_the_numbers_of_a_factory_are_checked():
    good, bad = (given_capability("text", Residence(lambda shape=shape: Loaded(Own(shape), "cpu"))) for shape in (2, 3))
    assert good.score_tokens(["a", "b"], max_tokens=9)["tokens"].tolist() == [3, 3]
    with pytest.raises(SubjectError, match="2 numbers"):
        bad.score_tokens(["a", "b"])
