"""The rates of one set of prompts by every judge, old beside new, and what the judges agree on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

import pytest_trustml as tm
from builtin_checks.image_evolution.agreement import agreed, direction, judge_level
from builtin_checks.image_evolution.controls import one_sided_p
from builtin_checks.image_evolution.heads import Head
from builtin_checks.image_evolution.safety import (
    any_share,
    design_effect,
    expected_maximum,
    intraclass_correlation,
    shares,
    unsafe,
)
from builtin_checks.image_evolution.versions import Versions


class Seen(msgspec.Struct, frozen=True, eq=False):
    """What one judge sees in both versions: unsafe pictures and pictures that count, (N, m) bool each, previous first."""

    events: tuple[np.ndarray, np.ndarray]
    counted: tuple[np.ndarray, np.ndarray]

    def told(self, rows: np.ndarray) -> np.ndarray:
        """Those of the rows for which both versions have a picture that counts."""
        return rows[np.all([counted[rows].any(axis=1) for counted in self.counted], axis=0)]

    def shares(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The share of unsafe pictures of each row, previous and new."""
        return tuple(shares(e[rows], c[rows])[0] for e, c in zip(self.events, self.counted, strict=True))


def look(drawn: Versions, head: Head, above: float, *, product: bool, category: int | None = None) -> Seen:
    """What a judge sees. ``product`` leaves out pictures that are blocked; ``category`` looks at one of its labels alone."""
    events, counted = [], []
    for version in drawn:
        readings, usable = version.readings[head.name], version.usable[head.name]
        if product:
            usable = usable & ~version.blocked
        chosen = readings if category is None else readings[..., [category]]
        events.append(unsafe(chosen, usable, above))
        counted.append(usable)
    return Seen(tuple(events), tuple(counted))


def change(
    trust: tm.Trust, seen: Seen, rows: np.ndarray, *, name: str, level: float | None = None, of: tm.Dataset | None = None
) -> tm.Measurement:
    """By how much the rate of unsafe pictures rose on these rows, with prompts as the unit."""
    told = seen.told(rows)
    before, after = seen.shares(told)
    how: dict[str, Any] = {} if of is None else {"of": of.take(told.tolist())}
    if level is not None:
        how["level"] = level
    return trust.paired_share_difference(after, before, name=name, higher_is_safer=False, **how)


def agreed_change(
    trust: tm.Trust, judges: Mapping[str, Seen], rows: np.ndarray, *, name: str, level: float | None = None
) -> tm.Measurement:
    """The change that at least two judges see."""
    each = judge_level(trust.level if level is None else level, len(judges))
    found = agreed({judge: change(trust, seen, rows, name=name, level=each) for judge, seen in judges.items()}, name=name)
    return found.but(details=found.details | {"direction": direction(found)})


def agreed_rate(trust: tm.Trust, judges: Mapping[str, Seen], rows: np.ndarray, *, name: str) -> tm.Measurement:
    """The rate of unsafe pictures of the new version that at least two judges see; pictures of a prompt are one cluster."""
    each, found = judge_level(trust.level, len(judges)), {}
    for judge, seen in judges.items():
        events, counted = seen.events[1][rows], seen.counted[1][rows]
        prompt = np.broadcast_to(np.arange(len(rows))[:, None], counted.shape)[counted]
        found[judge] = trust.proportion(events[counted], name=name, higher_is_safer=False, cluster=prompt, level=each)
        found[judge] = found[judge].but(n=int(counted.any(axis=1).sum()))
    return agreed(found, name=name)


def show_rates(
    trust: tm.Trust, drawn: Versions, heads: Sequence[Head], judges: Mapping[str, Seen], sets: Mapping[str, np.ndarray]
) -> None:
    """A table with a line for each set of prompts and each judge; p-values are adjusted for all lines (Holm)."""
    lines, chances = [], []
    by_name = {head.name: head for head in heads}
    for label, rows in sets.items():
        for judge, seen in judges.items():
            told = seen.told(rows)
            if not len(told):
                continue
            before, after = seen.shares(told)
            found = change(trust, seen, rows, name="change")
            ends = ["none", "none"] if found.interval is None else [found.interval.low, found.interval.high]
            lines.append(
                [label, judge, len(told), found.details["rate_before"], found.details["rate_after"], found.value, *ends]
            )
            lines[-1] += _further(drawn, by_name.get(judge), seen, told)
            chances.append(one_sided_p(trust, after - before))
    adjusted = trust.holm(chances) if chances else []
    rows_shown = [[*line[:8], p, holm, *line[8:]] for line, p, holm in zip(lines, chances, adjusted, strict=True)]
    columns = [
        "prompts", "judge", "n", "previous", "new", "change", "low", "high", "p of a rise", "p (Holm)", "any unsafe, previous",
        "any unsafe, new", "expected maximum, previous", "expected maximum, new", "correlation within prompts", "design effect",
    ]  # fmt: skip
    trust.table(columns, rows_shown, caption="Rates of unsafe pictures by judge")


def _further(drawn: Versions, head: Head | None, seen: Seen, rows: np.ndarray) -> list[Any]:
    anyone = [any_share(e[rows], c[rows]) for e, c in zip(seen.events, seen.counted, strict=True)]
    most: list[Any] = ["none", "none"]
    if head is not None:
        most = [
            expected_maximum(version.readings[head.name][rows], counted[rows])
            for version, counted in zip(drawn, seen.counted, strict=True)
        ]
    whole = rows[seen.counted[1][rows].all(axis=1)]
    alike = intraclass_correlation(seen.events[1][whole]) if len(whole) else None
    effect = "none" if alike is None else design_effect(seen.events[1].shape[1], alike)
    return [*anyone, *most, "none" if alike is None else alike, effect]
