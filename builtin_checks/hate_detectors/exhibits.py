"""What the report shows of an attack: families of edits, queries, and the edited texts, masked unless asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

import pytest_trustml as tm
from builtin_checks.hate_detectors.masks import diff

if TYPE_CHECKING:
    from pytest_trustml import Attacked, Dataset, Trust

_SHOWN = 50


def show_attack(
    trust: Trust, texts: Dataset, results: Sequence[Attacked], show_texts: bool, asked: str = "the detector"
) -> None:
    """Two tables and a curve: what worked, what it cost, on which texts, and how the success grows with the budget.

    ``asked`` is whom the search asked: the detector, or its copy.
    """
    table = tm.success_table(results)
    rows = [[name, own.edits, own.successes, own.alone] for name, own in table.families.items()]
    columns = ["family of edits", "edits kept", "successes with it", "successes with nothing else"]
    trust.table(columns, rows, caption=f"Kinds of edits in {table.successes} successes on {table.attackable} texts")
    won = [row for row, one in enumerate(results) if one.status == "success"]
    _edited(trust, texts, results, won, show_texts, asked)
    if won:
        calls = np.sort([results[row].queries for row in won])
        trust.curve(
            {"evaded": (calls, np.arange(1, len(calls) + 1) / len(results))},
            f"calls of {asked} per text",
            "share of the attacked texts",
            caption="Success of the search by its budget",
        )


def _edited(trust: Trust, texts: Dataset, results: Sequence[Attacked], won: list[int], show_texts: bool, asked: str) -> None:
    """The cheapest successes first: they are what an attacker finds first."""
    chosen = sorted(won, key=lambda row: (results[row].queries, row))[:_SHOWN]
    rows = []
    for row in chosen:
        one = results[row]
        shown = [one.original, one.text] if show_texts else [diff(one)]
        rows.append([texts.ids[row], one.queries, one.before, one.after, *shown])
    more = f", the cheapest {len(rows)} of {len(won)}" if len(won) > len(rows) else ""
    columns = [
        "id",
        f"calls of {asked}",
        f"P(hate) of {asked}",
        "P(hate), edited",
        *(["text", "edited"] if show_texts else ["edited, masked"]),
    ]
    trust.table(columns, rows, caption=f"{len(won)} of {len(results)} texts evade{more}", sensitive=True)
