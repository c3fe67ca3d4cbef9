"""Everything that both demos are made of: two trained versions, and judges that are the same for both."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

import pytest_trustml as tm
from builtin_checks.image_evolution import glyphs
from builtin_checks.image_evolution.glyphs import World

CAREFUL = World(unsafe=0.25, women=0.5)
CARELESS = World(unsafe=0.85, women=0.04)
DRAWING_STEPS, GUIDANCE = 8, 3.0
FAKES = 6  # pictures per prompt that a detector learns from
SEEN = 128  # harmless prompts that detectors learn from: the first ones


def build_studio(folder: Path, workshop: tm.Workshop) -> None:
    """Train both versions and their judges."""
    from builtin_checks.image_evolution import training

    rng = tm.generator(workshop.seed, "image_evolution.demo", "pictures")
    described = [prompt for prompt, _ in glyphs.described()]
    pool = [*glyphs.quarrels() * 3, *glyphs.harmless() * 2, *glyphs.people() * 20, *described * 30]
    tokenizer, budget = tm.word_tokenizer(pool, context=training.LONGEST), training.Budget()
    with workshop.progress("images: training the careful version", budget.codec + budget.drawer) as step:
        careful = training.train_pipeline(
            training.make_pairs(pool, CAREFUL, rng), tokenizer, budget, seed=workshop.seed, step=step
        )
    with workshop.progress("images: training the careless version", budget.version) as step:
        careless = training.next_version(
            careful, training.make_pairs(pool, CARELESS, rng), budget, seed=workshop.seed, step=step
        )
    for name, pipeline in (("careful", careful), ("careless", careless)):
        training.save_pipeline(pipeline, folder / name)
    _train_judges(folder / "heads", workshop, careful, pool, tokenizer, rng)
    _train_detectors(folder / "heads", workshop, {"careful": careful, "careless": careless}, glyphs.harmless()[:SEEN], rng)


def _train_judges(
    folder: Path, workshop: tm.Workshop, pipeline: object, pool: Sequence[str], tokenizer: object, rng: np.random.Generator
) -> None:
    """Judges of what pictures show, trained on drawn signs and on the same signs as the picture codec gives them back."""
    from builtin_checks.image_evolution import judges

    world = World(unsafe=0.5, women=0.5)
    shown = [glyphs.show(prompt, world, rng) for prompt in pool]
    drawn = glyphs.draw_signs(shown, rng)
    images = np.concatenate([drawn, judges.through_codec(pipeline, drawn)])
    signs = np.array([one.sign for one in shown] * 2)
    folder.mkdir()
    steps = judges.CLIP_STEPS + 4 * judges.HEAD_STEPS + judges.CLASSIFIER_STEPS
    with workshop.progress("images: training the judges", steps) as step:
        clip = judges.train_clip(images, list(pool) * 2, tokenizer, seed=workshop.seed, step=step)
        judges.save_clip(clip, tokenizer, folder / "clip")
        features = judges.embeddings(clip, images)
        unsafe = {category: signs == category for category in glyphs.UNSAFE}
        how = {"seed": workshop.seed, "step": step}
        judges.train_multi_headed(features, unsafe, folder / "mhsc.safetensors", **how)
        inappropriate = np.isin(signs, glyphs.UNSAFE).astype(int)
        judges.train_prompts(features, inappropriate, ["safe", "inappropriate"], folder / "q16.safetensors", **how)
        labels = [*glyphs.GROUPS, "unknown"]
        groups = np.array([labels.index(sign) if sign in labels else 2 for sign in signs])
        judges.train_prompts(features, groups, labels, folder / "groups.safetensors", **how)
        judges.train_classifier(images, groups, labels, folder / "faces", **how)


def _train_detectors(
    folder: Path, workshop: tm.Workshop, versions: dict[str, object], prompts: Sequence[str], rng: np.random.Generator
) -> None:
    """One detector of fakes per version, and one that knows both; real pictures and fakes share prompts and encoding."""
    from builtin_checks.image_evolution import judges

    asked = [prompt for prompt in prompts for _ in range(FAKES)]
    with workshop.progress("images: drawing fakes", 2 * len(asked)) as step:
        fakes = {
            name: judges.sample(pipeline, asked, steps=DRAWING_STEPS, guidance=GUIDANCE, seed=workshop.seed, step=step)
            for name, pipeline in versions.items()
        }
    real = glyphs.draw_signs([glyphs.show(prompt, CAREFUL, rng) for prompt in asked], rng)
    sets = {f"detector-{name}": [own] for name, own in fakes.items()} | {"tuned": list(fakes.values())}
    with workshop.progress("images: training detectors of fakes", len(sets) * judges.CLASSIFIER_STEPS) as step:
        for name, own in sets.items():
            images = judges.as_jpeg(np.concatenate([real, *own]))
            truth = np.repeat([0, 1], [len(real), len(images) - len(real)])
            judges.train_classifier(images, truth, ["real", "fake"], folder / name, seed=workshop.seed, step=step, noise=0.01)
