"""From sets of pictures to people: whose pictures are tracked, what the tracker knows of them, who else is in its gallery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.face_tracking.observations import embeddings
from builtin_checks.face_tracking.score import BadEmbedding, unit_rows
from builtin_checks.face_tracking.settings import Settings

Codes = dict[str, np.ndarray]
"""Name of a set -> its unit embeddings."""
TWINS = 0.999
"""Cosine of clean pictures from which they count as one picture taken twice."""


def uses_embeddings(sets: Mapping[str, tm.Dataset]) -> bool:
    """Whether embeddings were computed beforehand, so that no model is asked.

    Raises
    ------
    DataError
        If some sets have embeddings and others only pictures, which nothing could compare, or a set has neither.
    """
    given = {name for name, data in sets.items() if "embedding" in data.columns}
    for name, data in sets.items():
        if name in given:
            continue
        if given:
            raise tm.DataError(
                f"The set {min(given)} has a column embedding and {name} has none. Embeddings of one extractor are compared: "
                "give them in all sets, or in none."
            )
        if "image" not in data.columns or isinstance(data.column("image"), list):
            raise tm.DataError(
                f"The set {name} ({data.spec}) has the columns {', '.join(data.columns)}. It needs pictures (a folder, with "
                "identity in its metadata.jsonl, or an .npz of 8-bit pixels) or a column embedding."
            )
    return bool(given)


def encode(trust: tm.Trust, model: tm.Subject, sets: Mapping[str, tm.Dataset], settings: Settings) -> Codes:
    """Unit embeddings of all sets, given or computed.

    Raises
    ------
    BadEmbedding
        Naming the set and the row.
    DataError
        If given embeddings differ in length.
    """
    given = uses_embeddings(sets)
    found = {}
    for name, data in sets.items():
        raw = _given(name, data) if given else trust.observe(embeddings, model, data, mirrors=settings.mirrors)
        try:
            found[name] = unit_rows(raw)
        except BadEmbedding as problem:
            raise BadEmbedding(f"{name}: {problem}") from None
    widths = {name: codes.shape[1] for name, codes in found.items()}
    if len(set(widths.values())) > 1:
        told = ", ".join(f"{name} {width}" for name, width in widths.items())
        raise tm.DataError(f"Embeddings differ in length: {told}. All sets must come from one extractor.")
    return found


def _given(name: str, data: tm.Dataset) -> np.ndarray:
    try:
        return np.asarray(data.column("embedding"), dtype=np.float64)
    except (TypeError, ValueError):
        raise tm.DataError(
            f"The column embedding of {name} holds no vectors of numbers of one length. Write it with "
            "numpy.savez(path, embedding=array, identity=names)."
        ) from None


class Person(NamedTuple):
    """One person whose pictures are protected.

    Parameters
    ----------
    name : str
    rows : array of int
        Rows of the protected pictures that are tracked.
    pool : array of shape (P, d)
        Embeddings that may be anchors, with ``pool_rows`` in the set ``pool_set``; the first ones in ``order`` come first.
    clean : array of int
        Rows of all clean pictures.
    """

    name: str
    rows: np.ndarray
    pool_set: str
    pool_rows: np.ndarray
    clean: np.ndarray


class People(NamedTuple):
    """Everybody who is protected, and the entries of everybody else.

    ``impostors``: rows of the gallery that belong to nobody who is protected, with their names. ``kept``: rows of the protected
    set that are tracked at all; ``twins`` were left out because their originals are one picture taken twice.
    """

    persons: list[Person]
    impostors: np.ndarray
    impostor_names: list[str]
    kept: np.ndarray
    twins: int


def names_of(data: tm.Dataset) -> np.ndarray:
    """The people on the pictures, as words without spaces around them. People are matched by name, never by position."""
    cells = data.column("identity")
    return np.array([str(cell).strip() for cell in (cells.tolist() if hasattr(cells, "tolist") else cells)], dtype=object)


def rows_by_name(names: np.ndarray) -> dict[str, np.ndarray]:
    """Name -> rows, in order.

    >>> {name: rows.tolist() for name, rows in rows_by_name(np.array(["b", "a", "b"])).items()}
    {'b': [0, 2], 'a': [1]}
    """
    found: dict[str, list[int]] = {}
    for row, name in enumerate(names.tolist()):
        found.setdefault(name, []).append(row)
    return {name: np.array(rows) for name, rows in found.items()}


def originals(protected: tm.Dataset, clean: tm.Dataset) -> np.ndarray:
    """Row of the clean picture that each protected one was made from, -1 where nobody says: (N,) int.

    Raises
    ------
    DataError
        For an original that is no id of the clean pictures.
    """
    if "original" not in protected.columns:
        return np.full(len(protected), -1)
    place: dict[Any, int] = {name: row for row, name in enumerate(clean.ids)}
    found = np.full(len(protected), -1)
    for row, cell in enumerate(protected.column("original")):
        word = str(cell.item() if hasattr(cell, "item") else cell) if cell is not None else ""
        if not word:
            continue
        if word not in place:
            raise tm.DataError(
                f"Row {row + 1} of the protected pictures names an original that is no id of the clean pictures. The column "
                "original holds ids of clean_images: correct it, or leave the column out."
            )
        found[row] = place[word]
    return found


def find_people(sets: Mapping[str, tm.Dataset], codes: Codes, settings: Settings) -> People:
    """Sort the pictures by person.

    What the tracker knows of a person is what stands in the gallery under that name; where nothing does, clean pictures, those
    of which no protected version is published before others.

    Raises
    ------
    DataError
        For a protected person of whom there is neither a gallery entry nor a clean picture.
    """
    who, known, clean_who = (names_of(sets[name]) for name in ("protected", "gallery", "clean"))
    source = originals(sets["protected"], sets["clean"])
    kept = _without_twins(who, source, codes["clean"])
    targets = sorted(set(who.tolist()))
    tracked, in_gallery, in_clean = rows_by_name(who[kept]), rows_by_name(known), rows_by_name(clean_who)
    nowhere = np.empty(0, dtype=np.int64)
    persons = []
    for name in targets:
        clean, entries = in_clean.get(name, nowhere), in_gallery.get(name, nowhere)
        if not len(entries) and not len(clean):
            lost = sum(1 for other in targets if other not in in_gallery and other not in in_clean)
            raise tm.DataError(
                f"Of {lost} of {len(targets)} protected people there is neither a gallery entry nor a clean picture under the "
                "same name, so no tracker knows them. Give clean_images of each, and spell identity alike in all sets."
            )
        persons.append(
            Person(
                name=name,
                rows=kept[tracked[name]],
                pool_set="gallery" if len(entries) else "clean",
                pool_rows=entries if len(entries) else _unpublished_first(clean, source, settings.anchors),
                clean=clean,
            )
        )
    protected = set(targets)
    impostors = np.array([row for row, name in enumerate(known.tolist()) if name not in protected], dtype=np.int64)
    return People(persons, impostors, known[impostors].tolist(), kept, len(who) - len(kept))


def _unpublished_first(clean: np.ndarray, source: np.ndarray, count: int) -> np.ndarray:
    """Clean pictures without a protected version, if they are enough for the anchors and one is left over; else all."""
    private = clean[~np.isin(clean, source)]
    return private if len(private) > count else clean


def _without_twins(who: np.ndarray, source: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """Rows of protected pictures without those whose original is nearly the original of an earlier one of the same person."""
    keep = np.ones(len(who), dtype=bool)
    for everything in rows_by_name(who).values():
        rows = everything[source[everything] >= 0]
        own = clean[source[rows]]
        similar = np.tril(own @ own.T, -1) > TWINS
        for position in range(len(rows)):
            keep[rows[position]] = not (similar[position] & keep[rows]).any()
    return np.flatnonzero(keep)


def draw_anchors(person: Person, ids: Mapping[str, list[str]], count: int, seed: int, draw: int = 0) -> np.ndarray:
    """Rows of the person's pool that are the tracker's to begin with: ``count`` of them, or all there are.

    The draw depends on seed, person and ids alone, not on the order of the rows.
    """
    names = ids[person.pool_set]
    rows = sorted(person.pool_rows.tolist(), key=names.__getitem__)
    rng = tm.generator(seed, "face_tracking.anchors", person.name, draw)
    return np.array([rows[choice] for choice in rng.permutation(len(rows))[:count]])
