"""One tracker per person over all people: the same tracker for protected and for clean pictures, in any of its modes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from builtin_checks.face_tracking.people import TWINS, Codes, People, Person, draw_anchors, rows_by_name
from builtin_checks.face_tracking.published import averages, track_jointly, track_refitting, track_templates
from builtin_checks.face_tracking.score import Tracked, at_risk, strongest, track


class Mode(NamedTuple):
    """How a tracker decides. ``anchors``: pictures that it knows of each person; ``rank``: how many neighbours it looks at."""

    anchors: int = 1
    rank: int = 1
    margin: float = 0.0
    tau: float = -np.inf
    strangers: bool = True


class Stream(NamedTuple):
    """What trackers meet.

    Parameters
    ----------
    codes : dict
        Unit embeddings of the sets.
    people : People
    source : array of int
        Row of the clean picture that each protected one was made from, -1 for unknown.
    ids : dict
        Set -> ids of its rows.
    seed : int
        Decides the anchors.
    hidden : array of bool, optional
        Protected pictures on which no face is found: nobody recognises them, and they never enter a gallery.
    known : dict
        Similarities to impostors that were computed already, by set and rank.
    """

    codes: Codes
    people: People
    source: np.ndarray
    ids: Mapping[str, list[str]]
    seed: int
    hidden: np.ndarray | None = None
    known: dict[tuple[str, int], np.ndarray] | None = None

    def of(self, codes: Codes) -> Stream:
        """The same stream as another extractor, or another codec, shows it."""
        return self._replace(codes=codes, known={})

    def impostor(self, name: str, rank: int = 1) -> np.ndarray:
        """Similarity of each row of a set to its ``rank``-th nearest impostor."""
        kept = {} if self.known is None else self.known
        found = kept.get((name, rank))
        if found is None:
            found = kept[name, rank] = strongest(self.codes[name], self.codes["gallery"][self.people.impostors], rank)
        return np.where(self.hidden, np.inf, found) if name == "protected" and self.hidden is not None else found

    def anchors(self, person: Person, mode: Mode, draw: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the person's pool that the tracker knows, and their embeddings."""
        rows = draw_anchors(person, self.ids, mode.anchors, self.seed, draw)
        return rows, self.codes[person.pool_set][rows]

    def queries(self, person: Person, which: str, anchors: np.ndarray) -> np.ndarray:
        """Rows of a set that are tracked: never an anchor itself, nor the protected version of one."""
        if person.pool_set == "gallery":
            # The picture in the gallery may be one of the clean ones: it would only recognise itself.
            entries = self.codes["gallery"][anchors]
            known = person.clean[strongest(self.codes["clean"][person.clean], entries) > TWINS]
        else:
            known = anchors
        if which == "clean":
            return person.clean[~np.isin(person.clean, known)]
        return person.rows[~np.isin(self.source[person.rows], known)]


class Run(Tracked, frozen=True, kw_only=True, eq=False):
    """What one kind of tracker did with everybody's pictures: n of them, person by person.

    Parameters
    ----------
    rows : array of int, shape (n,)
        Rows of the set.
    who : array of str, shape (n,)
    risk : array of bool, shape (n,)
        Whether another picture that the tracker meets would give it away.
    rounds, strangers : arrays of int, shapes (n,) and (people, Z)
        As in `Tracked`; a stranger may be taken for each tracked person.
    """

    rows: np.ndarray
    who: np.ndarray
    risk: np.ndarray

    def survival(self, rounds: int) -> list[float]:
        """Share of pictures that the tracker has not recognised after 0, 1, … rounds."""
        return [float(np.mean((self.rounds == 0) | (self.rounds > done))) for done in range(rounds + 1)]

    def by_person(self) -> dict[str, np.ndarray]:
        """Name -> positions of the person's pictures."""
        return rows_by_name(self.who)

    def precision(self) -> float | str:
        """Share of the person's own pictures among all that were added."""
        right, wrong = int(self.dynamic.sum()), int((self.strangers > 0).sum())
        return right / (right + wrong) if right + wrong else "undefined"


_EMPTY = Run(
    rows=np.empty(0, int), who=np.empty(0, object), rounds=np.empty(0, np.int64), risk=np.empty(0, bool),
    strangers=np.empty((0, 0), np.int64),
)  # fmt: skip


def track_everybody(stream: Stream, mode: Mode, which: str = "protected", draw: int = 0) -> Run:
    """Track each person alone, with nobody but the impostors in the way. Without pictures the run is empty."""
    impostor = stream.impostor(which, mode.rank)
    meets = mode.strangers and "strangers" in stream.codes and which == "protected"
    others = stream.codes["strangers"] if meets else None
    other_bar = stream.impostor("strangers", mode.rank) if meets else None
    parts: list[tuple[np.ndarray, str, Tracked, np.ndarray]] = []
    for person in stream.people.persons:
        known, anchors = stream.anchors(person, mode, draw)
        rows = stream.queries(person, which, known)
        if not len(rows):
            continue
        queries, bar = stream.codes[which][rows], impostor[rows]
        found = track(queries, anchors, bar, tau=mode.tau, margin=mode.margin, strangers=others, stranger_impostor=other_bar)
        risk = at_risk(queries, bar, tau=mode.tau, margin=mode.margin, strangers=others)
        parts.append((rows, person.name, found, risk))
    return _run(parts) if parts else _EMPTY


def _run(parts: list[tuple[np.ndarray, str, Tracked, np.ndarray]]) -> Run:
    return Run(
        rows=np.concatenate([rows for rows, *_ in parts]),
        who=np.concatenate([np.full(len(rows), name, dtype=object) for rows, name, *_ in parts]),
        rounds=np.concatenate([found.rounds for *_, found, _ in parts]),
        risk=np.concatenate([risk for *_, risk in parts]),
        strangers=np.stack([found.strangers for *_, found, _ in parts]),
    )


ORDERED = {
    "joint": "all people at once (published)",
    "templates": "an average of each person instead of all pictures",
    "logistic": "logistic regression, fitted anew each round (published)",
}
"""Trackers for which it matters what is added when, and what they are called."""


def track_in_order(stream: Stream, mode: Mode, kind: str) -> Run:
    """Track everybody with one of the trackers in ``ORDERED``."""
    persons = stream.people.persons
    known = [stream.anchors(person, mode) for person in persons]
    rows = [stream.queries(person, "protected", anchors) for person, (anchors, _) in zip(persons, known, strict=True)]
    codes, everything = stream.codes["protected"], np.concatenate(rows)
    who = np.repeat(np.arange(len(persons)), [len(own) for own in rows])
    gallery = stream.codes["gallery"][stream.people.impostors]
    names = [("impostor", name) for name in stream.people.impostor_names]
    if kind == "joint":
        owners = np.repeat(np.arange(len(persons)), [len(anchors) for anchors, _ in known])
        entries = np.concatenate([entries for _, entries in known])
        rounds = track_jointly(codes[everything], who, entries, owners, stream.impostor("protected")[everything])
    elif kind == "templates":
        bar = strongest(codes, averages(gallery, names))
        if stream.hidden is not None:
            bar = np.where(stream.hidden, np.inf, bar)
        found = [track_templates(codes[own], entries, bar[own]) for own, (_, entries) in zip(rows, known, strict=True)]
        rounds = np.concatenate(found)
    else:
        seen = [own if stream.hidden is None else own[~stream.hidden[own]] for own in rows]
        rounds = np.zeros(len(codes), dtype=np.int64)
        for own, (_, entries) in zip(seen, known, strict=True):
            rounds[own] = track_refitting(codes[own], entries, gallery, names)
        rounds = rounds[everything]
    people = np.array([person.name for person in persons], dtype=object)[who]
    return Run(
        rows=everything, who=people, rounds=rounds, risk=np.zeros(len(rounds), dtype=bool),
        strangers=np.zeros((len(persons), 0), dtype=np.int64),
    )  # fmt: skip
