"""BERTScore: its definition on vectors by hand, an encoder that reads texts alone as it does together, and the audit by it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts.embeddings import NAMES, Encoder, bertscore, bertscores
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
    encoder = Encoder(str(folder))
    texts = [*pairs(70, 8).column("document"), "dam", ""]
    together, alone = encoder.vectors(texts), [encoder.vectors([text])[text] for text in texts]
    for text, own in zip(texts, alone, strict=True):
        np.testing.assert_allclose(together[text], own, atol=1e-5)
    assert len(together["dam"]) == 1 and together[""].shape[0] == 0, "special tokens are left out"
    assert np.allclose(np.linalg.norm(together[texts[0]], axis=1), 1, atol=1e-6)


def test_scores_are_one_row_per_generator(folder):
    real = pairs(30, 3).column("summary")
    told = []
    found = bertscores(Encoder(str(folder)), [real, real[::-1], [""] * 30], real, told.append)
    assert tuple(found) == NAMES and all(rows.shape == (3, 30) for rows in found.values())
    means = found["bertscore"].mean(axis=1)
    assert means[0] == pytest.approx(1) and means[0] > means[1] > means[2] == 0
    assert sum(told) == 3 * len(set(real)) + 1


@pytest.mark.parametrize(("style", "outcome"), [("human", "PASS"), ("machine", "FAIL")])
def test_it_decides_where_it_is_named(folder, style, outcome, tmp_path):
    record, _ = run(Writer(style), tmp_path, metric="bertscore", encoder=str(folder), stemmed=True)
    assert record.outcome == outcome, (record.why, record.controls)
    assert value(record).details["metric"] == "bertscore" and value(record).details["stemmed"]


def test_what_is_no_encoder_is_refused(tmp_path):
    with pytest.raises(tm.UsageError, match="Set the option encoder to the directory"):
        run(Writer("human"), tmp_path, metric="bertscore")
    with pytest.raises(tm.UsageError, match=r"no config\.json lies"):
        Encoder(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "no such thing"}')
    with pytest.raises(tm.UsageError, match="cannot be opened"):
        Encoder(str(tmp_path))
