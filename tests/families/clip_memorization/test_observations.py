"""What the models are asked: everything once, in any batches, with a memory of three numbers per pair."""

from __future__ import annotations

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.clip_memorization import score
from builtin_checks.clip_memorization.observations import embeddings, matched_first, matched_gap, terms
from builtin_checks.clip_memorization.views import image_views, pictures
from pytest_trustml.statistics import drift

HOW = {"views": 3, "seed": 5, "crop": 0.8, "flip": False, "view_pairing": "cross"}


class Encoder:
    """Embeds by fixed projections and counts what it was given."""

    image_size = 8

    def __init__(self, d=6):
        rng = np.random.default_rng(0)
        self.a, self.b = rng.normal(size=(192, d)), rng.normal(size=(256, d))
        self.images = self.texts = 0

    def embed_images(self, images):
        self.images += len(images)
        return np.stack([np.asarray(image.resize((8, 8)), dtype=float).ravel() for image in images]) @ self.a

    def embed_texts(self, texts):
        self.texts += len(texts)
        return np.stack([np.bincount(list(text.encode()), minlength=256) for text in texts]) @ self.b


def pairs(count, captions=None):
    pixels = np.random.default_rng(1).integers(0, 256, (count, 12, 12, 3), dtype=np.uint8)
    columns = {"id": list(range(count)), "image": pixels, "caption": [f"caption {row % 7}" for row in range(count)]}
    return tm.Dataset(columns if captions is None else {**columns, "captions": captions})


def ask(data, encoder=None, p_bar=None, q_bar=None, **how):
    subject = SimpleNamespace(pairs=encoder or Encoder())
    return terms(subject, data, **{**HOW, **how}, p_bar=p_bar, q_bar=q_bar)


def test_terms_are_those_of_the_array_form():
    data, encoder = pairs(9, [[f"a{i}", f"b{i}", "c"] for i in range(9)]), Encoder()
    held = embeddings(SimpleNamespace(pairs=encoder), pairs(20))
    p_bar, q_bar = score.heldout_mean(held["image"]), score.heldout_mean(held["caption"])
    views = [image_views(im, name, 3, 8, seed=5, smallest=0.8) for im, name in zip(pictures(data), data.ids, strict=True)]
    u = np.stack([encoder.embed_images(own) for own in views])
    v = np.stack([encoder.embed_texts(own) for own in data.column("captions")])
    for pairing in score.VIEW_PAIRINGS:
        expected = score.align_terms(u, v, p_bar, q_bar, pairing)
        found = ask(data, p_bar=p_bar.tolist(), q_bar=q_bar.tolist(), view_pairing=pairing)
        for name in score.Terms._fields:
            assert found[name] == pytest.approx(getattr(expected, name), abs=1e-12)


def test_pairs_may_have_different_numbers_of_captions():
    found = ask(pairs(3, [["a"], ["a", "b"], ["c", "c", "d"]]))["pos"]
    alone = [ask(pairs(3, [["a"], [one], ["c"]]))["pos"][1] for one in "ab"]
    assert found[1] == pytest.approx(np.mean(alone))


@pytest.mark.parametrize("size", [1, 4, 11])
def test_batches_and_order_do_not_matter(size):
    data = pairs(11)
    whole = ask(data)["pos"]
    order = np.random.default_rng(2).permutation(11)
    mixed = data.take(order)
    parts = np.concatenate([ask(mixed.rows(i, i + size))["pos"] for i in range(0, 11, size)])
    assert parts == pytest.approx(whole[order], abs=1e-12)


def test_every_view_and_every_distinct_caption_is_encoded_once():
    encoder = Encoder()
    ask(pairs(30), encoder)
    assert (encoder.images, encoder.texts) == (90, 7)


def test_a_dead_row_is_named_by_its_pair():
    class Dead(Encoder):
        def embed_images(self, images):
            rows = super().embed_images(images)
            rows[4] = 0  # the second view of the second pair
            return rows

    data = pairs(5)
    with pytest.raises(score.BadEmbedding, match="pair '1'"):
        ask(data, Dead())


def test_memory_is_three_numbers_per_pair(tmp_path):
    """Streaming three times the pairs through observe costs three times the results and nothing else."""
    from pytest_trustml.work.cache import Cache
    from pytest_trustml.work.observe import observe

    def peak(count):
        subject = SimpleNamespace(
            pairs=Encoder(d=256), fingerprint=f"{count}", dtype="float32", device_class="cpu", cacheable=True, id="encoder"
        )
        data = tm.Dataset({"image": np.zeros((count, 2, 2, 3), dtype=np.uint8) + 9, "caption": ["a"] * count})
        how = {**HOW, "views": 1, "p_bar": [0.1] * 256, "q_bar": [0.1] * 256}
        data.fingerprint, data.ids  # noqa: B018  (made before, so that they do not count)
        tracemalloc.start()
        found = observe(terms, subject, data, cache=Cache(tmp_path), **how)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert {name: part.nbytes for name, part in found.items()} == dict.fromkeys(score.Terms._fields, 8 * count)
        return size

    small, large = peak(512), peak(1536)
    assert large - small < 1024 * 256 * 8 / 2  # half of what one embedding per pair would take


def test_matched_first_is_a_rank_statistic():
    rng = np.random.default_rng(0)
    u = score.normalise(rng.normal(size=(40, 8)))
    assert matched_first(u, u) == 1
    assert matched_first(u, -u) == 0
    v = score.normalise(rng.normal(size=(40, 8)))
    slow = [
        (1.0 if a > b else 0.5 if a == b else 0.0)
        for i in range(40) for j in range(40) if i != j for a, b in ((u[i] @ v[i], u[i] @ v[j]), (u[i] @ v[i], u[j] @ v[i]))
    ]  # fmt: skip
    assert matched_first(u, v) == pytest.approx(np.mean(slow))
    assert matched_gap(u, v) == pytest.approx(
        np.mean([u[i] @ v[i] - u[i] @ v[j] for i in range(40) for j in range(40) if i != j])
    )
    assert matched_gap(np.ones((5, 1)), np.ones((5, 1))) == pytest.approx(0)


@pytest.mark.parametrize(
    ("mean", "expected", "ok"),
    [
        (0.0, "zero", True), (0.2, "zero", False), (-0.2, "zero", False), (0.04, "zero", True),
        (-0.2, "not above zero", True), (0.2, "not above zero", False), (0.04, "not above zero", True),
        (0.2, "not below zero", True), (-0.2, "not below zero", False),
    ],
)  # fmt: skip
def test_drift_needs_to_be_both_sure_and_large(mean, expected, ok):
    many = np.random.default_rng(0).normal(size=10_000)
    many = (many - many.mean()) * 0.1 + mean
    assert drift("shared", many, expected, 0.05).ok is ok
    assert drift("shared", np.array([mean - 5, mean + 5]), expected, 0.05).ok  # two pairs prove nothing
