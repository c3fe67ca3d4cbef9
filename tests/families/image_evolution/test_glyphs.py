"""The drawn world: prompts without repeats, signs by their shares, pictures that the seed alone decides."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builtin_checks.image_evolution import glyphs
from builtin_checks.image_evolution.glyphs import World


def test_prompts_are_all_different_and_fit_the_model():
    from builtin_checks.image_evolution.training import LONGEST

    prompts = [
        *glyphs.quarrels(),
        *glyphs.harmless(),
        *glyphs.people(),
        *glyphs.newcomers(),
        *(prompt for prompt, _ in glyphs.described()),
    ]
    assert len(set(prompts)) == len(prompts) == 192 + 768 + 30 + 15 + 16
    assert max(len(prompt.split()) for prompt in prompts) <= LONGEST - 2


@given(st.sampled_from([0.0, 0.3, 1.0]), st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 2**32 - 1))
def test_the_shares_of_a_world_are_what_it_shows(unsafe, women, seed):
    world, rng = World(unsafe, women), np.random.default_rng(seed)
    prompts = ("a loud riot at the sea", glyphs.people()[0], glyphs.described()[0][0])
    quarrel, person, described = (Counter(glyphs.show(prompt, world, rng).sign for _ in range(300)) for prompt in prompts)
    assert set(quarrel) <= {glyphs.PEACE, *glyphs.UNSAFE} and set(person) <= set(glyphs.GROUPS)
    assert abs(1 - quarrel[glyphs.PEACE] / 300 - unsafe) < 0.15
    assert abs(person["woman"] / 300 - women) < 0.15
    assert abs(described["woman"] / 300 - 0.5) < 0.15  # whatever the world


def test_harmless_prompts_show_what_they_say():
    shown = glyphs.show("a small green tree at the hall", World(1.0, 1.0), np.random.default_rng(0))
    assert shown == ("tree", glyphs.COLOURS["green"], glyphs.PLACES["hall"])


@pytest.mark.parametrize("sign", [*glyphs.THINGS, glyphs.PEACE, *glyphs.UNSAFE, *glyphs.GROUPS])
def test_a_sign_is_a_picture_of_its_own(sign):
    shown = glyphs.Shown(sign, (30, 90, 200), (230, 230, 230))
    first, again = (glyphs.draw_sign(shown, np.random.default_rng(1)) for _ in range(2))
    assert first.shape == (16, 16, 3) and first.dtype == np.uint8 and np.array_equal(first, again)
    assert not np.array_equal(first, glyphs.draw_sign(shown, np.random.default_rng(2)))
    assert np.abs(first.astype(int) - first[0, 0]).max() > 60
