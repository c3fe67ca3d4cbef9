"""The published numbers, the exact properties and the refusals of the score."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builtin_checks.clip_memorization import modalities, score

# Two views, two captions, two held-out images, three held-out captions in the plane.
F = {
    "img": [[[3, 4], [4, 3]]], "txt": [[[1, 1], [5, 12]]], "p": [[1, 0], [-3, 4]], "q": [[0, 1], [4, -3], [-1, -1]],
}  # fmt: skip
G = {
    "img": [[[1, 0], [4, 3]]], "txt": [[[0, 1], [3, 4]]], "p": [[0, 1], [1, 1]], "q": [[1, 0], [-4, 3], [3, -4]],
}  # fmt: skip


def arrays(model):
    return {key: np.array(value, dtype=float) for key, value in model.items()}


def scores(f, g, **how):
    return score.clipmem_scores(f["img"], f["txt"], g["img"], g["txt"], f["p"], f["q"], g["p"], g["q"], **how)


def slow_alignment(model, neg_weight, view_pairing):
    """The definition, term by term: no means, no matrices."""

    def cosine(a, b):
        return float(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)))

    found = []
    for us, vs in zip(model["img"], model["txt"], strict=True):
        if view_pairing == "paired":
            matched = [cosine(u, v) for u, v in zip(us, vs, strict=True)]
        else:
            matched = [cosine(u, v) for u in us for v in vs]
        unrelated_captions = [cosine(u, t) for u in us for t in model["q"]]
        unrelated_images = [cosine(j, v) for v in vs for j in model["p"]]
        found.append(np.mean(matched) - neg_weight * np.mean(unrelated_captions) - neg_weight * np.mean(unrelated_images))
    return np.array(found)


@st.composite
def models(draw, n=None, k=None, captions=None, d=None):
    """Two models with the same views: dicts of random embeddings, any scale."""
    n = n or draw(st.integers(1, 5))
    k = k or draw(st.integers(1, 4))
    captions = captions or draw(st.integers(1, 4))
    d = d or draw(st.integers(2, 6))
    m = draw(st.integers(2, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    make = lambda *shape: rng.normal(size=shape) + rng.normal(size=shape[-1])  # noqa: E731  (a common direction: the cone of real encoders)
    return [{"img": make(n, k, d), "txt": make(n, captions, d), "p": make(m, d), "q": make(m + 1, d)} for _ in "fg"]


how = st.fixed_dictionaries({"neg_weight": st.sampled_from(score.NEG_WEIGHTS), "view_pairing": st.just("cross")})


def test_terms_of_the_worked_example():
    for model, pos, paired, neg_t, neg_i in (
        (arrays(F), 0.952667, 0.925744, -0.049983, 0.435209),
        (arrays(G), 0.540000, 0.480000, 0.220000, 0.874264),
    ):
        p_bar, q_bar = score.heldout_mean(model["p"]), score.heldout_mean(model["q"])
        terms = score.align_terms(model["img"], model["txt"], p_bar, q_bar)
        assert [x[0] for x in terms] == pytest.approx([pos, neg_t, neg_i], abs=5e-7)
        assert score.align_terms(model["img"], model["txt"], p_bar, q_bar, "paired").pos[0] == pytest.approx(paired, abs=5e-7)


@pytest.mark.parametrize(
    ("neg_weight", "view_pairing", "f", "g", "expected"),
    [
        (1.0, "cross", 0.567441, -0.554264, 1.121705),
        (1.0, "paired", 0.540518, -0.614264, 1.154782),
        (0.5, "cross", 0.760054, -0.007132, 0.767186),
        (0.5, "paired", 0.733131, -0.067132, 0.800263),
        (0.0, "cross", 0.952667, 0.540000, 0.412667),
    ],
)
def test_scores_of_the_worked_example(neg_weight, view_pairing, f, g, expected):
    found = scores(arrays(F), arrays(G), neg_weight=neg_weight, view_pairing=view_pairing)
    assert found.raw[0] == pytest.approx(expected, abs=1.1e-6)
    assert score.alignment(found.f, neg_weight)[0] == pytest.approx(f, abs=5.1e-7)
    assert score.alignment(found.g, neg_weight)[0] == pytest.approx(g, abs=5.1e-7)


def test_multimem_of_the_worked_example():
    first, heldout = [], []
    for model in (arrays(F), arrays(G)):
        first.append(np.stack([model["img"][:, 0], model["txt"][:, 0]], axis=1))
        heldout.append(np.stack([model["p"][:2], model["q"][:2]], axis=1))
    assert modalities.cmc(first[0], heldout[0])[0] == pytest.approx(1.145685, abs=5e-7)
    assert modalities.cmc(first[1], heldout[1])[0] == pytest.approx(0.196447, abs=5e-7)
    assert modalities.multimem(*first, *heldout)[0] == pytest.approx(0.949239, abs=1.1e-6)


def test_scaling_of_the_worked_example():
    raw = np.array([0.5, -0.1, 0.2, 0.0])
    assert score.scaled(raw, scale="range") == pytest.approx([0.833333, -0.166667, 0.333333, 0], abs=5e-7)
    assert score.scaled(raw, scale="maxabs") == pytest.approx([1, -0.2, 0.4, 0])
    assert score.scaled(raw, [-1.0], scale="maxabs") == pytest.approx([0.5, -0.1, 0.2, 0])
    assert score.scaled(raw, scale="raw") is not None
    with pytest.raises(ValueError, match="outside"):
        score.scaled(np.array([0.50, 0.55, 0.60]), scale="range")
    with pytest.raises(ValueError, match="no range"):
        score.scaled(np.array([0.5, 0.5]), scale="range")
    assert score.scaled(np.zeros(3)).tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="minmax"):
        score.scaled(raw, scale="minmax")


@given(models(), how)
def test_fast_form_is_the_double_loop(pair, how):
    f, g = pair
    expected = slow_alignment(f, **how) - slow_alignment(g, **how)
    assert scores(f, g, **how).raw == pytest.approx(expected, abs=1e-9)


@given(models(k=3, captions=3), st.sampled_from(score.NEG_WEIGHTS))
def test_fast_form_is_the_double_loop_for_paired_views(pair, neg_weight):
    f, g = pair
    expected = slow_alignment(f, neg_weight, "paired") - slow_alignment(g, neg_weight, "paired")
    assert scores(f, g, neg_weight=neg_weight, view_pairing="paired").raw == pytest.approx(expected, abs=1e-9)


@given(models(), how)
def test_swapping_the_models_flips_the_sign(pair, how):
    f, g = pair
    assert scores(f, g, **how).raw == pytest.approx(-scores(g, f, **how).raw, abs=1e-9)
    assert np.abs(scores(f, f, **how).raw).max() == 0


@given(models(), how, st.floats(1e-6, 1e6), st.sampled_from(["img", "txt", "p", "q"]))
def test_the_length_of_an_embedding_does_not_matter(pair, how, factor, key):
    f, g = pair
    before = scores(f, g, **how).raw
    longer = {name: value.copy() for name, value in f.items()}
    longer[key].reshape(-1, longer[key].shape[-1])[0] *= factor
    assert scores(longer, g, **how).raw == pytest.approx(before, abs=1e-9)


@given(models(d=4), how, st.integers(0, 1000))
def test_a_rotation_of_the_joint_space_does_not_matter_but_of_one_side_does(pair, how, seed):
    f, g = pair
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(4, 4)))
    before = scores(f, g, **how).raw
    turned = {name: value @ turn for name, value in f.items()}
    assert scores(turned, g, **how).raw == pytest.approx(before, abs=1e-9)
    torn = dict(f, img=f["img"] @ turn, p=f["p"] @ turn)
    assert np.abs(scores(torn, g, **how).raw - before).max() > 1e-6


@given(models(n=4), how, st.randoms())
def test_order_and_repetition_do_not_matter(pair, how, random):
    f, g = pair
    before = scores(f, g, **how).raw

    def shuffled(model, order):
        return {
            "img": model["img"][order][:, ::-1], "txt": model["txt"][order][:, ::-1],
            "p": np.concatenate([model["p"][::-1]] * 2), "q": np.concatenate([model["q"][::-1]] * 2),
        }  # fmt: skip

    order = random.sample(range(4), 4)
    assert scores(shuffled(f, order), shuffled(g, order), **how).raw == pytest.approx(before[order], abs=1e-9)


@given(models(n=5), how, st.integers(1, 5))
def test_batches_do_not_matter(pair, how, size):
    f, g = pair

    def part(model, start):
        return dict(model, img=model["img"][start : start + size], txt=model["txt"][start : start + size])

    parts = [scores(part(f, i), part(g, i), **how).raw for i in range(0, 5, size)]
    assert np.concatenate(parts) == pytest.approx(scores(f, g, **how).raw, abs=1e-12)


@given(models(), how)
def test_scores_stay_within_their_bounds(pair, how):
    found = scores(*pair, **how)
    bound = 1 + 2 * how["neg_weight"]
    for terms in (found.f, found.g):
        assert np.abs(score.alignment(terms, how["neg_weight"])).max() <= bound + 1e-9
    assert np.abs(found.raw).max() <= 2 * bound + 1e-9


@pytest.mark.parametrize("neg_weight", score.NEG_WEIGHTS)
def test_the_bounds_are_reached(neg_weight):
    up, down = np.array([[1.0, 0.0]] * 2), np.array([[-1.0, 0.0]] * 2)
    best = {"img": up[:1, None], "txt": up[:1, None], "p": down, "q": down}
    worst = {"img": up[:1, None], "txt": down[:1, None], "p": down, "q": up}
    assert scores(best, worst, neg_weight=neg_weight).raw[0] == pytest.approx(2 * (1 + 2 * neg_weight))


cosines = st.floats(-1, 1)


@given(cosines, cosines, cosines, st.floats(0, 1), st.floats(-0.5, 0.5), st.sampled_from(score.NEG_WEIGHTS))
def test_alignment_rises_with_the_matched_term_and_obeys_the_offset_law(pos, neg_t, neg_i, rise, offset, neg_weight):
    terms = score.Terms(np.array([pos]), np.array([neg_t]), np.array([neg_i]))
    other = score.Terms(np.array([0.1]), np.array([0.2]), np.array([0.3]))
    before = score.score_terms(terms, other, neg_weight)[0]
    assert score.score_terms(terms._replace(pos=terms.pos + rise), other, neg_weight)[0] >= before
    moved = score.Terms(*(term + offset for term in terms))
    assert score.score_terms(moved, other, neg_weight)[0] - before == pytest.approx(offset * (1 - 2 * neg_weight), abs=1e-9)


@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(2, 5))
def test_cmc_is_the_double_loop(seed, modalities_count, m):
    rng = np.random.default_rng(seed)
    samples, heldout = rng.normal(size=(3, modalities_count, 4)), rng.normal(size=(m, modalities_count, 4))
    units = [x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (samples, heldout)]
    expected = [
        0.5 * sum(float(a @ b) for a in phi for b in phi)
        - 0.5 * np.mean([sum(float(a @ b) for a in phi for b in other) for other in units[1]])
        for phi in units[0]
    ]
    assert modalities.cmc(samples, heldout) == pytest.approx(np.array(expected), abs=1e-9)


@pytest.mark.parametrize(("bad", "words"), [(np.nan, "NaN"), (np.inf, "infinite"), (0.0, "length 0")])
@pytest.mark.parametrize("key", ["img", "txt", "p", "q"])
def test_an_embedding_without_direction_is_named(key, bad, words):
    f = arrays(F)
    f[key].reshape(-1, 2)[-1] = bad
    with pytest.raises(score.BadEmbedding, match=words) as problem:
        scores(f, arrays(G))
    assert "1" in str(problem.value) or "2" in str(problem.value)  # the row


def test_normalise_survives_extreme_lengths():
    rows = np.array([[3e300, 4e300], [3e-300, 4e-300]])
    assert score.normalise(rows) == pytest.approx(np.array([[0.6, 0.8], [0.6, 0.8]]))
    assert score.normalise(np.array([[3e30, 4e30]], dtype=np.float32)) == pytest.approx(np.array([[0.6, 0.8]]), abs=1e-6)


@pytest.mark.parametrize(
    ("change", "how", "words"),
    [
        ({"p": np.ones((1, 2))}, {}, "at least 2"),
        ({"q": None}, {}, "held-out"),
        ({}, {"neg_weight": 0.7}, "0.7"),
        ({}, {"view_pairing": "diagonal"}, "diagonal"),
        ({"txt": np.ones((1, 3, 2))}, {"view_pairing": "paired"}, "3 and 2"),
        ({"txt": np.ones((2, 2, 2))}, {}, r"\(2, 2, 2\)"),
        ({"img": np.ones((2, 2, 2)), "txt": np.ones((2, 2, 2))}, {}, "same pairs"),
    ],
)
def test_calls_that_cannot_be_meant(change, how, words):
    with pytest.raises(ValueError, match=words):
        scores(dict(arrays(F), **change), arrays(G), **how)


def test_without_negatives_no_heldout_pairs_are_needed():
    f, g = arrays(F), arrays(G)
    found = score.clipmem_scores(f["img"], f["txt"], g["img"], g["txt"], neg_weight=0.0)
    assert found.raw[0] == pytest.approx(0.412667, abs=5e-7)


def test_seeds_are_averaged_and_their_spread_is_told():
    mean, spread = score.over_seeds(np.array([[1.0, 3.0], [3.0, 5.0]]))
    assert mean.tolist() == [2, 4]
    assert spread == pytest.approx(np.sqrt(2))
    with pytest.raises(ValueError, match="S >= 2"):
        score.over_seeds(np.ones((1, 3)))


@settings(max_examples=5)
@given(st.sampled_from([2_000, 4_000]))
def test_memory_does_not_grow_with_pairs_times_heldout(m):
    n, d = 2_000, 4
    rng = np.random.default_rng(1)
    model = {
        "img": rng.normal(size=(n, 1, d)),
        "txt": rng.normal(size=(n, 1, d)),
        "p": rng.normal(size=(m, d)),
        "q": rng.normal(size=(m, d)),
    }
    tracemalloc.start()
    scores(model, model)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * n * m / 8  # an N x M matrix of float64 would be eight times this
