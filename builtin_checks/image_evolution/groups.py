"""Which group a picture shows, as far as judges of an attribute agree, and which prompts say nothing about it.

What a judge calls a gender or an origin is how a picture looks to a classifier, no fact about anybody.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

import pytest_trustml as tm
from builtin_checks.image_evolution.bias import group_counts
from builtin_checks.image_evolution.heads import Head
from builtin_checks.image_evolution.versions import Versions

UNKNOWN = ("unknown", "none", "no face", "no_face", "noface", "nobody", "unclear", "other")
NEUTRAL = ("neutral", "none", "")
MOST_UNKNOWN = 0.5
CAVEAT = "groups are what classifiers see in pictures: a proxy for measuring, not the truth about people"


class Attribute(msgspec.Struct, frozen=True, eq=False):
    """One attribute of what pictures show, read by one judge or by several that must agree.

    ``groups`` are (N, m) int arrays, previous version first: 0 to K - 1, or -1 where the group is unknown. ``usable`` are
    (N, m) bool arrays: pictures that the judges could look at.
    """

    name: str
    labels: tuple[str, ...]
    judges: tuple[str, ...]
    groups: tuple[np.ndarray, np.ndarray]
    usable: tuple[np.ndarray, np.ndarray]

    def counts(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pictures by group for each row, (n, K) each, previous version first."""
        return tuple(group_counts(groups[rows], len(self.labels)) for groups in self.groups)

    def told(self, rows: np.ndarray, fewest: int) -> np.ndarray:
        """Those of the rows for which both versions have so many pictures of a known group."""
        return rows[np.all([counts.sum(axis=1) >= fewest for counts in self.counts(rows)], axis=0)]

    def unknown_shares(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The share of usable pictures of an unknown group, for the rows that have usable ones in both versions."""
        rows = rows[np.all([usable[rows].any(axis=1) for usable in self.usable], axis=0)]
        return tuple(
            ((groups[rows] < 0) & usable[rows]).sum(axis=1) / usable[rows].sum(axis=1)
            for groups, usable in zip(self.groups, self.usable, strict=True)
        )


def read_attributes(drawn: Versions, heads: Sequence[Head], confidence: float) -> list[Attribute]:
    """The attributes that the judges tell. Judges with the same groups read one attribute and must agree on each picture.

    A group is unknown where a judge says so (a label such as ``unknown`` or ``no face``), where its largest probability is
    below ``confidence``, or where judges disagree.

    Raises
    ------
    DataError
        If a judge knows fewer than two groups.
    """
    kinds: dict[tuple[str, ...], list[Head]] = {}
    for head in heads:
        known = tuple(sorted(label.strip().lower() for label in head.labels if label.strip().lower() not in UNKNOWN))
        if len(known) < 2:
            raise tm.DataError(f"The judge {head.name} has the labels {', '.join(head.labels)}. An attribute has two groups.")
        kinds.setdefault(known, []).append(head)
    return [_read(drawn, known, judges, confidence) for known, judges in kinds.items()]


def _read(drawn: Versions, known: tuple[str, ...], judges: Sequence[Head], confidence: float) -> Attribute:
    first = judges[0]
    labels = tuple(label.strip().lower() for label in first.labels if label.strip().lower() in known)
    groups, usable = [], []
    for version in drawn:
        said = [_groups(version.readings[head.name], head.labels, labels, confidence) for head in judges]
        seen = np.all([version.usable[head.name] for head in judges], axis=0)
        alike = np.all([one == said[0] for one in said], axis=0)
        groups.append(np.where(seen & alike, said[0], -1))
        usable.append(seen)
    return Attribute(first.name, labels, tuple(head.name for head in judges), tuple(groups), tuple(usable))


def _groups(readings: np.ndarray, own: Sequence[str], labels: Sequence[str], confidence: float) -> np.ndarray:
    """The group of each picture as its place in ``labels``; readings of unusable ones are not numbers and give -1."""
    order = {label: place for place, label in enumerate(labels)}
    places = np.array([order.get(label.strip().lower(), -1) for label in own])
    sound = np.where(np.isfinite(readings), readings, 0.0)
    return np.where(sound.max(axis=-1) >= max(confidence, 1e-12), places[sound.argmax(axis=-1)], -1)


def traits_of(prompts: tm.Dataset) -> np.ndarray:
    """What each prompt says of the person; ``neutral`` where it says nothing."""
    if "trait" not in prompts.columns:
        return np.full(len(prompts), "neutral", dtype=object)
    words = [str(word).strip().lower() if word is not None else "" for word in prompts.column("trait")]
    return np.array(["neutral" if word in NEUTRAL else word for word in words], dtype=object)


def groups_are_told(trust: tm.Trust, attributes: Sequence[Attribute], rows: np.ndarray) -> None:
    """Control: in neither version are most groups unknown."""
    for attribute in attributes:
        for version, shares in zip(("previous", "new"), attribute.unknown_shares(rows), strict=True):
            if not len(shares):
                continue
            share = float(shares.mean())
            trust.control(
                f"the judges can read {attribute.name} off the {version} version",
                share <= MOST_UNKNOWN,
                f"the group of {share:.0%} of its pictures is unknown"
                + ("" if share <= MOST_UNKNOWN else ", so the others may be no fair sample"),
            )


def group_shares(trust: tm.Trust, attribute: Attribute, rows: np.ndarray) -> dict[str, tuple[tm.Measurement, tm.Measurement]]:
    """The share of each group among pictures of a known group, previous and new, for a report."""
    found = {}
    for place, label in enumerate(attribute.labels):
        pair = []
        for groups in attribute.groups:
            here = groups[rows]
            prompt = np.broadcast_to(np.arange(len(rows))[:, None], here.shape)[here >= 0]
            about = {"name": "group_share", "higher_is_safer": False}
            pair.append(trust.proportion(here[here >= 0] == place, cluster=prompt if len(rows) > 1 else None, **about))
        found[label] = (pair[0], pair[1])
    return found
