"""Canaries: dealt out evenly, included by a fair coin, put into the training as often as it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pytest_trustml as tm


@given(st.integers(1, 60), st.lists(st.integers(1, 16), min_size=1, max_size=4), st.floats(0.05, 1), st.integers(0, 10**6))
def test_copies_are_dealt_out_evenly_and_the_training_has_them(count, copies, share, seed):
    drawn = tm.draw_canaries(count, rng=np.random.default_rng(seed), size=(4, 5), copies=copies, share=share, classes=3)
    assert drawn.images.shape == (count, 4, 5, 3) and drawn.images.dtype == np.uint8
    expected = [copies[k % len(copies)] for k in range(count)]
    assert sorted(drawn.copies.tolist()) == sorted(expected)
    assert ((drawn.labels >= 0) & (drawn.labels < 3)).all()
    often = np.bincount(drawn.training_rows(), minlength=count)
    assert often.tolist() == np.where(drawn.included, drawn.copies, 0).tolist()
    if share == 1:
        assert drawn.included.all()


def test_the_coin_is_fair_and_independent_of_label_and_copies():
    drawn = tm.draw_canaries(4000, rng=np.random.default_rng(1), size=(2, 2), classes=2, copies=(1, 4))
    assert abs(drawn.included.mean() - 0.5) < 4 * 0.5 / np.sqrt(4000)
    for other in (drawn.labels, drawn.copies):
        assert abs(np.corrcoef(drawn.included, other)[0, 1]) < 4 / np.sqrt(4000)
    assert len({picture.tobytes() for picture in drawn.images}) > 3990, "no two are alike"


@pytest.mark.parametrize(
    "wrong", [{"count": 0}, {"classes": 0}, {"copies": ()}, {"copies": (0, 4)}, {"share": 0}, {"share": 1.5}]
)
def test_what_cannot_be_planted_is_said(wrong):
    with pytest.raises(tm.UsageError):
        tm.draw_canaries(**({"count": 5, "rng": np.random.default_rng(0)} | wrong))
