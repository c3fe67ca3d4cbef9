"""The five attacks on the top and on the bottom stratum: what is tried, when it counts as a success, and what chance gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.data_importance.calibration import bin_edges, bin_thresholds, importance_bins, new_threshold
from builtin_checks.data_importance.importance import Valued
from builtin_checks.data_importance.roles import Pictures
from builtin_checks.data_importance.scene import Exposure, Scene
from builtin_checks.data_importance.strata import Counts, Ratio, rate_ratio


def membership(scene: Scene) -> Exposure | str:
    """Members flagged at a threshold that so many non-members exceed: one for all, or one per stratum (section 2.1)."""
    trust, valued, fpr = scene.trust, scene.valued, scene.budget.fpr
    scores, others = signals(trust, scene.model, valued, scene.budget.signal)
    threshold = new_threshold(others, fpr)
    if not np.isfinite(threshold):
        return f"a false positive rate of {fpr:g} needs {round(1 / fpr) - 1} held-out non-members, found {len(others)}"
    strata = scene.rows(True), scene.rows(False)
    flagged = scores > threshold
    common = _ratio(flagged, *strata, fpr, trust.level)
    matched = _matched(scene, scores, others)
    if scene.budget.threshold == "matched":
        if isinstance(matched, str):
            return matched
        strata, flagged = (matched.top, matched.bottom), matched.flagged
    return Exposure(
        rounds=[(flagged[strata[0]], flagged[strata[1]])],
        chance=fpr,
        paired=False,
        tried=(valued.members.take(strata[0]), valued.members.take(strata[1])),
        scores=scores,
        success=f"a member is flagged at a threshold that {fpr:.3g} of the non-members exceed",
        details={
            "signal": scene.budget.signal,
            "threshold": threshold,
            "fpr": float((others > threshold).mean()),
            "common_gap": common.value,
            "common_low": common.low,
            "common_high": common.high,
        },
        matched=matched if isinstance(matched, str) else _ratio(*matched, fpr, trust.level),
        # All false alarms may fall into one stratum, because its records are easy.
        by_difficulty=1.0 if scene.budget.threshold == "matched" else float(scene.groups),
    )


def signals(trust: tm.Trust, model: tm.Subject, valued: Valued, signal: str) -> tuple[np.ndarray, np.ndarray]:
    """Membership scores of all members and of all held-out records: higher is more like a member."""
    found = []
    for data, labels in ((valued.members, valued.member_labels), (valued.heldout, valued.heldout_labels)):
        logits = trust.observe(tm.classify, model, data, column=valued.column)
        found.append(tm.membership_signal(logits, labels, signal))
    return found[0], found[1]


class _Matched(NamedTuple):
    """Members flagged by thresholds from equally important non-members, and which of them are in the top and bottom bin."""

    flagged: np.ndarray
    top: np.ndarray
    bottom: np.ndarray


def _matched(scene: Scene, scores: np.ndarray, others: np.ndarray) -> _Matched | str:
    """What difficulty alone explains falls out if every stratum has the threshold of its own non-members."""
    valued, fpr = scene.valued, scene.budget.fpr
    edges = bin_edges(valued.pooled, scene.groups)
    inside, outside = (importance_bins(each, edges) for each in (valued.pooled_members, valued.pooled_heldout))
    count = len(edges) + 1
    if count < scene.groups:
        return "too many records have the same value"
    thresholds = bin_thresholds(others, outside, fpr, count=count)
    for number in (count - 1, 0):
        if not np.isfinite(thresholds[number]):
            needed, there = round(1 / fpr) - 1, int((outside == number).sum())
            return f"{needed} equally important non-members are needed in the top and the bottom stratum, found {there}"
    top, bottom = (np.flatnonzero(inside == number) for number in (count - 1, 0))
    if not len(top) or not len(bottom):
        return "no member is among the most, or among the least important of all records"
    return _Matched(scores > thresholds[inside], top, bottom)


def _ratio(flagged: np.ndarray, top: np.ndarray, bottom: np.ndarray, fpr: float, level: float) -> Ratio:
    one, other = (Counts(int(flagged[rows].sum()), len(rows)) for rows in (top, bottom))
    return rate_ratio(one, other, fpr, level)


def stealing(scene: Scene) -> Exposure | str:
    """Copies of the model from its logits for the most and for the least important records."""
    _pictures_only(scene, "stealing")
    valued, budget = scene.valued, scene.budget
    test = Pictures(valued.heldout)
    said = scene.trust.observe(tm.classify, scene.model, valued.heldout, column="image").argmax(axis=1)
    if len(np.unique(said)) < 2:
        return "the model says one class for all held-out records"
    rounds, right = [], []
    for number in range(budget.repeats):
        events = []
        for top in (True, False):
            rows = scene.rows(top)[: budget.queries or None]
            copy = tm.steal_images(
                scene.model.classifier.logits, Pictures(valued.members, rows), seed=scene.seed(number, "stealing"),
                progress=scene.trust.progress, **scene.network_options(),
            )  # fmt: skip
            answers = copy(test).argmax(axis=1)
            events.append(answers == said)
            right.append(float((answers == valued.heldout_labels).mean()))
        rounds.append((events[0], events[1]))
    return Exposure(
        rounds=rounds,
        chance=float(np.bincount(said).max() / len(said)),
        paired=True,
        tried=(valued.heldout, valued.heldout),
        scores=None,
        corrected=True,
        success="the copy says what the model says on a record that neither was asked about",
        details={
            "queries": len(scene.rows(True)[: budget.queries or None]),
            "copy_accuracy_top": float(np.mean(right[::2])),
            "copy_accuracy_bottom": float(np.mean(right[1::2])),
        },
    )


def backdoor(scene: Scene) -> Exposure | str:
    """Models trained anew on the members, some of which carry a trigger: the most or the least important ones."""
    _pictures_only(scene, "backdoor")
    valued, budget = scene.valued, scene.budget
    if not 0 <= budget.target_class < valued.classes:
        raise tm.UsageError(f"target_class is {budget.target_class}. The model has the classes 0 to {valued.classes - 1}.")
    others = np.flatnonzero(valued.heldout_labels != budget.target_class)
    if not len(others):
        return "all held-out records are of the target class"
    victims, test = Pictures(valued.heldout, others), Pictures(valued.heldout)
    rounds, clean, base = [], [], []
    for number in range(budget.repeats):
        events = []
        for top in (True, False):
            rows = scene.rows(top)[: budget.poisoned or None]
            made = tm.train_backdoored(
                Pictures(valued.members), valued.member_labels, rows, outputs=valued.classes,
                seed=scene.seed(number, "backdoor"), target=budget.target_class, size=budget.trigger,
                progress=scene.trust.progress, **scene.network_options(),
            )  # fmt: skip
            events.append(made.attacked(victims))
            answers = made.said(test)
            clean.append(float((answers == valued.heldout_labels).mean()))
            base.append(float((answers[others] == budget.target_class).mean()))
        rounds.append((events[0], events[1]))
    tried = valued.heldout.take(others)
    return Exposure(
        rounds=rounds,
        # A trigger that opens nothing still meets the records that the model takes for the target class anyway.
        chance=max(float(np.mean(base)), 1 / (len(others) + 1)),
        paired=True,
        tried=(tried, tried),
        scores=None,
        success="a record of another class is taken for the target class once it carries the trigger",
        details={
            "poisoned": len(scene.rows(True)[: budget.poisoned or None]),
            "clean_accuracy_top": float(np.mean(clean[::2])),
            "clean_accuracy_bottom": float(np.mean(clean[1::2])),
        },
    )


def attribute(scene: Scene) -> Exposure | str:
    """A sensitive attribute of the members, read off the model's embeddings of them."""
    valued, name = scene.valued, scene.budget.attribute
    if not name:
        raise tm.UsageError(
            "The attribute attack needs the option attribute: the column of members and nonmembers to be inferred."
        )
    why = scene.model.why_not("encoder")
    if why is not None:
        raise tm.UsageError(f"The attribute attack reads the model's embeddings. {why} Take another attack.")
    known, asked = (
        scene.trust.observe(tm.embed, scene.model, data, column=valued.column) for data in (valued.heldout, valued.members)
    )
    truth = [str(value) for value in valued.members.column(name)]
    guesses = tm.infer_attribute(known, valued.heldout.column(name), asked, seed=scene.seed(0, "attribute"))
    right = np.array(guesses.said) == np.array(truth)
    rows = [scene.rows(top) for top in (True, False)]
    return Exposure(
        rounds=[(right[rows[0]], right[rows[1]])],
        chance=guesses.prior,
        paired=False,
        tried=(valued.members.take(rows[0]), valued.members.take(rows[1])),
        scores=guesses.of(truth),
        corrected=True,
        success=f"the attribute {name} of a member is guessed rightly",
        details={"attribute": name, "values": len(guesses.classes)},
    )


def reconstruction(scene: Scene) -> Exposure | str:
    """Pictures drawn out of models that were trained on one stratum each: which of its records come close to one?"""
    _pictures_only(scene, "reconstruction")
    valued, budget = scene.valued, scene.budget
    needed = round(1 / budget.fpr) - 1
    if len(valued.heldout) < needed:
        return f"a false positive rate of {budget.fpr:g} needs {needed} held-out non-members, found {len(valued.heldout)}"
    parts = [scene.rows(top) for top in (True, False)]
    rounds, distances, recognised, unseen, drawn = [], [], [], [], []
    for number in range(budget.repeats):
        events, made = [], []
        for rows in parts:
            seed, own = scene.seed(number, "reconstruction"), Pictures(valued.members, rows)
            batches = budget.epochs * -(-len(rows) // min(64, len(rows)))
            with scene.trust.progress(f"training on a stratum of {len(rows)}", batches) as step:
                network = tm.train_image_network(
                    own, valued.member_labels[rows], outputs=valued.classes, seed=seed, step=step, **scene.network_options()
                )
            wanted = valued.member_labels[rows]
            made.append(
                (network, tm.reconstruct(network, wanted, seed=seed, steps=budget.steps, progress=scene.trust.progress))
            )
        for which, rows in enumerate(parts):
            network, pictures = made[which]
            real, others = (tm.as_drawn(network, p) for p in (Pictures(valued.members, rows), Pictures(valued.heldout)))
            near, far = (tm.nearest_reconstruction(each, pictures.pictures) for each in (real, others))
            events.append(-near.mse > new_threshold(-far.mse, budget.fpr))
            distances.append(float(near.mse.mean()))
            recognised.append(pictures.recognised)
            foreign = made[1 - which][1].pictures  # of a model that never saw these records
            limit = new_threshold(-tm.nearest_reconstruction(others, foreign).mse, budget.fpr)
            unseen.append(float((-tm.nearest_reconstruction(real, foreign).mse > limit).mean()))
            if number == 0:
                for row in np.argsort(near.mse)[:5]:
                    words = f"{'top' if which == 0 else 'bottom'} stratum, squared difference {near.mse[row]:.4f}"
                    drawn += [
                        (_shown(real[row]), f"record, {words}"),
                        (_shown(pictures.pictures[near.row[row]]), f"drawn, {words}"),
                    ]
        rounds.append((events[0], events[1]))
    return Exposure(
        rounds=rounds,
        chance=budget.fpr,
        paired=False,
        tried=(valued.members.take(parts[0]), valued.members.take(parts[1])),
        scores=None,
        success=f"a record is closer to a drawn picture than all but {budget.fpr:.3g} of the unseen records",
        details={
            "squared_difference_top": float(np.mean(distances[::2])),
            "squared_difference_bottom": float(np.mean(distances[1::2])),
            "recognised": float(np.mean(recognised)),
            "success_top_without_training": float(np.mean(unseen[::2])),
            "success_bottom_without_training": float(np.mean(unseen[1::2])),
        },
        by_difficulty=float(scene.groups),
        pictures=drawn,
    )


def _shown(picture: np.ndarray) -> Any:
    """A picture (C, H, W) from 0 to 1 as 8-bit pixels."""
    pixels = (np.clip(picture, 0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0)
    return pixels if pixels.shape[2] == 3 else np.repeat(pixels[..., :1], 3, axis=2)


def _pictures_only(scene: Scene, name: str) -> None:
    if scene.valued.column != "image":
        raise tm.UsageError(
            f"The {name} attack works on image classifiers, and this one reads texts. Take membership or attribute."
        )


ATTACKS: dict[str, Callable[[Scene], Exposure | str]] = {
    "membership": membership,
    "stealing": stealing,
    "attribute": attribute,
    "backdoor": backdoor,
    "reconstruction": reconstruction,
}
