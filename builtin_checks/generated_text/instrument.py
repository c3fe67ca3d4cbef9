"""The detector made ready to judge by: texts dealt out, scores taken, what must be trained trained, a threshold set."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

import numpy as np

import pytest_trustml as tm
from builtin_checks.generated_text import controls
from builtin_checks.generated_text.detector import TRAINED, Detector, Unresolved, find_detector
from builtin_checks.generated_text.observations import Found
from builtin_checks.generated_text.roles import Settings
from builtin_checks.generated_text.stylometry import Logistic, features, fit_logistic
from builtin_checks.generated_text.texts import comparable, first_words, paired, split, units

FEWEST_TO_TRAIN = 8


class Part(NamedTuple):
    """Texts that could be scored. ``columns`` (n, k) are what the score is made of, ``found`` everything the pass yielded."""

    data: tm.Dataset
    columns: np.ndarray
    lengths: np.ndarray
    found: Found
    abstained: int

    def __len__(self) -> int:
        return len(self.lengths)


class Instrument(NamedTuple):
    """A detector with two parts of known texts: one that set it up, one to be judged on."""

    detector: Detector
    settings: Settings
    calibration: tuple[Part, Part]
    judged: tuple[Part, Part]
    trained: Logistic | None
    by_pair: bool

    def values(self, part: Part) -> np.ndarray:
        """One number per text, larger for more machine-like."""
        return self.value(part.columns)

    def value(self, columns: np.ndarray) -> np.ndarray:
        return columns[:, 0] if self.trained is None else self.trained(columns)

    def clusters(self, part: Part) -> list[Hashable] | None:
        """What depends on each other among the texts of a part; None if every text stands alone."""
        known = units(part.data, self.by_pair)
        return known if len(set(known)) < len(known) else None


def prepare(
    trust: tm.Trust,
    model: tm.Subject,
    reference: tm.Subject | None,
    machine: tm.Dataset,
    human: tm.Dataset,
    settings: Settings,
) -> Instrument | str:
    """Score all known texts and set the detector up on a part of them; the reason in words if that cannot be done.

    Human and machine texts are cut to the same number of tokens. Shorter texts than ``min_tokens`` are left out and counted.
    """
    try:
        detector = find_detector(model, reference, settings.checked(), trust.seed)
    except Unresolved as why:
        trust.control("the classes have names", False, str(why))
        return "it is not known which class is machine text"
    sides = comparable(human, machine)
    calibration, judged = split(sides, settings.calibration_share, trust.seed)
    parts = [[scored(trust, detector, data, settings) for data in side] for side in (calibration, judged)]
    controls.scorable(trust, [len(side) for side in sides], [[len(part) for part in pair] for pair in parts])
    trained = None
    if detector.name in TRAINED:
        if min(map(len, parts[0])) < FEWEST_TO_TRAIN:
            return f"{detector.name} has to be trained, on at least {FEWEST_TO_TRAIN} human and machine texts each"
        trained = train(parts[0][0].columns, parts[0][1].columns)
    instrument = Instrument(detector, settings, tuple(parts[0]), tuple(parts[1]), trained, paired(*sides))
    if min(map(len, instrument.judged)) < 1:
        return f"no text of at least {settings.min_tokens} tokens is left to judge on"
    controls.instrument_works(trust, instrument)
    return instrument


def scored(trust: tm.Trust, detector: Detector, data: tm.Dataset, settings: Settings) -> Part:
    """The texts of a data set that are long enough and have a score."""
    if not len(data):
        return Part(data, np.empty((0, 1)), np.empty(0), {}, 0)
    found = detector.observe(trust, data)
    columns = detector.columns(found)
    # The first token is read and not scored.
    lengths = found["tokens"] + (detector.name != "classifier" and not settings.bos)
    usable = np.flatnonzero((lengths >= settings.min_tokens) & np.isfinite(columns).all(axis=1))
    kept = {name: sums[usable] for name, sums in found.items()}
    return Part(data.take(usable), columns[usable], lengths[usable], kept, len(data) - len(usable))


def train(human: np.ndarray, machine: np.ndarray) -> Logistic:
    """A logistic regression that tells the rows of two groups apart."""
    labels = np.repeat([False, True], [len(human), len(machine)])
    return fit_logistic(np.concatenate([human, machine]), labels)


def style_columns(part: Part, settings: Settings) -> np.ndarray:
    """Stylometric features of the texts, of as many words at most as the detector reads tokens: (n, 4)."""
    rows = [features(first_words(text, settings.max_tokens)) for text in part.data.column("text")]
    return np.nan_to_num(np.array(rows).reshape(len(rows), -1), nan=0.0)


def style_scores(instrument: Instrument) -> tuple[np.ndarray, np.ndarray] | None:
    """The blind baseline of the judged texts, human and machine; None with too few texts to train it."""
    rows = [[style_columns(part, instrument.settings) for part in pair] for pair in (instrument.calibration, instrument.judged)]
    if min(map(len, rows[0])) < FEWEST_TO_TRAIN:
        return None
    model = train(*rows[0])
    return model(rows[1][0]), model(rows[1][1])


def threshold(trust: tm.Trust, instrument: Instrument, rate: float) -> float | str:
    """The score above which a text is flagged, so that at most ``rate`` of human texts are; why there is none otherwise.

    It stands on the human texts that are not judged, and on nothing else.
    """
    try:
        return trust.conformal_threshold(instrument.values(instrument.calibration[0]), rate)
    except ValueError as why:
        return str(why)
