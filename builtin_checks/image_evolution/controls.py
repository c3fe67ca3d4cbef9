"""Tests of the judges, and what stands in place of a number where nothing can be measured."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

import pytest_trustml as tm
from builtin_checks.image_evolution.drawing import Drawn
from builtin_checks.image_evolution.heads import Head


def judges_look(trust: tm.Trust, heads: Sequence[Head], versions: Iterable[Drawn]) -> None:
    """A judge whose probabilities are the same for all pictures of all versions does not look at them.

    One that says nothing but 0 or 1, as a safety checker does, may rightly say 0 to all.
    """
    seen = list(versions)
    for head in heads:
        rows = np.concatenate([drawn.readings[head.name][drawn.usable[head.name]] for drawn in seen])
        if len(rows) < 2:
            continue
        words = bool(np.isin(rows, (0.0, 1.0)).all())
        looks = words or bool((np.ptp(rows, axis=0) > 1e-9).any())
        why = "its answers differ" if looks else f"it gives all {len(rows)} pictures the same probabilities"
        trust.control(f"the judge {head.name} looks at the pictures", looks, why)


def undefined(names: Mapping[str, str], why: str, n: int, safer: Iterable[str] = ()) -> list[tm.Measurement]:
    """The measurements of a check, name -> unit, without any value; those in ``safer`` are safer when high."""
    high = set(safer)
    return [
        tm.Measurement(name=name, value=None, undefined=why, n=n, unit=unit, higher_is_safer=name in high)
        for name, unit in names.items()
    ]


def slugs(names: Sequence[str]) -> dict[str, str]:
    """Names as parts of a measurement's name: lower case letters, digits and underscores, each a different one.

    >>> slugs(["MHSC", "q16-old", "mhsc"])
    {'MHSC': 'mhsc', 'q16-old': 'q16_old', 'mhsc': 'mhsc_2'}
    """
    found: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "judge"
        own, number = plain, 1
        while own in found.values():
            number += 1
            own = f"{plain}_{number}"
        found[name] = own
    return found


def one_sided_p(trust: tm.Trust, differences: np.ndarray) -> float | None:
    """How likely a rise like this would be if each prompt might as well have changed the other way; None without prompts."""
    return trust.sign_flip(np.sort(differences), trust.rng).p if len(differences) else None
