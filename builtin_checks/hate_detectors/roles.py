"""The texts that detectors are judged on, and how a suite of functional tests is read."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.hate_detectors.labels import read_labels

_COLUMNS = {"text": "text of one post", "label": "label: 1 or hateful, 0 or non-hateful"}
_ALIASES = {
    "text": ("test_case", "tweet", "post", "content", "comment"),
    "label": ("label_gold", "hate_label", "hateful", "gold", "class", "toxic"),
}

TEXTS = tm.Role(name="labelled_texts", help="posts with the label hateful or not", columns=_COLUMNS, aliases=_ALIASES)
GENERATED = tm.Role(
    name="generated_texts",
    help="labelled posts of an older and a newer text generator, named in a column generator",
    columns=_COLUMNS | {"generator": "label: name of the language model that wrote the post"},
    aliases=_ALIASES | {"generator": ("model", "source")},
)
GROUPED = tm.Role(
    name="grouped_texts",
    help="labelled posts with the group of people that each is about in a column group",
    columns=_COLUMNS,
    aliases=_ALIASES,
)
SUITE = tm.Role(
    name="functional_suite",
    help="short cases in the layout of HateCheck: functionality, test_case, label_gold, case_id, ref_case_id, templ_id",
    columns=_COLUMNS | {"functionality": "label: what the case tests, e.g. negate_neg_nh"},
    aliases=_ALIASES,
)
QUERIES = tm.Role(
    name="campaign_queries",
    help="posts without labels that an attacker would ask the detector about, none of them among labelled_texts",
    columns={"text": "text of one post"},
    aliases={"text": _ALIASES["text"]},
)


def hateful(texts: tm.Dataset, chosen: str = "") -> np.ndarray:
    """Which rows are hateful: (n,) bool."""
    return read_labels(texts.column("label"), texts.ids, chosen)


def clusters(texts: tm.Dataset, column: str) -> list[Hashable] | None:
    """Groups of dependent rows: the column that the option names, else ``prompt_id`` where the data have it, else None.

    A row without a value stands alone.
    """
    if not column and "prompt_id" not in texts.columns:
        return None
    cells = texts.column(column or "prompt_id")
    return [cell or ("alone", name) for cell, name in zip(map(word, cells), texts.ids, strict=True)]


def word(cell: Any) -> str:
    """A cell as a word; empty for a missing value. Whole numbers read the same whatever file they come from.

    >>> [word(cell) for cell in ("12", 12, 12.0, None, float("nan"), " x ")]
    ['12', '12', '12', '', '', 'x']
    """
    cell = cell.item() if hasattr(cell, "item") else cell
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    return str(int(cell) if isinstance(cell, float) and cell.is_integer() else cell).strip()


class Pairs(NamedTuple):
    """Rows of cases and of the cases that they refer to: (k,) int each."""

    cases: np.ndarray
    references: np.ndarray


class Suite(NamedTuple):
    """A functional suite: the name of what each row tests, and its two designs of pairs.

    ``templates`` are None where the data have no column ``templ_id``.
    """

    functionality: np.ndarray
    hateful: np.ndarray
    templates: list[Hashable] | None
    obfuscation: Pairs
    contrast: Pairs


def read_suite(data: tm.Dataset, obfuscated: Sequence[str], chosen: str = "") -> Suite:
    """Find the pairs of a suite through ``ref_case_id``.

    Parameters
    ----------
    data : Dataset
        In the layout of HateCheck.
    obfuscated : sequence of str
        Patterns of functionalities whose cases are misspelt copies of hateful ones, e.g. ``spell_*``.
    chosen : str
        As in `read_labels`.

    Raises
    ------
    DataError
        If a reference does not resolve, a case id occurs twice, or a functionality has cases of both labels.
    """
    from fnmatch import fnmatchcase

    names = np.array([word(cell) for cell in data.column("functionality")])
    gold = hateful(data, chosen)
    for name in sorted(set(names)):
        if len(set(gold[names == name])) > 1:
            raise tm.DataError(f"The functionality {name!r} has cases of both labels. Split it: all its cases need the same.")
    templates: list[Hashable] | None = None
    if "templ_id" in data.columns:
        # A template belongs to its functionality: published suites count them through, others may begin anew.
        cells = zip(names.tolist(), map(word, data.column("templ_id")), data.ids, strict=True)
        templates = [(name, template or own) for name, template, own in cells]
    cases, references = _references(data)
    spelt = np.array([any(fnmatchcase(name, pattern) for pattern in obfuscated) for name in names[cases]], dtype=bool)
    copied, base = gold[cases], gold[references]
    return Suite(
        names, gold, templates,
        Pairs(cases[copied & base & spelt], references[copied & base & spelt]),
        Pairs(cases[~copied & base], references[~copied & base]),
    )  # fmt: skip


def _references(data: tm.Dataset) -> tuple[np.ndarray, np.ndarray]:
    if "ref_case_id" not in data.columns or "case_id" not in data.columns:
        return np.empty(0, dtype=int), np.empty(0, dtype=int)
    rows: dict[str, int] = {}
    for row, name in enumerate(map(word, data.column("case_id"))):
        if name in rows:
            raise tm.DataError(f"The case_id {name!r} occurs twice. References need ids that are unique.")
        rows[name] = row
    found = [(row, name) for row, name in enumerate(map(word, data.column("ref_case_id"))) if name]
    lost = [name for _, name in found if name not in rows]
    if lost:
        raise tm.DataError(
            f"{len(lost)} cases refer to a case that is not in the suite, such as ref_case_id {lost[0]!r}. "
            "Give the whole suite."
        )
    return np.array([row for row, _ in found], dtype=int), np.array([rows[name] for _, name in found], dtype=int)
