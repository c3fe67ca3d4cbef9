"""All attacks on one deployment: what they score, and what they flag by rules that were fitted elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.icl_membership.attacks import Found, brainwash, gap, inquiry, repeat
from builtin_checks.icl_membership.prompt import Format, normal
from builtin_checks.icl_membership.replies import first_line, label_of
from builtin_checks.icl_membership.score import cross_fitted, kind_rule, logistic_rule, threshold_rule
from builtin_checks.icl_membership.speaker import Speaker
from builtin_checks.icl_membership.trials import Trial

ATTACKS = ("gap", "inquiry", "repeat", "brainwash", "hybrid", "reply")
_KINDS = 8


class Settings(NamedTuple):
    """How hard the attacks try; see the page of ``icl_membership.advantage``."""

    words: int
    rounds: int
    wrong_labels: int
    seed: int

    def checked(self) -> Settings:
        """The settings themselves, if they can be meant."""
        if min(self.words, self.rounds, self.wrong_labels) < 1:
            raise tm.UsageError(
                f"words is {self.words}, rounds {self.rounds} and wrong_labels {self.wrong_labels}. Each is at least 1."
            )
        return self


class Attacked(NamedTuple):
    """What came of it, one entry per trial.

    Parameters
    ----------
    scores, flagged : dict of attack to array, shape (n,)
        Larger scores mean more likely a member; flags are by thresholds and rules that other trials set.
    unread : dict of attack to float
    right : array of bool, shape (n,)
        The label of the target was named, whether or not it was among the demonstrations.
    how : str
        How Brainwash asked: ``one pass`` or ``step by step``.
    """

    scores: dict[str, np.ndarray]
    flagged: dict[str, np.ndarray]
    unread: dict[str, float]
    right: np.ndarray
    how: str


def attack(speaker: Speaker, form: Format, trials: Sequence[Trial], settings: Settings) -> Attacked:
    """Run every attack on the same trials."""
    named = gap(speaker, form, trials)
    asked = inquiry(speaker, form, trials)
    recited = repeat(speaker, form, trials, settings.words)
    washed, how = brainwash(speaker, form, trials, settings.rounds, settings.wrong_labels, settings.seed)
    member = np.array([trial.member for trial in trials])
    target = [trial.number for trial in trials]
    pair = np.stack([washed.scores, recited.scores], axis=1)
    hybrid = cross_fitted(pair, member, target, logistic_rule, settings.seed)
    kinds = _kinds((named, asked, recited), form)
    scores = {
        "gap": named.scores, "inquiry": asked.scores, "repeat": recited.scores, "brainwash": washed.scores, "hybrid": hybrid,
    }  # fmt: skip
    flagged = {
        "gap": named.scores > 0,
        "inquiry": asked.scores > 0,
        "repeat": cross_fitted(recited.scores, member, target, threshold_rule, settings.seed) > 0,
        "brainwash": cross_fitted(washed.scores, member, target, threshold_rule, settings.seed) > 0,
        "hybrid": hybrid >= 0.5,
        "reply": cross_fitted(kinds, member, target, kind_rule, settings.seed) > 0,
    }
    unread = {"gap": named.unread, "inquiry": asked.unread, "repeat": recited.unread, "brainwash": washed.unread}
    return Attacked(scores, flagged, unread, named.scores > 0, how)


def _kinds(found: Sequence[Found], form: Format) -> np.ndarray:
    """A number for the kind of the replies to a trial: an odd reply that only members get betrays them.

    The replies that come most often have a kind of their own, a label counts as one kind whichever it is, and all others are
    one more kind.
    """
    whole = []
    for one in found:
        lines = ["<label>" if label_of(answer, form.labels) is not None else normal(first_line(answer)) for answer in one.said]
        often = {text for text, count in Counter(sorted(lines)).most_common(_KINDS) if count > 1}
        whole.append([line if line in often else "<other>" for line in lines])
    keys = ["\0".join(parts) for parts in zip(*whole, strict=True)]
    return np.unique(keys, return_inverse=True)[1].astype(float)


def measure(trust: tm.Trust, found: Attacked, trials: Sequence[Trial], data: tm.Dataset) -> dict[str, tm.Measurement]:
    """The advantage of every attack as a paired difference: flagged with the target in the prompt less flagged without it.

    Each is taken at the level that lets the statements about all attacks hold at once.
    """
    member = np.array([trial.member for trial in trials])
    strict = 1 - (1 - trust.level) / len(found.flagged)
    measured = {}
    for name, flagged in found.flagged.items():
        one = trust.paired_rate_difference(
            flagged[member], flagged[~member], name=f"{name}_advantage", higher_is_safer=False, level=strict, of=data
        )
        details = {"tpr": float(flagged[member].mean()), "fpr": float(flagged[~member].mean())}
        if name in found.unread:
            details["unread"] = found.unread[name]
        if name in found.scores:
            area = trust.auc(found.scores[name], member, name="auc", higher_is_safer=False)
            caught = trust.tpr_at_fpr(found.scores[name], member, 0.01, name="tpr", higher_is_safer=False)
            details["auc"] = area.undefined if area.value is None else area.value
            details["tpr_at_1_percent_fpr"] = caught.undefined if caught.value is None else caught.value
        measured[name] = one.but(details=one.details | details)
    return measured


def targets_of(trials: Sequence[Trial], data: tm.Dataset) -> tm.Dataset:
    """The rows of the targets, one per pair of trials."""
    place = {name: number for number, name in enumerate(data.ids)}
    return data.take([place[trial.target.id] for trial in trials if trial.member])
