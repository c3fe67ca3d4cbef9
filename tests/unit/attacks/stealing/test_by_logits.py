"""Copies of image classifiers: they agree with the victim, ask no more than they say, and refuse victims that say nothing."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm
from tests.unit.attacks.digits import part


def victim(images):
    """Logits of a nearest class mean on pixels."""
    pictures, labels = part(0, 400)
    means = np.stack([np.stack(pictures)[labels == number].mean(axis=0) for number in range(10)]) / 255.0
    pixels = np.stack([np.asarray(image) for image in images]) / 255.0
    return -0.3 * ((pixels[:, None] - means[None]) ** 2).sum(axis=(2, 3))


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["l1", "mse"])
def test_a_copy_agrees_with_its_victim(loss):
    asked = []

    def counted(images):
        asked.append(len(images))
        return victim(images)

    queries, (test, _) = part(400, 800)[0], part(1000, 1500)
    copy = tm.steal_images(counted, queries, seed=0, loss=loss, epochs=15, asked_at_once=150)
    assert (copy.queries, asked) == (400, [150, 150, 100])
    agreement = (copy(test).argmax(axis=1) == victim(test).argmax(axis=1)).mean()
    assert agreement > 0.8
    small = tm.steal_images(victim, queries[:20], seed=0, loss=loss, epochs=15)
    assert (small(test).argmax(axis=1) == victim(test).argmax(axis=1)).mean() < agreement


@pytest.mark.parametrize(
    "answers",
    [np.zeros((4, 1)), np.zeros(4), np.zeros((3, 2)), np.full((4, 2), np.nan)],
    ids=["1 class", "flat", "short", "nan"],
)
def test_a_victim_that_gives_no_logits_is_refused(answers):
    with pytest.raises(tm.SubjectError, match="must give logits"):
        tm.steal_images(lambda images: answers, part(0, 4)[0], seed=0)


def test_what_cannot_be_asked_is_said():
    with pytest.raises(tm.DataError, match="no queries"):
        tm.steal_images(victim, [], seed=0)
    with pytest.raises(tm.DataError, match="'l1' or 'mse'"):
        tm.steal_images(victim, part(0, 4)[0], seed=0, loss="cross_entropy")
