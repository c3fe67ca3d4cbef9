"""From training to score without any of the machinery: 64 pairs, some of which only one of two models sees."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from builtin_checks.clip_memorization.score import clipmem_scores


@pytest.fixture(scope="module", params=[0, 1])
def trained(towers, request):
    """Means of the scores by set, from f to g and from g to f."""
    seed = request.param
    shared, clean, wrong, independent, external, heldout = (
        towers.make_pairs(count, 100 * seed + row, wrong=row == 2) for row, count in enumerate((48, 8, 8, 16, 40, 60))
    )
    f = towers.Towers(towers.train(towers.join(shared, clean, wrong), seed=seed, steps=150))
    g = towers.Towers(towers.train(towers.join(shared, independent), seed=seed, steps=150))

    def embedded(model, pairs):
        images = model.embed_images([Image.fromarray(image) for image in pairs["image"]])
        return images, model.embed_texts(pairs["caption"])

    def means(one, other):
        found = {}
        held = [*embedded(one, heldout), *embedded(other, heldout)]
        for name, pairs in {"clean": clean, "wrong": wrong, "independent": independent, "external": external}.items():
            views = [array[:, None] for model in (one, other) for array in embedded(model, pairs)]
            found[name] = float(np.mean(clipmem_scores(*views, *held).raw))
        return found

    return means(f, g), means(g, f)


def test_wrong_captions_score_above_clean_pairs_above_unseen_ones(trained):
    found, _ = trained
    assert found["wrong"] > found["clean"] + 0.2
    assert found["clean"] > found["external"]
    assert found["independent"] < found["external"]


def test_swapping_the_models_flips_the_signs(trained):
    found, swapped = trained
    assert swapped == {name: pytest.approx(-value, abs=1e-9) for name, value in found.items()}
    assert found["wrong"] > 0 > swapped["wrong"]
