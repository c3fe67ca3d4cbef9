"""The transformers surrogate: it learns, it is the same every time, and it leaves torch as it was."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import pytest_trustml as tm
from tests.unit.attacks.stealing.detectors import Scorer, sentences

QUERIES, HELD_OUT = sentences(300, seed=1), sentences(100, seed=2)


def fitted(steps=80, seed=0, **more):
    from pytest_trustml.attacks.stealing.transformer import fit_transformer

    return fit_transformer(QUERIES, Scorer()(QUERIES), seed=seed, steps=steps, **more)


@pytest.fixture(scope="module")
def copy():
    return fitted()


def test_it_learns_the_scores(copy):
    said, wanted = copy(HELD_OUT), Scorer()(HELD_OUT)
    assert said.dtype == np.float64 and said.shape == (100,)
    assert ((said >= 0.5) == (wanted >= 0.5)).mean() > 0.9
    assert np.abs(said - wanted).mean() < 0.15


def test_the_same_seed_gives_the_same_copy_and_torch_goes_on_as_before(copy):
    import torch

    threads = torch.get_num_threads()
    torch.manual_seed(1)
    expected = torch.rand(3).tolist()
    torch.manual_seed(1)
    steps = []
    again = fitted(step=steps.append)
    assert torch.rand(3).tolist() == expected and torch.get_num_threads() == threads
    assert (again(HELD_OUT) == copy(HELD_OUT)).all()
    assert sum(steps) == 80


def test_a_text_gets_the_same_score_in_any_batch_up_to_rounding(copy):
    assert np.allclose(np.concatenate([copy(HELD_OUT[:9]), copy(HELD_OUT[9:])]), copy(HELD_OUT), atol=1e-5)
    assert np.isfinite(copy(["", "\u200b", "ѕtuріd " * 500])).all()


@pytest.mark.slow
def test_nothing_depends_on_the_order_of_hashes():
    code = "from tests.unit.attacks.stealing.test_transformer import *\nprint(fitted(steps=3)(HELD_OUT[:5]).tolist())"
    said = set()
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
        said.add(done.stdout)
    assert len(said) == 1


def test_it_starts_from_a_folder(tmp_path):
    from pytest_trustml.attacks.stealing.transformer import _new

    model, tokenizer = _new(QUERIES, "cpu")
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    one, two = (fitted(steps=2, model=tmp_path)(HELD_OUT[:5]) for _ in range(2))
    assert (one == two).all()
    model.config.num_labels = 3
    model.classifier = type(model.classifier)(64, 3)
    model.save_pretrained(tmp_path)
    with pytest.raises(tm.UsageError, match="with 3 labels"):
        fitted(steps=2, model=tmp_path)


@pytest.mark.slow
def test_stealing_with_it_from_end_to_end():
    copies = tm.steal(Scorer(), QUERIES, kind="transformer", budgets=(50, 300), rng=np.random.default_rng(0))
    curve = tm.learning_curve(copies, HELD_OUT, Scorer()(HELD_OUT) >= 0.5)
    assert curve[300].agreement.value > 0.95 and curve[300].agreement.value >= curve[50].agreement.value
    found = tm.transfer_attack(copies[300], Scorer(), sentences(20, seed=5, insults=(1,)), max_queries=60)
    assert found.rate().value > 0.3
