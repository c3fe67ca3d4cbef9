"""BERTScore: its definition on vectors by hand, an encoder that reads texts alone as it does together, and the audit by it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts.embeddings import NAMES, bertscore, bertscores, open_encoder
from pytest_trustml.reports.evidence import EvidenceStore
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.progress import Progress
from tests.families.synthetic_artifacts.reports import machine_headline, pairs
from tests.families.synthetic_artifacts.scripted_generators import Writer
from tests.families.synthetic_artifacts.test_generator import run, value

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny BERT with random weights: words that are the same have vectors that are alike."""
    from builtin_checks.synthetic_artifacts.training import learn_words, make_classifier

    texts = [text for name in ("document", "summary") for text in pairs(200, 5).column(name)]
    texts += pairs(100, 6, machine_headline).column("summary")
    tokenizer = learn_words(texts)
    place = tmp_path_factory.mktemp("encoder")
    tm.save_model(place, make_classifier(len(tokenizer), ("a", "b"), width=32, seed=0).bert, tokenizer)
    return place


def units(*rows):
    found = np.array(rows, dtype=float)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_bertscore_by_hand():
    answer, summary = units((1, 0), (1, 1)), units((0, 1), (1, 0), (-1, 0))
    half = np.sqrt(0.5)
    precision, recall = (1 + half) / 2, (half + 1 - half) / 3
    found = bertscore(answer, summary)
    assert found == pytest.approx((2 * precision * recall / (precision + recall), precision, recall))
    assert bertscore(answer[:0], summary) == (0.0, 0.0, 0.0)
    assert bertscore(units((1, 0)), units((-1, 0)))[0] == 0.0, "no harmonic mean of what is negative"


vectors = st.lists(st.lists(st.floats(-1, 1), min_size=3, max_size=3), min_size=1, max_size=6).map(
    lambda rows: units(*[[*row, 1.5] for row in rows])
)


@given(vectors, vectors)
def test_bounds_symmetry_and_order(one, other):
    f1, precision, recall = bertscore(one, other)
    assert all(-1 - 1e-9 <= value <= 1 + 1e-9 for value in (f1, precision, recall))
    assert bertscore(other, one) == pytest.approx((f1, recall, precision))
    assert bertscore(one[::-1], other) == pytest.approx((f1, precision, recall)), (
        "the order of tokens counts in the encoder alone"
    )
    assert bertscore(one, one) == pytest.approx((1, 1, 1))


def test_what_an_encoder_says_of_a_text_does_not_depend_on_the_others(folder):
    encoder = open_encoder(str(folder), Writer("human")).encoder
    texts = [*pairs(70, 8).column("document"), "dam", ""]
    together, alone = encoder.token_vectors(texts), [encoder.token_vectors([text])[0] for text in texts]
    for row, own in zip(together, alone, strict=True):
        np.testing.assert_allclose(row, own, atol=1e-5)
    assert len(together[-2]) == 1 and len(together[-1]) == 0, "special tokens are left out"


def test_scores_are_one_row_per_generator(folder, tmp_path):
    real = pairs(30, 3).column("summary")
    cache, store = Cache(tmp_path / "cache"), EvidenceStore(tmp_path)
    trust = tm.Trust(name="bertscore", seed=0, level=0.95, cache=cache, store=store, progress=Progress())
    encoder = open_encoder(str(folder), Writer("human"))
    found = bertscores(trust, encoder, [real, real[::-1], [""] * 30], real)
    assert tuple(found) == NAMES and all(rows.shape == (3, 30) for rows in found.values())
    means = found["bertscore"].mean(axis=1)
    assert means[0] == pytest.approx(1) and means[0] > means[1] > means[2] == 0
    again = bertscores(trust, encoder, [real[::-1]], real)
    assert again["bertscore"][0].tolist() == found["bertscore"][1].tolist()


@pytest.mark.parametrize(("style", "outcome"), [("human", "PASS"), ("machine", "FAIL")])
def test_it_decides_where_it_is_named(folder, style, outcome, tmp_path):
    record, _ = run(Writer(style), tmp_path, metric="bertscore", encoder=str(folder), stemmed=True)
    assert record.outcome == outcome, (record.why, record.controls)
    assert value(record).details["metric"] == "bertscore" and value(record).details["stemmed"]


def test_what_is_no_encoder_is_refused(tmp_path):
    with pytest.raises(tm.UsageError, match="Set the option encoder to the directory"):
        run(Writer("human"), tmp_path, metric="bertscore")
    with pytest.raises(tm.UsageError, match=r"There is no 'nowhere' in .* Check the path of encoder"):
        open_encoder("nowhere", Writer("human"))
    with pytest.raises(tm.SubjectError, match="is empty. Give the directory that save_pretrained wrote"):
        open_encoder(str(tmp_path), Writer("human"))
    tm.save_model(tmp_path / "pictures", pictures())
    with pytest.raises(tm.UsageError, match="gives no token vectors of texts: it reads images"):
        open_encoder(str(tmp_path / "pictures"), Writer("human"))


def pictures():
    """A tiny encoder of pictures."""
    from transformers import ResNetConfig, ResNetModel

    return ResNetModel(ResNetConfig(embedding_size=8, hidden_sizes=[8], depths=[1], layer_type="basic"))
