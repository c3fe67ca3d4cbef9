"""Tests of the instrument: if one fails, no rate can be trusted and the verdict is INVALID."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

import pytest_trustml as tm
from builtin_checks.face_tracking.observations import contrast, likeness
from builtin_checks.face_tracking.people import TWINS, People
from builtin_checks.face_tracking.score import nearest_of_others
from builtin_checks.face_tracking.settings import Settings
from builtin_checks.face_tracking.tracking import Run, Stream

_FAINT = 0.25
"""Below this share of the contrast of clean pictures a protected one shows nothing."""
_FEW = 0.05
"""Share of pictures that may be odd before all of them are doubted."""
_COMPARED = 500
"""Pairs of pictures whose likeness is measured at most."""


def enough_impostors(trust: tm.Trust, people: People, settings: Settings) -> bool:
    """With few people in the gallery nearly every picture is nearest to its own person."""
    count = len(set(people.impostor_names))
    return trust.control(
        "enough impostors",
        count >= settings.impostors,
        f"the gallery holds {count} people besides the protected ones (at least {settings.impostors} are asked for)",
    )


def clean_ceiling(trust: tm.Trust, clean: Run, settings: Settings) -> bool:
    """An extractor that cannot follow unprotected pictures cannot show that protected ones are safe."""
    if not len(clean.rows):
        why = "no clean picture is left beside the ones that the tracker knows; give 2 or more of each protected person"
        return trust.control("clean ceiling", False, why)
    rate = float(clean.dynamic.mean())
    return trust.control(
        "clean ceiling",
        rate >= settings.clean_ceiling,
        f"{rate:.1%} of {len(clean.rows)} unprotected pictures are tracked (at least {settings.clean_ceiling:.0%} must be)",
    )


def nobody_twice(trust: tm.Trust, stream: Stream) -> bool:
    """No clean picture of a protected person stands in the gallery under another name: it would be the nearest impostor."""
    nearest = stream.impostor("clean")
    leaked = int((nearest > TWINS).sum())
    return trust.control(
        "nobody twice",
        leaked == 0,
        f"{leaked} of {len(nearest)} clean pictures of protected people have a twin in the gallery under another name",
    )


def people_differ(trust: tm.Trust, stream: Stream) -> bool:
    """Protected pictures of different people are different pictures: a blank one is the same for everybody."""
    codes = stream.codes["protected"]
    if len(stream.people.persons) < 2:
        return True
    rows = np.concatenate([person.rows for person in stream.people.persons])
    owners = np.repeat(np.arange(len(stream.people.persons)), [len(person.rows) for person in stream.people.persons])
    share = float((nearest_of_others(codes[rows], owners) > TWINS).mean())
    return trust.control(
        "people differ",
        share <= _FEW,
        f"{share:.1%} of the protected pictures cannot be told from one of another person (at most {_FEW:.0%} may)",
    )


def something_shown(trust: tm.Trust, model: tm.Subject, sets: Mapping[str, tm.Dataset], people: People) -> bool:
    """Protected pictures are pictures: one of a single colour protects nobody who wants to show something."""
    if any("image" not in sets[name].columns for name in ("protected", "clean")):
        return True
    usual = float(np.median(trust.observe(contrast, model, sets["clean"])))
    faint = float((trust.observe(contrast, model, sets["protected"])[people.kept] < _FAINT * usual).mean())
    return trust.control(
        "something is shown",
        faint <= _FEW,
        f"{faint:.1%} of the protected pictures have less than {_FAINT:.0%} of the contrast of clean ones (at most {_FEW:.0%} "
        "may)",
    )


def hidden_faces(protected: tm.Dataset) -> np.ndarray | None:
    """Protected pictures on which no face is found, where the column detected says so: (N,) bool."""
    if "detected" not in protected.columns:
        return None
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    found = []
    for row, cell in enumerate(protected.column("detected")):
        word = str(cell.item() if hasattr(cell, "item") else cell).strip().lower()
        if word not in words:
            raise tm.DataError(f"Row {row + 1} of the protected pictures has no true or false in the column detected.")
        found.append(words[word])
    return ~np.array(found)


def faces_found(trust: tm.Trust, hidden: np.ndarray, settings: Settings) -> bool:
    """A protection that destroys the face is none."""
    lost = float(hidden.mean())
    return trust.control(
        "faces are found",
        lost <= settings.undetected,
        f"no face is found on {lost:.1%} of the protected pictures (at most {settings.undetected:.0%} may)",
    )


def likenesses(
    trust: tm.Trust, model: tm.Subject, sets: Mapping[str, tm.Dataset], source: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Structural similarity of protected pictures to their originals, with the rows they belong to; None without pairs.

    At most 500 pairs, drawn by the seed.
    """
    paired = rows[source[rows] >= 0]
    if not len(paired) or any("image" not in sets[name].columns for name in ("protected", "clean")):
        return None
    if len(paired) > _COMPARED:
        ids = sets["protected"].ids
        ordered = sorted(paired.tolist(), key=ids.__getitem__)
        chosen = tm.generator(trust.seed, "face_tracking.likeness").choice(len(ordered), size=_COMPARED, replace=False)
        paired = np.array(sorted(ordered[choice] for choice in chosen))
    both = sets["protected"].take(paired.tolist())
    before = sets["clean"].column("image")
    chosen_rows = source[paired].tolist()
    picked = before.pick(chosen_rows) if hasattr(before, "pick") else before[chosen_rows]
    return trust.observe(likeness, model, both.with_columns(before=picked)), paired


def still_alike(trust: tm.Trust, found: np.ndarray, settings: Settings) -> bool:
    """Protected pictures still look like what they were made from."""
    middle = float(found.mean())
    return trust.control(
        "still alike",
        middle >= settings.likeness,
        f"protected pictures have a structural similarity of {middle:.2f} to their originals (at least {settings.likeness:g} "
        "is asked for)",
    )
