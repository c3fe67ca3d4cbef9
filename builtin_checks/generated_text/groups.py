"""Groups of human writers, and the one that is flagged most often."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

import pytest_trustml as tm
from builtin_checks.generated_text.controls import undefined
from builtin_checks.generated_text.instrument import Part

FEWEST = 36
"""With fewer texts even a group of which none is flagged may have a rate above 10 %."""
BANDS = (0, 100, 200, 400)


def groups_of(part: Part, columns: Sequence[str]) -> dict[str, np.ndarray]:
    """Name of each group -> which texts belong to it: (n,) bool. Groups of length are always among them."""
    found: dict[str, np.ndarray] = {}
    for column in columns:
        if column in part.data.columns:
            values = np.array([str(value) for value in part.data.column(column)])
            found |= {f"{column} {value}": values == value for value in sorted(set(values.tolist()))}
    found |= {name: inside for name, inside in length_bands(part.lengths).items() if inside.any()}
    return found


def length_bands(lengths: np.ndarray) -> dict[str, np.ndarray]:
    """Texts of up to 100, 200, 400 tokens, and longer ones.

    >>> {name: inside.tolist() for name, inside in length_bands(np.array([60, 100, 999])).items()}
    {'up to 100 tokens': [True, True, False], 'up to 200 tokens': [False, False, False],
     'up to 400 tokens': [False, False, False], 'longer': [False, False, True]}
    """
    place = np.searchsorted(BANDS, lengths, side="left")
    names = [*(f"up to {most} tokens" for most in BANDS[1:]), "longer"]
    return {name: place == number for number, name in enumerate(names, 1)}


def worst_rate(
    trust: tm.Trust,
    flagged: np.ndarray | None,
    groups: dict[str, np.ndarray],
    clusters: Sequence[Hashable] | None,
    why: str = "",
    name: str = "worst_group_fpr",
) -> tm.Measurement:
    """The largest share of flagged texts in a group, so that no group's error is averaged away.

    The high end is the highest of all groups: all must stay below a limit for it to be kept. The low end is the highest one at
    the level that Holm's first step allows for so many groups: one of them exceeds a limit surely, not by being the worst of
    many.
    """
    n = 0 if flagged is None else len(flagged)
    judged = {} if flagged is None else {group: inside for group, inside in groups.items() if inside.sum() >= FEWEST}
    small = sorted(group for group, inside in groups.items() if inside.sum() < FEWEST)
    if flagged is None or not judged:
        return undefined(name, "share", why or f"no group has {FEWEST} texts", n, False)
    tail = (1 - trust.level) / len(judged)
    rates = {}
    for group, inside in judged.items():
        own = None if clusters is None else [label for label, here in zip(clusters, inside, strict=True) if here]
        about = {"name": name, "higher_is_safer": False, "cluster": own}
        rates[group] = trust.proportion(flagged[inside], **about), _stricter(trust, flagged[inside], about, 1 - tail)
    some = {group: pair for group, pair in rates.items() if pair[0].interval is not None and pair[1].interval is not None}
    if not some:
        return undefined(name, "share", "every group is a single cluster", n, False)
    highest = max(some, key=lambda group: (some[group][0].value, some[group][0].interval.high))
    plain = some[highest][0]
    interval = tm.Interval(
        low=max(strict.interval.low for _, strict in some.values()),
        high=max(own.interval.high for own, _ in some.values()),
        level=trust.level,
        method=f"{plain.interval.method}, holm over {len(some)} groups",
        shrinks=plain.interval.shrinks,
    )
    details = {"group": highest, "groups": {group: own.value for group, (own, _) in some.items()}, "too_small": small}
    return plain.but(interval=interval, details=plain.details | details, n=min(own.n for own, _ in some.values()))


def _stricter(trust: tm.Trust, events: np.ndarray, about: dict, level: float) -> tm.Measurement:
    return trust.proportion(events, **about, level=level)
