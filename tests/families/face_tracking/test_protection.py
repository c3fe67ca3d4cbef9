"""Drawn people, the recogniser that learns them, and protections against it: within their budget, and with the right sign."""

from __future__ import annotations

import numpy as np
import pytest

from builtin_checks.face_tracking.diversity import mean_cosine, protection_terms
from builtin_checks.face_tracking.faces import TRAITS, draw_people, photograph
from builtin_checks.face_tracking.protection import Protection, protect, protection_loss
from builtin_checks.face_tracking.score import unit_rows
from builtin_checks.face_tracking.training import Recipe, arcface, pixels, train_extractor

SMALL = Recipe(people=48, pictures=8, epochs=6, batch_size=64, widths=(8, 16, 24))


@pytest.fixture(scope="module")
def extractor():
    return train_extractor(SMALL, seed=1)


@pytest.fixture(scope="module")
def scene():
    """Six pictures of each of four people, and pictures of others."""
    rng = np.random.default_rng(3)
    who = np.repeat(np.arange(4), 6)
    return photograph(draw_people(4, rng)[who], rng), who, photograph(draw_people(30, rng), rng)


def embedded(extractor, images):
    import torch

    with torch.inference_mode():
        return unit_rows(extractor(pixel_values=pixels(images)).pooler_output.flatten(1).numpy())


def test_a_person_is_the_same_on_every_picture_and_every_picture_another():
    people = draw_people(30, np.random.default_rng(0))
    assert people.shape == (30, TRAITS)
    one, two = (photograph(people, np.random.default_rng(seed)) for seed in (1, 2))
    assert one.shape == (30, 32, 32, 3) and one.dtype == np.uint8
    assert (photograph(people, np.random.default_rng(1)) == one).all() and (one != two).any(axis=(1, 2, 3)).all()
    assert photograph(people[:0], np.random.default_rng(1)).shape == (0, 32, 32, 3)
    # Without any learning, the pixels in the middle already tell people apart far better than chance, 1 in 30.
    faces = [images[:, 8:26, 8:24].reshape(30, -1).astype(float) for images in (one, two)]
    distance = np.linalg.norm(faces[0][:, None] - faces[1][None], axis=2)
    assert (distance.argmin(axis=1) == np.arange(30)).mean() > 0.2


def test_the_recogniser_knows_people_whom_it_never_saw(extractor, scene):
    codes = embedded(extractor, scene[0])
    similar = codes @ codes.T
    np.fill_diagonal(similar, -2)
    assert (scene[1][similar.argmax(axis=1)] == scene[1]).mean() > 0.75, "chance is 0.22"
    assert codes.min() < -0.01, "embeddings are not confined to one corner"


def test_training_is_repeatable_and_refuses_what_it_cannot_learn():
    tiny = SMALL._replace(people=8, epochs=1)
    steps = []
    one, two = (train_extractor(tiny, seed=5, step=steps.append).state_dict() for _ in range(2))
    assert all((one[name] == two[name]).all() for name in one) and sum(steps) == 2 * tiny.steps
    with pytest.raises(ValueError, match="4 people with 8 pictures each do not fill a batch of 64"):
        train_extractor(SMALL._replace(people=4), seed=0)


def test_the_margin_makes_the_own_person_harder_to_find():
    import torch

    codes, centres = torch.tensor([[2.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 3.0]])
    plain = float(arcface(codes, centres, torch.tensor([0]), margin=0.0, scale=4.0))
    assert plain == pytest.approx(np.log(1 + np.exp(-4)), abs=1e-3)
    hard = float(arcface(codes, centres, torch.tensor([0]), margin=0.5, scale=4.0))
    assert hard == pytest.approx(np.log(1 + np.exp(-4 * np.cos(0.5))), abs=2e-2) and hard > plain


def test_the_loss_of_gradients_is_that_of_the_worked_example():
    import torch

    row = [torch.tensor([rows]) for rows in ([0.6, 0.8], [1.0, 0.0], [0.0, 1.0])]
    queue = torch.tensor([[0.8, 0.6], [0.0, -1.0]])
    for diversity, expected in ((1.2, -1.504), (-1.2, 0.704)):
        how = Protection(budget=8, steps=1, diversity=diversity)
        assert protection_loss(*row, [queue], how).tolist() == pytest.approx([expected], abs=1e-6)
        terms = protection_terms(*(one[0].numpy() for one in row), queue.numpy())
        assert terms.total(queue_weight=diversity) == pytest.approx(expected, abs=1e-6)
    assert protection_loss(*row, [queue[:0]], how).tolist() == pytest.approx([-0.4], abs=1e-6), "an empty queue says nothing"


def test_a_step_of_the_diverse_sign_lowers_the_mean_cosine_and_the_published_sign_raises_it():
    import torch

    rng = np.random.default_rng(0)
    for seed in range(20):
        rows = torch.from_numpy(unit_rows(np.random.default_rng(seed).normal(size=(5, 4)) + 1))
        guide = torch.from_numpy(unit_rows(rng.normal(size=(1, 4))))
        moved = {}
        for diversity in (1.2, -1.2):
            how = Protection(budget=8, steps=1, dissimilarity=0, guide=0, diversity=diversity)
            code = rows[:1].clone().requires_grad_(True)
            unit = torch.nn.functional.normalize(code, dim=1)
            (slope,) = torch.autograd.grad(protection_loss(unit, guide, guide, [rows[1:]], how).sum(), code)
            stepped = torch.cat([torch.nn.functional.normalize(code.detach() - 0.01 * slope, dim=1), rows[1:]])
            moved[diversity] = mean_cosine(stepped.numpy())
        before = mean_cosine(rows.numpy())
        assert moved[1.2] < before < moved[-1.2], seed


@pytest.mark.parametrize(
    "how",
    [
        Protection(budget=9, steps=6),
        Protection(budget=4.5, steps=3, diversity=-1.2, guides="person"),
        Protection(budget=9, steps=6, masks="person", guides="person", learnt_from=2),
        Protection(budget=9, steps=3, queue=0),
    ],
    ids=["diverse", "published sign", "one mask", "no queue"],
)
def test_no_pixel_leaves_the_budget(extractor, scene, how):
    images, who, others = scene
    done = []
    found = protect(extractor, images, who, others, how, np.random.default_rng(0), done.append)
    assert found.dtype == np.uint8 and found.shape == images.shape and sum(done) == len(images)
    change = found.astype(int) - images
    assert 1 <= np.abs(change).max() <= how.budget
    moved = (embedded(extractor, found) * embedded(extractor, images)).sum(axis=1)
    assert moved.mean() < 0.8, "the recogniser is misled"
    again = protect(extractor, images, who, others, how, np.random.default_rng(0))
    assert (again == found).all()
    if how.masks == "person":
        inside = ((images > 10) & (images < 245)).reshape(4, 6, -1)
        own = change.reshape(4, 6, -1)
        assert all(len(set(own[p][inside[p][:, pixel], pixel])) <= 1 for p in range(4) for pixel in range(0, own.shape[2], 97))


def test_the_sign_of_the_queue_decides_the_diversity(extractor, scene):
    images, who, others = scene
    codes = {}
    for diversity in (1.2, 0.0, -1.2):
        how = Protection(budget=9, steps=10, diversity=diversity)
        found = embedded(extractor, protect(extractor, images, who, others, how, np.random.default_rng(0)))
        codes[diversity] = float(np.mean([mean_cosine(found[who == person]) for person in range(4)]))
    assert codes[1.2] < codes[0.0] < codes[-1.2], codes
    assert codes[-1.2] - codes[1.2] > 0.3


def test_people_may_stand_in_any_order(extractor, scene):
    images, who, others = scene
    how = Protection(budget=9, steps=3, guides="person")
    one = protect(extractor, images, who, others, how, np.random.default_rng(0))
    order = np.argsort(np.tile(np.arange(6), 4), kind="stable")  # everybody's first picture, everybody's second, …
    other = protect(extractor, images[order], who[order], others, how, np.random.default_rng(0))
    # Batches are the same, so that even the rounding is.
    assert (other == one[order]).mean() > 0.999


def test_what_cannot_be_meant_is_refused(extractor, scene):
    images, who, others = scene
    with pytest.raises(ValueError, match="guides is 'nobody'"):
        protect(extractor, images, who, others, Protection(9, 1, guides="nobody"), np.random.default_rng(0))
    with pytest.raises(ValueError, match="masks is 'all'"):
        protect(extractor, images, who, others, Protection(9, 1, masks="all"), np.random.default_rng(0))
    with pytest.raises(ValueError, match="no pictures of other people"):
        protect(extractor, images, who, others[:0], Protection(9, 1), np.random.default_rng(0))
