"""Two demo releases: detectors of abuse against made-up peoples, one that spelling mistakes undo and one that they do not."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest_trustml as tm
from builtin_checks.hate_detectors.grammar import Post, posts, suite
from builtin_checks.hate_detectors.training import Recipe, fit, make_model, make_tokenizer

MANIFEST = """\
# {summary}
model = "model"

[data]
labelled_texts = "posts.jsonl"
generated_texts = "posts.jsonl"
grouped_texts = "posts.jsonl"
functional_suite = "suite.jsonl"

[options]
"hate_detectors.evasion" = {{ max_texts = {attacked} }}
"hate_detectors.campaign" = {{ max_texts = {attacked} }}

[limits]
"hate_detectors.functional:obfuscation_evasion" = {{ at_most = 0.4 }}
"hate_detectors.group_gap:recall_gap" = {{ at_most = 0.2 }}
"hate_detectors.group_gap:fpr_gap" = {{ at_most = 0.2 }}

[gate]
required = ["hate_detectors.*"]
"""
GENERATORS = ("g1", "g2")
TRAINING, HELD_OUT, TEMPLATES, ATTACKED = 6000, 1000, 60, 150
BRITTLE = Recipe(steps=600, batch=32, rate=2e-3, width=64, layers=2, copies=1, sloppy=True)
HARDENED = Recipe(steps=2400, batch=32, rate=1.5e-3, width=96, layers=2, pieces=400, copies=3)


def hate_detector_brittle(folder: Path, workshop: tm.Workshop) -> None:
    """A detector of whole, well-spelt words: good on clean posts, undone by spelling mistakes; it must fail.

    Its training data have a fault that is common: the hateful posts were found by searching for words, so they are all spelt
    well, and harmless ones came with the mistakes of everyday. A word that it does not know has become a sign of harmlessness,
    and one misplaced letter makes a word that it does not know.
    """
    _build(folder, workshop, hate_detector_brittle, BRITTLE)


def hate_detector_hardened(folder: Path, workshop: tm.Workshop) -> None:
    """The same kind of model on the same posts, hardened against misspelling: it must pass.

    Its tokenizer's normaliser undoes look-alike letters, invisible characters, marks, digits for letters and points inside of
    words, wherever the model is loaded; it reads pieces of words; and most of what it read in training was misspelt.
    """
    _build(folder, workshop, hate_detector_hardened, HARDENED)


def training_posts(seed: int) -> list[Post]:
    """The posts that both detectors learn from."""
    return posts(TRAINING, tm.generator(seed, "hate_detectors.demo", "training"), GENERATORS)


def held_out_posts(seed: int, learnt: Sequence[Post]) -> list[Post]:
    """The posts that they are judged on: none of them is among those that they learnt from."""
    known = {post.text for post in learnt}
    found = posts(HELD_OUT, tm.generator(seed, "hate_detectors.demo", "held out"), GENERATORS)
    repeated = {post.prompt for post in found if post.text in known}
    return [post for post in found if post.prompt not in repeated]


def _build(folder: Path, workshop: tm.Workshop, release: Callable[..., None], recipe: Recipe) -> None:
    learnt = training_posts(workshop.seed)
    texts, hateful = [post.text for post in learnt], [post.hateful for post in learnt]
    tokenizer = make_tokenizer(texts, recipe)
    model = make_model(len(tokenizer), recipe, workshop.seed)
    with workshop.progress(f"training {release.__name__.replace('_', ' ')}", recipe.steps) as step:
        fit(model, tokenizer, texts, hateful, recipe, workshop.seed, step)
    tm.save_model(folder / "model", model, tokenizer)
    _write(folder / "posts.jsonl", [_row(number, post) for number, post in enumerate(held_out_posts(workshop.seed, learnt))])
    _write_suite(folder, workshop.seed)
    summary = (release.__doc__ or "").partition("\n")[0]
    (folder / "trustml.toml").write_text(MANIFEST.format(summary=summary, attacked=ATTACKED), encoding="utf-8")


def _write_suite(folder: Path, seed: int) -> None:
    """Functional tests in the layout of HateCheck."""
    cases = suite(TEMPLATES, tm.generator(seed, "hate_detectors.demo", "suite"))
    _write(
        folder / "suite.jsonl",
        [
            {
                "functionality": case.functionality,
                "case_id": f"case-{number}",
                "test_case": case.text,
                "label_gold": "hateful" if case.hateful else "non-hateful",
                "target_ident": case.group,
                "ref_case_id": "" if case.reference < 0 else f"case-{case.reference}",
                "templ_id": case.template,
            }
            for number, case in enumerate(cases)
        ],
    )


def _row(number: int, post: Post) -> dict[str, Any]:
    return {
        "id": f"post-{number:04d}",
        "text": post.text,
        "label": "hateful" if post.hateful else "non-hateful",
        "group": post.group,
        "generator": post.generator,
        "generation": "old" if post.generator == GENERATORS[0] else "new",
        "prompt_id": post.prompt,
    }


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
