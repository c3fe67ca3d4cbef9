"""Drawing: every picture once, in any order and number; what is blocked or blank is never judged."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.image_evolution.codec import Codec
from builtin_checks.image_evolution.drawing import PIECE, draw, is_uniform, pipeline_settings, seed_of
from builtin_checks.image_evolution.heads import open_heads

PROMPTS = tm.Dataset({"id": ["a", "b", "c", "d"], "prompt": ["a cat", "a war", "a fog", "a dog"]})


@pytest.fixture
def head(opened):
    return open_heads("bright=py:painters:bright", "safety", opened("plain"))


def test_blocked_and_blank_pictures_are_counted_and_never_judged(trust, opened, head):
    found = draw(trust, opened("careful"), PROMPTS, head, pictures_per_prompt=2)
    assert found.blocked.tolist() == [[False] * 2, [True] * 2, [False] * 2, [False] * 2]
    assert found.blank.tolist() == [[False] * 2, [False] * 2, [True] * 2, [False] * 2]
    assert found.usable["bright"].tolist() == [[True] * 2, [False] * 2, [False] * 2, [True] * 2]
    readings = found.readings["bright"]
    assert readings.shape == (4, 2, 2) and readings.dtype == np.float64
    assert np.isnan(readings).all(-1).tolist() == (~found.usable["bright"]).tolist()
    assert found.similarity is None
    picture = np.asarray(found.pictures(0, 1), float)
    np.testing.assert_allclose(readings[0, 1, 0], picture.mean() / 255)
    assert not np.asarray(found.pictures(1, 0)).any()


def test_what_hands_out_nothing_but_black_stays_unusable(trust, opened, head):
    found = draw(trust, opened("careful"), PROMPTS, head, pictures_per_prompt=1, shown_only=False)
    assert found.blocked[:, 0].tolist() == [False, True, False, False]
    assert found.usable["bright"][:, 0].tolist() == [True, False, False, True]


def test_pictures_are_drawn_once_and_judged_once(trust, opened, head, painters):
    painters.Painter.drawn.clear()
    painters.Bright.seen = 0
    first = draw(trust, opened("plain"), PROMPTS, head, pictures_per_prompt=2)
    assert painters.Painter.drawn == {"plain": 8}
    more = draw(trust, opened("plain"), PROMPTS, head, pictures_per_prompt=3)
    assert painters.Painter.drawn == {"plain": 12}  # the first two pictures of each prompt are kept
    np.testing.assert_array_equal(first.readings["bright"], more.readings["bright"][:, :2])
    draw(trust, opened("plain"), PROMPTS, [], pictures_per_prompt=3, shade=100)
    assert painters.Painter.drawn == {"plain": 24}  # another setting, other pictures
    assert painters.Bright.seen == 12


def test_order_and_company_change_nothing(trust, opened, head):
    shuffled = [2, 0, 3, 1]
    whole = draw(trust, opened("plain"), PROMPTS, head, pictures_per_prompt=2)
    moved = draw(trust, opened("plain"), PROMPTS.take(shuffled), head, pictures_per_prompt=2)
    np.testing.assert_array_equal(moved.readings["bright"], whole.readings["bright"][shuffled])


def test_more_prompts_than_fit_into_one_piece(trust, opened, head):
    many = tm.Dataset({"prompt": [f"thing {number}" for number in range(PIECE + 9)]})
    found = draw(trust, opened("plain"), many, head, pictures_per_prompt=1)
    assert found.usable["bright"].all()
    last = PIECE + 8
    alone = draw(trust, opened("plain"), many.take([last]), head, pictures_per_prompt=1)
    np.testing.assert_array_equal(alone.readings["bright"][0], found.readings["bright"][last])
    assert np.array_equal(np.asarray(alone.pictures(0, 0)), np.asarray(found.pictures(last, 0)))


def test_every_picture_is_encoded_again_before_it_is_judged(trust, opened, head):
    plain = draw(trust, opened("plain"), PROMPTS, head, pictures_per_prompt=1)
    coded = draw(trust, opened("plain"), PROMPTS, head, pictures_per_prompt=1, codec=Codec(side=4, quality=50))
    difference = np.abs(plain.readings["bright"] - coded.readings["bright"]).max()
    assert 0 < difference < 0.1
    assert np.array_equal(np.asarray(plain.pictures(0, 0)), np.asarray(coded.pictures(0, 0)))


def test_seeds_are_their_own():
    seeds = {seed_of(seed, name, j) for seed in range(3) for name in map(str, range(50)) for j in range(4)}
    assert len(seeds) == 600 and all(0 <= seed < 2**32 for seed in seeds)


def test_what_counts_as_one_colour():
    field = np.full((20, 20, 3), 120, np.uint8)
    field[::7, ::5] += 8
    assert is_uniform(field)
    field[0, :2] = 255  # 2 of 400
    assert is_uniform(field)
    field[1, 0] = 255
    assert not is_uniform(field)


def test_settings_that_are_left_to_the_pipeline():
    assert pipeline_settings() == {}
    assert pipeline_settings(guidance=0.0, negative_prompt="blood") == {"guidance_scale": 0.0, "negative_prompt": "blood"}


def test_no_picture_is_no_drawing(trust, opened):
    with pytest.raises(tm.UsageError, match="0 pictures per prompt"):
        draw(trust, opened("plain"), PROMPTS, [], pictures_per_prompt=0)


@pytest.fixture(scope="module")
def pipelines(tmp_path_factory):
    """Untrained pipelines of one architecture: with a checker that blocks every picture, and without any."""
    import torch
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPImageProcessor

    from builtin_checks.image_evolution.training import LONGEST, Budget, Pairs, save_pipeline, train_pipeline

    folder = tmp_path_factory.mktemp("pipelines")
    prompts = ["a cat", "a dog", "a war", "a fog"]
    pairs = Pairs(np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8), prompts)
    budget = Budget(codec=2, drawer=2, version=1, batch=4)
    pipeline = train_pipeline(pairs, tm.word_tokenizer(prompts, context=LONGEST), budget, seed=0, step=lambda done: None)
    save_pipeline(pipeline, folder / "bare")
    tower = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
    torch.manual_seed(0)
    checker = StableDiffusionSafetyChecker(CLIPConfig(vision_config={**tower, "image_size": 16, "patch_size": 8}))
    checker.concept_embeds_weights.data.fill_(-2.0)
    sides = {"size": {"shortest_edge": 16}, "crop_size": {"height": 16, "width": 16}}
    with tm.quiet():
        pipeline.register_modules(safety_checker=checker, feature_extractor=CLIPImageProcessor(**sides))
    save_pipeline(pipeline, folder / "nervous")
    return {name: tm.open_subject(str(folder / name), device="cpu") for name in ("bare", "nervous")}


def test_a_product_shows_nothing_where_its_model_draws(trust, pipelines, head):
    settings = {"pictures_per_prompt": 1, "num_inference_steps": 2}
    product = draw(trust, pipelines["nervous"], PROMPTS, head, **settings)
    model = draw(trust, pipelines["nervous"], PROMPTS, head, shown_only=False, **settings)
    bare = draw(trust, pipelines["bare"], PROMPTS, head, **settings)
    assert product.blocked.all() and model.blocked.all() and not bare.blocked.any()
    assert not product.usable["bright"].any() and np.isnan(product.readings["bright"]).all()
    assert not product.blank.any()
    np.testing.assert_allclose(model.readings["bright"], bare.readings["bright"])
    assert not np.asarray(product.pictures(0, 0)).any() and np.asarray(model.pictures(0, 0)).any()


def test_the_checker_of_a_pipeline_judges_the_pictures_of_another(trust, pipelines):
    judge = open_heads("sd=pipeline", "safety", pipelines["nervous"])
    elsewhere = open_heads(f"sd=pipeline@{pipelines['nervous'].path}", "safety", pipelines["bare"])
    assert judge[0].labels == ("blocked",) and judge[0].fingerprint == elsewhere[0].fingerprint
    for heads in (judge, elsewhere):
        drawn = draw(trust, pipelines["bare"], PROMPTS, heads, pictures_per_prompt=1, num_inference_steps=2)
        assert (drawn.readings["sd"] == 1).all()
    with pytest.raises(tm.DataError, match="has no safety checker that could judge"):
        open_heads("sd=pipeline", "safety", pipelines["bare"])
