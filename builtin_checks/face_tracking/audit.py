"""What both checks of the family rest on: the extractor is asked once, the instrument is tested, everybody is tracked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.face_tracking import controls
from builtin_checks.face_tracking.people import encode, find_people, originals
from builtin_checks.face_tracking.score import BadEmbedding, open_set_threshold
from builtin_checks.face_tracking.settings import Settings
from builtin_checks.face_tracking.tracking import Mode, Run, Stream, track_everybody

FEWEST_PEOPLE = 5


class Audit(NamedTuple):
    """Everything that was found out.

    Parameters
    ----------
    sets : dict
        ``protected``, ``gallery``, ``clean`` and perhaps ``strangers``.
    stream : Stream
    mode : Mode
        The tracker that the verdict rests on.
    run, clean : Run
        What it did with the protected and with the clean pictures.
    likeness : (array of float, array of int), or None
        Structural similarity to the originals, where they are known, and the rows of the protected set that it belongs to.
    """

    sets: dict[str, tm.Dataset]
    stream: Stream
    mode: Mode
    run: Run
    clean: Run
    likeness: tuple[np.ndarray, np.ndarray] | None
    details: dict[str, object]

    @property
    def tracked(self) -> tm.Dataset:
        """The rows of the protected set that were tracked, in the order of ``run``."""
        return self.sets["protected"].take(self.run.rows.tolist())

    def share(self, trust: tm.Trust, events: np.ndarray, name: str) -> tm.Measurement:
        """A share of the tracked pictures. Those of one person depend on each other; below five people nothing is decided."""
        found = trust.proportion(
            events, name=name, unit="share of pictures", higher_is_safer=False, cluster=self.run.who, of=self.tracked
        )
        return few_people(found)


def few_people(found: tm.Measurement) -> tm.Measurement:
    """The measurement without its interval where it comes from too few people to be one."""
    people = found.clusters or 0
    if found.interval is None or people >= FEWEST_PEOPLE or found.interval.high - found.interval.low < 0.3:
        return found
    why = f"the pictures show {people} people; {FEWEST_PEOPLE} are asked for, or an interval of less than 0.15 to either side"
    return found.but(interval=None, no_interval=why)


def audit(trust: tm.Trust, model: tm.Subject, sets: Mapping[str, tm.Dataset | None], settings: Settings) -> Audit | None:
    """Track everybody, or return None after a control failed that leaves nothing to track."""
    settings.validate()
    given = {name: data for name, data in sets.items() if data is not None}
    try:
        codes = encode(trust, model, given, settings)
    except BadEmbedding as problem:
        trust.control("sound embeddings", False, str(problem))
        return None
    people = find_people(given, codes, settings)
    if not controls.enough_impostors(trust, people, settings):
        return None
    source = originals(given["protected"], given["clean"])
    ids = {name: data.ids for name, data in given.items()}
    stream = Stream(codes, people, source, ids, trust.seed, controls.hidden_faces(given["protected"]), known={})
    mode, details = _mode(stream, settings)
    clean = track_everybody(stream, mode, "clean")
    controls.clean_ceiling(trust, clean, settings)
    controls.nobody_twice(trust, stream)
    controls.people_differ(trust, stream)
    controls.something_shown(trust, model, given, people)
    run = track_everybody(stream, mode)
    if not len(run.rows):
        raise tm.DataError(
            "Every protected picture is the protected version of a picture that the tracker knows. Give clean pictures that "
            "were not published, or more protected ones."
        )
    if stream.hidden is not None:
        controls.faces_found(trust, stream.hidden[run.rows], settings)
    found = controls.likenesses(trust, model, given, source, run.rows)
    if found is not None:
        controls.still_alike(trust, found[0], settings)
    details |= {
        "people": len(people.persons), "impostors": len(set(people.impostor_names)), "gallery_entries": len(people.impostors),
        "rounds": run.last_round, "twins_left_out": people.twins, "codec": _codec(settings),
        "dropped_as_anchors": len(people.kept) - len(run.rows),
    }  # fmt: skip
    return Audit(given, stream, mode, run, clean, found, details)


def _mode(stream: Stream, settings: Settings) -> tuple[Mode, dict[str, object]]:
    """The tracker that was asked for; an open set's threshold comes from clean pictures of the protected people."""
    mode = Mode(settings.anchors, settings.top_k, settings.margin)
    details: dict[str, object] = {
        "tracker": "realistic" if "strangers" in stream.codes else "without strangers", "anchors": settings.anchors,
        "top_k": settings.top_k, "margin": settings.margin,
    }  # fmt: skip
    if not settings.far:
        return mode, details
    tau, pairs = calibrated(stream, settings.far)
    return mode._replace(tau=tau), {**details, "tau": tau, "far": settings.far, "pairs": pairs}


def calibrated(stream: Stream, far: float) -> tuple[float, int]:
    """Least similarity for a false acceptance rate, from clean pictures of protected people against everybody else.

    Raises
    ------
    DataError
        If there are too few pairs for so small a rate.
    """
    try:
        return open_set_threshold(stream.codes["clean"], stream.codes["gallery"][stream.people.impostors], far)
    except ValueError as problem:
        raise tm.DataError(f"The open-set threshold cannot be set: {problem}") from None


def _codec(settings: Settings) -> str:
    parts = [f"JPEG {settings.jpeg_quality}"] * bool(settings.jpeg_quality)
    parts += [f"scaled to {settings.scale:g}"] * (settings.scale != 1)
    return " and ".join(parts) or "none"


def nothing(names: Mapping[str, bool], n: int) -> list[tm.Measurement]:
    """No values: the control that failed makes the verdict INVALID and says why. ``names`` tell whether higher is safer."""
    why = "a control failed before there was a rate"
    return [
        tm.Measurement(name=name, value=None, undefined=why, n=n, unit="share of pictures", higher_is_safer=safer)
        for name, safer in names.items()
    ]
