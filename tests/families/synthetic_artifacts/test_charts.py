"""Charts and their styles: what is drawn, that styles know nothing of the data, and that no state is left behind."""

from __future__ import annotations

import inspect
import sys

import numpy as np
import pytest
from PIL import Image

from builtin_checks.synthetic_artifacts.charts import BARS, CHARTS, balanced, draw, show
from builtin_checks.synthetic_artifacts.pixels import ink, strangeness
from builtin_checks.synthetic_artifacts.plots import Plan, Pool, References, draw_references, halves, style_accuracy
from builtin_checks.synthetic_artifacts.projection import project
from builtin_checks.synthetic_artifacts.styles import draw_style
from pytest_trustml.statistics import proportion


def letters(count: int, words: int, seed: int) -> Pool:
    """Texts of two classes from vocabularies of so many words."""
    rng = np.random.default_rng(seed)
    labels = [("north", "south")[row % 2] for row in range(count)]
    texts = [" ".join(f"{label[0]}{rng.integers(words)}" for _ in range(rng.integers(4, 12))) for label in labels]
    return Pool(texts, labels)


def test_what_the_charts_show():
    texts, labels = ["a b a", "c a", "d"], ["x", "y", "x"]
    assert show("histogram", texts, labels).values.tolist() == [3, 2, 1]
    np.testing.assert_allclose(show("bar", texts, labels).values, [3 / 6, 1 / 6, 1 / 6, 1 / 6])
    np.testing.assert_allclose(show("line", texts, labels).values, [2 / 6, 3 / 6, 4 / 6])
    assert len(show("bar", letters(50, 90, 0).texts, letters(50, 90, 0).labels).values) == BARS
    with pytest.raises(ValueError, match="The chart is 'pie'. Choose scatter"):
        show("pie", texts, labels)


@pytest.mark.parametrize("chart", CHARTS)
def test_every_chart_is_drawn_again_to_the_pixel_and_leaves_no_state(chart):
    pool = letters(60, 40, 1)
    shown = show(chart, *pool, projection="pca")
    style = draw_style(np.random.default_rng(2))
    first, second = (draw(shown, style) for _ in range(2))
    assert np.array_equal(np.asarray(first), np.asarray(second))
    assert first.size == (int(style.width * style.dpi), int(style.height * style.dpi))
    assert np.asarray(first).std() > 5
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_a_projection_says_what_it_needs():
    with pytest.raises(ValueError, match="at least 50 texts, found 3"):
        project(["a", "b", "c"])
    with pytest.raises(ValueError, match="1 different words"):
        project(["same"] * 60)
    with pytest.raises(ValueError, match="Choose tsne or pca"):
        project(["a"] * 60, method="umap")
    points = project(letters(60, 40, 3).texts, seed=5)
    assert points.shape == (60, 2) and points.std() == pytest.approx(1)
    assert np.array_equal(points, project(letters(60, 40, 3).texts, seed=5))


def test_rows_are_balanced_over_classes():
    labels = ["a"] * 20 + ["b"] * 5
    rows = balanced(labels, 9, np.random.default_rng(0))
    assert sorted([labels[row] for row in rows].count(name) for name in "ab") == [4, 5] and len(set(rows.tolist())) == 9
    with pytest.raises(ValueError, match=r"class 'b' has 5 texts, and a plot of 20 needs 10"):
        balanced(labels, 20, np.random.default_rng(0))


def test_training_and_calibration_texts_are_different():
    pool = letters(41, 1000, 4)
    first, second = halves(pool, np.random.default_rng(0))
    assert sorted([*first.texts, *second.texts]) == sorted(pool.texts) and not set(first.texts) & set(second.texts)
    assert abs(first.labels.count("north") - second.labels.count("north")) <= 1


def references(worlds: tuple[int, int], count: int) -> References:
    pools = tuple(letters(200, words, seed) for seed, words in enumerate(worlds))
    return draw_references(pools, Plan("bar", "", 80, count, count), "training", 6)


def test_a_style_knows_nothing_of_what_is_drawn():
    assert list(inspect.signature(draw_style).parameters) == ["rng"]
    right = style_accuracy(references((12, 40), 30), 0)
    interval = proportion(right, name="style", higher_is_safer=False).interval
    assert interval.low <= 0.5 <= interval.high + 0.05


def test_a_style_that_leaks_is_noticed():
    leaking = references((12, 40), 15)
    leaking.styles[leaking.synthetic, 2] += 60  # as if all synthetic plots were drawn at a higher resolution
    assert style_accuracy(leaking, 0).mean() > 0.9


def test_ink_is_blind_to_ground_margins_and_darkness():
    rng = np.random.default_rng(7)
    shown = show("bar", *letters(80, 40, 8))
    style = draw_style(rng)._replace(axes=False, grid=False, alpha=1.0)
    plain = draw(shown, style)
    wide = Image.new("RGB", (plain.width + 90, plain.height + 40), "white")
    wide.paste(plain, (70, 10))
    assert np.array_equal(ink(plain), ink(wide))
    assert not ink(Image.new("RGB", (50, 60), (12, 80, 9))).any()


def test_mixed_colours_show_whatever_the_palette():
    rng = np.random.default_rng(9)
    pixels = np.full((2, 120, 120, 3), 255, np.uint8)
    for number, (red, blue) in enumerate((((200, 0, 0), (0, 0, 200)), ((250, 240, 0), (0, 90, 90)))):
        choice = rng.random((120, 120)) < 0.5
        pixels[number, 10:110, 10:110] = np.where(choice[10:110, 10:110, None], red, blue)
    mixed = [ink(Image.fromarray(one))[1].mean() for one in pixels]
    apart = pixels[0].copy()
    apart[10:110, 10:60], apart[10:110, 60:110] = (200, 0, 0), (0, 0, 200)
    assert mixed[0] == pytest.approx(mixed[1], rel=0.1) and ink(Image.fromarray(apart))[1].mean() < 0.5 * mixed[0]


def test_what_is_no_chart_is_far_from_all_charts():
    known = references((20, 20), 20).inks
    noise = np.stack([ink(Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8)))])
    line = np.stack([ink(draw(show("line", *letters(80, 20, 9)), draw_style(np.random.default_rng(1))))])
    usual = strangeness(known, known)[1].max()
    assert strangeness(noise, known)[0][0] > 1.25 * usual and strangeness(line, known)[0][0] > 1.25 * usual
