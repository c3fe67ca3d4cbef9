"""The generated pictures and captions: every one its own, the same for a seed, and showing what the caption says."""

from __future__ import annotations

import numpy as np
import pytest

from builtin_checks.clip_memorization.pictures import COLOURS, PLACES, SIDE, Painter, draw_scenes


@pytest.fixture(scope="module")
def painter():
    return Painter()


def test_captions_are_unique_and_follow_the_seed():
    scenes = draw_scenes(2000, np.random.default_rng(5))
    assert len({scene.caption for scene in scenes}) == 2000
    assert scenes == draw_scenes(2000, np.random.default_rng(5))
    assert scenes[:50] != draw_scenes(50, np.random.default_rng(6))
    assert all(len({scene.ink, scene.tint, scene.shape_ink}) == 3 for scene in scenes)


def test_pictures_follow_the_seed_and_differ_even_for_one_scene(painter):
    scene = draw_scenes(1, np.random.default_rng(0))[0]
    first, again, other = (painter.paint(scene, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == (SIDE, SIDE, 3)
    assert first.dtype == np.uint8
    assert (first == again).all()
    assert (first != other).any()


def test_pictures_show_the_colours_and_the_place_of_the_caption(painter):
    rng = np.random.default_rng(3)
    colours = np.array(list(COLOURS.values()), dtype=float)
    right = []
    for scene in draw_scenes(60, rng):
        scene = scene._replace(ground="plain", bold=True)
        picture = painter.paint(scene, rng).astype(float)
        ink = np.abs(picture - COLOURS[scene.ink]).max(axis=2) < 40
        assert ink.any(), scene
        y, x = np.argwhere(ink).mean(axis=0)
        top, left = PLACES[scene.place]
        right.append(abs(y - top - 7.5) < 5 and abs(x - left - 7.5) < 5)
        ground = np.median(picture.reshape(-1, 3), axis=0)
        shades = 0.8 * colours
        assert list(COLOURS)[int(np.abs(shades - ground).sum(axis=1).argmin())] == scene.tint
    assert np.mean(right) > 0.9
