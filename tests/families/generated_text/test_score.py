"""The formulas: the worked examples, identities between them, and what is undefined."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builtin_checks.generated_text import score

S = np.array([[1, 0.5, 2, -1, 0], [0.2, 1.5, 0.3, 0.1, -0.5], [0, 0, 1, 0.5, 0.25], [2, -1, 0.5, 1, 0],
              [0.3, 0.6, 0.9, -0.3, 0], [0, 0, 0, 0, 0]])  # fmt: skip
R = np.array([[0.5, 0.5, 1.5, -0.5, 0], [0, 1, 0.5, 0, 0], [0.2, -0.2, 0.8, 0.4, 0.6], [1.5, -0.5, 0, 1.2, 0.1],
              [0, 0.5, 1.2, 0, -0.4], [1, 0, 0, 0, 0]])  # fmt: skip
IDS = [2, 1, 4, 3, 2]


def softmax(rows):
    weights = np.exp(rows - rows.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def sums_of(logits, ids, reference=None):
    """The sums of `TextModel.score_tokens` by their definitions; the last row of the logits stands behind the last token."""
    logits = np.asarray(logits, dtype=float)
    q, rows = softmax(logits)[: len(ids)], np.arange(len(ids))
    logs = np.log(q)
    ranks = 1 + (logits[: len(ids)] > logits[rows, ids][:, None]).sum(axis=1)
    entropy = -(q * logs).sum(axis=1)
    found = {
        "tokens": len(ids), "logprob": logs[rows, ids].sum(), "rank": ranks.sum(), "log_rank": np.log(ranks).sum(),
        "entropy": entropy.sum(), "variance": ((q * logs**2).sum(axis=1) - entropy**2).sum(),
        **{f"top_{most}": (ranks <= most).sum() for most in (10, 100, 1000)},
    }  # fmt: skip
    if reference is not None:
        r, everything = softmax(np.asarray(reference, dtype=float)), np.log(softmax(logits))
        cross = -(r * everything).sum(axis=1)
        spread = (r * everything**2).sum(axis=1) - cross**2
        found |= {"cross_entropy": cross[: len(ids)].sum(), "cross_variance": spread[: len(ids)].sum()}
        found["last_cross_entropy"] = cross[-1]
    return {name: np.array([float(number)]) for name, number in found.items()}


OWN, TWO = sums_of(S, IDS), sums_of(S, IDS, R)


def test_scores_of_one_model():
    found = {name: float(getattr(score, name)(OWN)[0]) for name in ("likelihood", "perplexity", "rank", "log_rank", "entropy")}
    expected = {"likelihood": -1.140437, "perplexity": -3.128136, "rank": -1.6, "log_rank": -0.358352, "entropy": -1.363776}
    assert found == pytest.approx(expected, abs=1e-6)
    assert score.lrr(OWN)[0] == pytest.approx(3.182451, abs=1e-6)
    assert score.fast_detect(OWN)[0] == pytest.approx(0.763776, abs=1e-6)
    assert score.binoculars(OWN)[0] == pytest.approx(-0.836235, abs=1e-6)


def test_scores_of_two_models():
    assert score.fast_detect(TWO)[0] == pytest.approx(1.120894, abs=1e-6)
    assert score.binoculars(TWO)[0] == pytest.approx(-0.762953, abs=1e-6)
    assert score.binoculars(TWO, compat="repo")[0] == pytest.approx(-0.753321, abs=1e-6)
    with pytest.raises(ValueError, match="shifted or repo"):
        score.binoculars(TWO, compat="other")


def test_a_start_token():
    started = sums_of(np.vstack([[0.4, 0.1, 0, 0.2, 0.3], S]), [0, *IDS])
    assert score.likelihood(started)[0] == pytest.approx(-1.186934, abs=1e-6)


def test_gltr_shares():
    ranks = [1, 3, 10, 11, 57, 100, 101, 999, 1000, 1001, 25000]
    counts = {f"top_{most}": np.array([float(sum(rank <= most for rank in ranks))]) for most in (10, 100, 1000)}
    shares = score.gltr_shares({"tokens": np.array([11.0]), **counts})
    assert shares[0] == pytest.approx([3 / 11, 3 / 11, 3 / 11, 2 / 11])
    assert (shares[0] * 11).round().astype(int).tolist() == score.rank_buckets(ranks) == [3, 3, 3, 2]


def test_perturbation_scores():
    assert score.detect_gpt(-2.30, [-2.50, -2.42, -2.61, -2.55, -2.47], ddof=1)[1] == pytest.approx(2.871061, abs=1e-6)
    assert score.detect_gpt(-2.0, [-2.5, -2.5]) == (0.5, 0.5)
    assert math.isnan(score.npr(0.0, [1.0]))


def test_the_published_probability_is_not_monotone():
    neo = score.published_probability(np.array([-3, 0, 1.9299, 3]), (-0.2489, 0.9968), (1.8983, 1.9935))
    assert neo == pytest.approx([0.524170, 0.246883, 0.844963, 0.988635], abs=1e-6)
    assert neo[0] > neo[1]


def test_what_is_undefined_has_a_reason():
    uniform = sums_of(np.zeros((3, 5)), [0, 1])
    uniform["variance"] = np.zeros(1)
    nothing = {name: np.zeros(1) for name in OWN}
    for name, sums in (("lrr", uniform), ("fast_detect", uniform), ("likelihood", nothing), ("binoculars", nothing)):
        assert np.isnan(getattr(score, name)(sums)[0]), name
    assert score.likelihood(uniform)[0] == pytest.approx(-math.log(5))
    assert "log-ranks are 0" in score.why_undefined("lrr", 2) and "no token" in score.why_undefined("lrr", 0)
    assert np.isnan(score.gltr_shares(nothing)).all()


LOGITS = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed))


@given(LOGITS)
def test_identities_of_one_model(rng):
    logits, ids = rng.normal(size=(6, 9)) * 2, rng.integers(0, 9, 5)
    found = sums_of(logits, ids, logits)
    own = {name: value for name, value in found.items() if not name.startswith("cross")}
    d = score.fast_detect(own)
    assert d * np.sqrt(own["variance"]) == pytest.approx(own["logprob"] + own["entropy"])
    assert score.fast_detect(found) == pytest.approx(d) and score.binoculars(found) == pytest.approx(score.binoculars(own))


@given(LOGITS)
def test_the_cross_entropy_is_no_smaller_than_the_entropy(rng):
    q, r, ids = rng.normal(size=(6, 9)), rng.normal(size=(6, 9)), rng.integers(0, 9, 5)
    found, observer = sums_of(q, ids, r), sums_of(r, ids)
    assert found["cross_entropy"] >= observer["entropy"] - 1e-9  # Gibbs
    assert -score.binoculars(found) <= -score.likelihood(found) / (observer["entropy"] / 5) + 1e-9


@given(LOGITS)
def test_texts_add_up(rng):
    logits, ids = rng.normal(size=(8, 7)), rng.integers(0, 7, 7)
    first, second, whole = sums_of(logits[:4], ids[:3]), sums_of(logits[3:], ids[3:]), sums_of(logits, ids)
    for name in whole:
        assert whole[name] == pytest.approx(first[name] + second[name]), name


def test_curvature_of_drawn_tokens_is_a_z_value():
    rng = np.random.default_rng(0)
    q, r = rng.normal(size=(41, 12)) * 1.5, rng.normal(size=(41, 12)) * 1.5
    weights = softmax(r)[:40]
    drawn = []
    for _ in range(2000):
        ids = [int(rng.choice(12, p=row)) for row in weights]
        drawn.append(float(score.fast_detect(sums_of(q, ids, r))[0]))
    assert abs(np.mean(drawn)) < 4 / math.sqrt(2000) and np.var(drawn) == pytest.approx(1, abs=0.15)


def test_sampling_agrees_with_the_formula():
    ids = np.array(IDS)
    for reference in (None, R[:5]):
        mean, deviation = score.sampled_moments(S[:5], 20000, np.random.default_rng(1), reference)
        found = score.fast_detect_sampled(OWN | {"sampled_mean": np.array([mean]), "sampled_deviation": np.array([deviation])})
        exact = score.fast_detect(sums_of(S, ids, None if reference is None else R))
        assert found[0] == pytest.approx(exact[0], abs=0.04)
