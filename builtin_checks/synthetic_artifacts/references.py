"""Reference classifiers: how they are trained, or which are given; and what they say to the queries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts.scenario import compose, overlaps
from builtin_checks.synthetic_artifacts.score import softmax

RECIPES = ("auto", "finetune", "head", "linear")
_HEADS = ("classifier", "score", "pre_classifier", "pooler", "classification_head")
_RATES = {"base": 2e-5, "random": 1e-3, "head": 1e-3}
_LONGEST = 256


class Recipe(NamedTuple):
    """How references are trained: options of the check. A learning rate of 0 is that of the recipe."""

    recipe: str
    scenario: str
    references: int
    training_texts: int
    epochs: int
    batch_size: int
    learning_rate: float


class Answers(NamedTuple):
    """What K references say: posteriors (K, Q, C); the synthetic share that each learnt from; what they have in common."""

    posteriors: np.ndarray
    shares: np.ndarray
    overlap: tuple[float, float]
    trained: tm.Shadows | None
    specs: tuple[str, ...]

    @property
    def synthetic(self) -> np.ndarray:
        """Which of them learnt from synthetic texts at all: (K,) bool."""
        return self.shares > 0


def classes_of(model: tm.Subject) -> list[str]:
    """The names of a model's classes, if no two of them are spelt alike but for capitals."""
    names = [str(name) for name in model.classifier.labels]
    if len({_plain(name) for name in names}) < max(len(names), 2):
        raise tm.DataError(
            f"{model.spec} has the classes {', '.join(map(repr, names))}. It needs two at least, none of which differ in "
            "capitals alone: set id2label in its configuration."
        )
    return names


def name_classes(pool: tm.Dataset, classes: Sequence[str]) -> tm.Dataset:
    """The same texts, labels spelt as the model's classes are.

    Raises
    ------
    DataError
        For a label that is no class of the model, a class without a text, or a text that is none.
    """
    known = {_plain(name): name for name in classes}
    named = []
    for row, label, text in zip(pool.ids, pool.column("label"), pool.column("text"), strict=True):
        if not isinstance(text, str) or not text.strip():
            raise tm.DataError(f"Row {row} of {pool.spec} has no text: it holds a {type(text).__name__}. Remove the row.")
        if _plain(label) not in known:
            raise tm.DataError(
                f"Row {row} of {pool.spec} has the label {str(label)[:60]!r}, but the classes of the model are "
                f"{', '.join(map(repr, classes))}. Give labels the names of the classes (capitals do not matter)."
            )
        named.append(known[_plain(label)])
    lost = [name for name in classes if name not in set(named)]
    if lost:
        raise tm.DataError(f"{pool.spec} has no text of the class {lost[0]!r}. Every class of the model needs some.")
    return pool.with_columns(label=named)


def align(table: np.ndarray, labels: Sequence[str], classes: Sequence[str], who: str) -> np.ndarray:
    """Columns (..., C) in the order of ``classes``.

    >>> align(np.array([[1, 2]]), ["Neg", "Pos"], ["pos", "neg"], "a model").tolist()
    [[2, 1]]
    """
    places = {_plain(name): place for place, name in enumerate(labels)}
    if sorted(places) != sorted(map(_plain, classes)):
        raise tm.DataError(
            f"{who} has the classes {', '.join(map(repr, labels))}, the audited model {', '.join(map(repr, classes))}. "
            "References have the same classes, in any order."
        )
    return table[..., [places[_plain(name)] for name in classes]]


def _plain(name: object) -> str:
    return str(name).strip().lower()


def train(
    trust: tm.Trust, model: tm.Subject, base: tm.Subject | None, pools: tuple[tm.Dataset, tm.Dataset], asked: tm.Dataset,
    recipe: Recipe, classes: Sequence[str],
) -> Answers:  # fmt: skip
    """Train references on both sides and ask them."""
    training = training_of(model, base, recipe, classes)
    dataset, members, shares = compose(
        *pools, scenario=recipe.scenario, count=recipe.references, size=recipe.training_texts, rng=trust.rng
    )
    rng = tm.generator(trust.seed, "synthetic_artifacts.classifier", "references")
    shadows = trust.train_shadows(training, dataset, members, seeds=rng.integers(2**31, size=len(members)).tolist())
    posteriors = softmax(align(shadows.logits(asked), list(shadows.labels), classes, "A trained reference"))
    return Answers(posteriors, shares, overlaps(members, shares), shadows, ())


def training_of(model: tm.Subject, base: tm.Subject | None, recipe: Recipe, classes: Sequence[str]) -> tm.Training:
    """How references of a model's kind are trained.

    ``auto``: ``linear`` for a model without files, ``head`` where the weights of its encoder are those of the base model,
    otherwise ``finetune``: from the weights of the base model if there is one, else from random weights of its configuration.
    """
    if recipe.recipe not in RECIPES:
        raise tm.UsageError(f"The option recipe is {recipe.recipe!r}. Choose {', '.join(RECIPES)}.")
    files = model.kind == "transformers" and model.path is not None
    labels = tuple(classes)
    if recipe.recipe == "linear" or (recipe.recipe == "auto" and not files):
        return tm.Training(architecture="linear", labels=labels)
    if not files:
        raise tm.UsageError(
            f"{model.spec} is no directory of transformers, so references of its kind cannot be trained by the recipe "
            f"{recipe.recipe!r}. Set recipe to linear if it is a linear model of words, or give trained reference_models."
        )
    frozen: tuple[str, ...] = ()
    if base is not None and recipe.recipe in ("auto", "head"):
        frozen = common_weights(model, base)
    if recipe.recipe == "head" and not frozen:
        raise tm.UsageError(
            "The recipe head trains heads on the encoder of the base model, but "
            + ("there is no base model: give --trustml-base-model." if base is None else "the weights of its encoder differ.")
        )
    kind = "head" if frozen else "random" if base is None else "base"
    return tm.Training(
        start=str(model.path if base is None else base.path),
        architecture=_architecture(model) if base is not None else "",
        pretrained=base is not None,
        frozen=frozen,
        labels=labels,
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate or _RATES[kind],
        max_tokens=_LONGEST,
    )


def common_weights(model: tm.Subject, base: tm.Subject) -> tuple[str, ...]:
    """Names of the model's weights that are those of its base model, if its whole encoder is; otherwise none.

    Heads (classifier, score, pooler, ...) do not count.
    """
    from safetensors import safe_open

    if model.path is None or base.path is None:
        return ()
    own, other = _files(model.path), _files(base.path)
    same = []
    for name, file in own.items():
        twin = name if name in other else name.partition(".")[2]
        if any(part in _HEADS for part in name.split(".")):
            continue
        if twin not in other:
            return ()
        with safe_open(file, "numpy") as mine, safe_open(other[twin], "numpy") as theirs:
            left, right = mine.get_tensor(name), theirs.get_tensor(twin)
        if left.shape != right.shape or not np.array_equal(left, right):
            return ()
        same.append(name)
    return tuple(same)


def _files(folder: Path) -> dict[str, Path]:
    """Name of each weight -> its file."""
    from safetensors import safe_open

    found = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "numpy") as weights:
            found |= dict.fromkeys(weights.keys(), file)
    return found


def _architecture(model: tm.Subject) -> str:
    import json

    assert model.path is not None
    named = json.loads((model.path / "config.json").read_text(encoding="utf-8")).get("architectures") or [""]
    return str(named[0])


def given(trust: tm.Trust, models: tm.Dataset, model: tm.Subject, asked: tm.Dataset, classes: Sequence[str]) -> Answers:
    """Ask models that somebody trained, one after the other, on the audited model's device."""
    shares = known_shares(models)
    found = []
    for reference in opened(models, model, "classifier"):
        logits = align(trust.observe(tm.classify, reference, asked), reference.classifier.labels, classes, reference.spec)
        if not np.isfinite(logits).all():
            raise tm.SubjectError(f"The reference model {reference.spec} gives logits that are no numbers. Leave it out.")
        found.append(softmax(logits))
    return Answers(np.stack(found), shares, (0.0, 0.0), None, tuple(str(spec) for spec in models.column("spec")))


def opened(models: tm.Dataset, model: tm.Subject, need: str) -> Iterator[tm.Subject]:
    """The given reference models in turn; each is closed when the next one is asked for."""
    for name, spec in zip(models.ids, models.column("spec"), strict=True):
        reference = tm.open_subject(str(spec), device=model.device, dtype=model.dtype, name=f"reference model {name}")
        why = reference.why_not(need)
        if why is not None:
            raise tm.UsageError(f"The reference model {spec} cannot be compared with the audited one: {why}")
        yield reference
        reference.close()


def known_shares(models: tm.Dataset) -> np.ndarray:
    """The share of synthetic data that each given reference learnt from; 1 where only its origin is known.

    Raises
    ------
    DataError
        For an origin that is neither real nor synthetic, a share that is none of this origin, and a side without a model.
    """
    shares = []
    for place in range(len(models)):
        row = models.row(place)
        origin, share = _plain(row["origin"]), row.get("share")
        if origin not in ("real", "synthetic"):
            raise tm.DataError(
                f"Row {models.ids[place]} of {models.spec} has the origin {origin[:40]!r}. It is real or synthetic."
            )
        share = float(origin == "synthetic") if share is None else share
        if (
            isinstance(share, bool)
            or not isinstance(share, int | float)
            or not 0 <= share <= 1
            or (share > 0) != (origin != "real")
        ):
            raise tm.DataError(
                f"Row {models.ids[place]} of {models.spec} is {origin} with a share of {share!r}. The share of synthetic data "
                "is 0 for a real reference and above 0, at most 1, for a synthetic one."
            )
        shares.append(float(share))
    if not 0 < sum(share > 0 for share in shares) < len(shares):
        raise tm.DataError(f"{models.spec} names references of one origin alone. A model is compared with both: name both.")
    return np.array(shares)
