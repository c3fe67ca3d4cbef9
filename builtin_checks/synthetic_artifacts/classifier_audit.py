"""From a classifier, texts and references to measurements: scores, controls, the verdict's numbers, and what is shown."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts import controls, exhibits, tuning
from builtin_checks.synthetic_artifacts.references import Answers, Recipe, align, classes_of, given, name_classes, opened, train
from builtin_checks.synthetic_artifacts.scenario import FEWEST_QUERIES, QUERY_KINDS, half_of, reserve
from builtin_checks.synthetic_artifacts.score import METRICS, query_scores, softmax
from builtin_checks.synthetic_artifacts.share import synthetic_share
from builtin_checks.synthetic_artifacts.verdict import Audit, audit, measured, undecided

METHODS = ("metric", "tuning")


class Asked(NamedTuple):
    """What is asked of the audit: options of the check."""

    declared: str
    method: str
    metric: str
    queries: int
    kind: str

    def checked(self) -> Asked:
        """The options themselves, if they can be meant."""
        words = {
            "declared": (self.declared, ("real", "synthetic")), "method": (self.method, METHODS),
            "metric": (self.metric, METRICS), "query_kind": (self.kind, QUERY_KINDS),
        }  # fmt: skip
        for name, (value, known) in words.items():
            if value not in known:
                raise tm.UsageError(f"The option {name} is {value!r}. Choose {', '.join(known)}.")
        if self.queries < FEWEST_QUERIES:
            raise tm.UsageError(f"queries is {self.queries}. With fewer than {FEWEST_QUERIES} no score is worth comparing.")
        return self

    @property
    def towards(self) -> int:
        """Synthetic models score higher on synthetic texts and lower on real ones."""
        return -1 if self.kind == "real" else 1


def audit_classifier(
    trust: tm.Trust, model: tm.Subject, base: tm.Subject | None, real: tm.Dataset, synthetic: tm.Dataset,
    models: tm.Dataset | None, asked: Asked, recipe: Recipe,
) -> list[tm.Measurement]:  # fmt: skip
    """Everything that is measured of a classifier."""
    classes = classes_of(model)
    pools = name_classes(real, classes), name_classes(synthetic, classes)
    queries, *rest = reserve(*pools, kind=asked.kind, count=asked.queries, rng=trust.rng)
    texts = tm.Dataset({"id": queries.ids, "text": queries.column("text")}, spec=queries.spec)
    logits = trust.observe(tm.classify, model, texts)
    if not controls.answers_are_numbers(trust, logits):
        return undecided("the model gives answers that are no numbers")
    own = softmax(logits)
    if models is not None:
        found = given(trust, models, model, texts, classes)
    else:
        further = 0
        if asked.method == "tuning":
            tunable(model)
            further = _further(recipe.references)
        size = recipe.training_texts or half_of(rest[0], rest[1])
        trained = recipe._replace(references=recipe.references + further, training_texts=size)
        found = train(trust, model, base, (rest[0], rest[1]), texts, trained, classes)
    gold = np.array([classes.index(label) for label in queries.column("label")])
    controls.does_the_task(trust, own.argmax(1) == gold, len(classes))
    controls.references_do_the_task(trust, found.posteriors.argmax(2) == gold, len(classes))
    if asked.method == "tuning":
        return _by_tuning(trust, model, models, found, own, gold, queries, asked, recipe, classes)
    audits = _by_metrics(trust, found, own, gold, queries, asked)
    chosen = audits[asked.metric]
    _show(trust, chosen, audits, found.shares, asked.metric)
    others = {} if asked.metric == "accuracy" else {"accuracy": audits["accuracy"]}
    scores = [signed(query_scores(table, gold, asked.metric), queries) for table in (own, found.posteriors)]
    return [
        *measured(trust, chosen, declared=asked.declared, others=others),
        *synthetic_share(trust, scores[0], scores[1], found.shares, towards=asked.towards, rng=trust.rng),
    ]


def _by_metrics(
    trust: tm.Trust, found: Answers, own: np.ndarray, gold: np.ndarray, queries: tm.Dataset, asked: Asked
) -> dict[str, Audit]:
    audits = {}
    for metric in METRICS:
        subject, others = (signed(query_scores(table, gold, metric), queries) for table in (own, found.posteriors))
        audits[metric] = audit(
            subject, others[~found.synthetic], others[found.synthetic], towards=asked.towards, alpha=1 - trust.level,
            rng=trust.rng, overlap=found.overlap,
        )  # fmt: skip
    return audits


def signed(scores: np.ndarray, queries: tm.Dataset) -> np.ndarray:
    """Scores (..., Q) whose mean is a model's score: with queries of both origins the synthetic part minus the real one."""
    synthetic = np.array(queries.column("origin")) == "synthetic"
    if synthetic.all() or not synthetic.any():
        return scores
    return scores * np.where(synthetic, len(synthetic) / synthetic.sum(), -len(synthetic) / (~synthetic).sum())


def _show(trust: tm.Trust, chosen: Audit, audits: dict[str, Audit], shares: np.ndarray, name: str) -> None:
    exhibits.show_scores(trust, audits, name)
    exhibits.show_places(trust, chosen, shares, name)
    exhibits.show_distributions(trust, chosen, name)


def _further(references: int) -> int:
    """References of each side that a tuning-based audit learns from, beside those that give the ranks."""
    return max(4, references // 2)


def tunable(model: tm.Subject) -> None:
    """Whether inputs can be made up in a model's embedding space."""
    if model.kind != "transformers" or model.path is None:
        raise tm.Unsupported(
            f"{model.spec} has no embeddings that a tuning-based audit could learn inputs for: it needs a directory of "
            "transformers. Set method to metric."
        )


def _by_tuning(
    trust: tm.Trust, model: tm.Subject, given_models: tm.Dataset | None, found: Answers, own: np.ndarray, gold: np.ndarray,
    queries: tm.Dataset, asked: Asked, recipe: Recipe, classes: Sequence[str],
) -> list[tm.Measurement]:  # fmt: skip
    """Learn to read the first references of each side, rank the model among the others."""
    tunable(model)
    sides = [np.flatnonzero(found.synthetic == side) for side in (False, True)]
    fitted = [np.arange(0)] * 2
    for side, places in enumerate(sides):
        number = len(places) - recipe.references if given_models is None else max(2, len(places) // 3)
        # Evenly spaced, so that all shares of a mixed side are on both parts.
        fitted[side] = places[np.unique(np.linspace(0, len(places) - 1, number).round().astype(int))]
    learnt = np.concatenate(fitted)
    ranked = np.setdiff1d(np.arange(len(found.shares)), learnt)
    with tempfile.TemporaryDirectory() as folder:
        modules, columns = _modules(Path(folder), model, given_models, found, classes)
        with tm.one_thread(), trust.progress("learning to read references", tuning.EPOCHS) as step:
            reader = tuning.learn_to_read(
                [modules[place] for place in learnt], [columns[place] for place in learnt], found.synthetic[learnt],
                queries=asked.queries, seed=trust.seed, step=step,
            )  # fmt: skip
        assert model.path is not None
        subject = tuning.open_classifier(model.path)
        mine = tuning.log_odds(reader, subject, _columns(subject, classes, model.spec))
        scores = np.array([tuning.log_odds(reader, modules[place], columns[place]) for place in ranked])
    synthetic = found.synthetic[ranked]
    alpha, part = 1 - trust.level, found._replace(posteriors=found.posteriors[ranked], shares=found.shares[ranked])
    chosen = audit(mine, scores[~synthetic], scores[synthetic], towards=1, alpha=alpha, rng=trust.rng, overlap=found.overlap)
    audits = _by_metrics(trust, part, own, gold, queries, asked)
    name = "log-odds of the reader"
    _show(trust, chosen, {name: chosen, **audits}, part.shares, name)
    headline, *others = measured(trust, chosen, declared=asked.declared, others={"accuracy": audits["accuracy"]})
    details = headline.details | {"kept_epoch": reader.epoch + 1, "held_out_loss": reader.loss, "learnt_from": len(learnt)}
    return [headline.but(details=details), *others]


def _modules(
    folder: Path, model: tm.Subject, given_models: tm.Dataset | None, found: Answers, classes: Sequence[str]
) -> tuple[list, list[list[int]]]:
    """All references in memory, with the columns of their classes."""
    paths = []
    if found.trained is not None:
        for place in range(len(found.trained)):
            found.trained.export(place, folder / str(place))
            paths.append(folder / str(place))
    else:
        assert given_models is not None
        for reference in opened(given_models, model, "classifier"):
            tunable(reference)
            paths.append(reference.path)
    modules = [tuning.open_classifier(path) for path in paths]
    return modules, [_columns(module, classes, str(path)) for module, path in zip(modules, paths, strict=True)]


def _columns(module: object, classes: Sequence[str], who: str) -> list[int]:
    names = module.config.id2label  # type: ignore[attr-defined]
    return align(np.arange(len(names)), [str(names[place]) for place in sorted(names)], classes, who).tolist()
