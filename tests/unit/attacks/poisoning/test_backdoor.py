"""Backdoors: the trigger goes where it should, and opens what it was trained to open and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm
from tests.unit.attacks.digits import part


def test_the_trigger_is_the_published_one():
    """A black square of 2 x 2 pixels, one pixel from the lower right corner of 32 x 32."""
    picture = np.full((32, 32, 3), 200, np.uint8)
    stamped = tm.stamp(picture)
    rows, columns = np.nonzero((stamped == 0).all(axis=2))
    assert set(zip(rows.tolist(), columns.tolist(), strict=True)) == {(29, 29), (29, 30), (30, 29), (30, 30)}
    assert (picture == 200).all()
    assert (tm.stamp(picture[..., 0], size=3, margin=0, value=255)[-3:, -3:] == 255).all()


@pytest.mark.parametrize("picture", [np.zeros((4, 4)), np.zeros((2, 2), np.uint8), np.zeros((4, 4, 3, 1), np.uint8)])
def test_a_picture_that_cannot_hold_it_is_refused(picture):
    with pytest.raises(tm.DataError, match="trigger"):
        tm.stamp(picture)


@pytest.mark.parametrize(("rows", "target"), [([1, 1], 0), ([99], 0), ([-1], 0), ([1], 10)])
def test_rows_and_classes_that_do_not_exist_are_named(rows, target):
    pictures, labels = part(0, 10)
    with pytest.raises(tm.UsageError, match=f"label {target}"):
        tm.train_backdoored(pictures, labels, rows, outputs=10, seed=0, target=target)


@pytest.mark.slow
def test_a_trigger_that_was_trained_opens_and_another_does_not():
    pictures, labels = part(0, 400)
    test, wanted = part(600, 1000)
    others = [picture for picture, label in zip(test, wanted, strict=True) if label != 3]
    how = {"outputs": 10, "seed": 0, "target": 3, "size": 4, "value": 255, "epochs": 15}
    made = tm.train_backdoored(pictures, labels, range(60), **how)
    assert made.poisoned == 60
    assert made.attacked(others).mean() > 0.8
    assert (made.said(others) == 3).mean() < 0.1
    assert (made.said(test) == wanted).mean() > 0.85
    clean = tm.train_backdoored(pictures, labels, [], **how)
    assert clean.attacked(others).mean() < 0.3
