"""What the model says behind the beginning of each text: by tokens, or by words where it only answers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import pytest_trustml as tm

_TOKENS_PER_WORD = 4


class Recitals(NamedTuple):
    """One row per judged text.

    Parameters
    ----------
    data : Dataset
        The texts that are long enough.
    exact : array of bool, shape (N,)
        The whole suffix came back, word for word.
    distance : array of float, shape (N,)
        Edit distance of what came back to the suffix, over the longer length.
    said : list of str
    drawn : array of float, shape (N,), or None
        Log-probability (nat) that one sample is the suffix; None where the model only answers.
    left_out : int
        Texts that are too short.
    """

    data: tm.Dataset
    exact: np.ndarray
    distance: np.ndarray
    said: list[str]
    drawn: np.ndarray | None
    left_out: int

    @property
    def unit(self) -> str:
        return "words" if self.drawn is None else "tokens"

    def __len__(self) -> int:
        return len(self.exact)


def shows_tokens(model: tm.Subject) -> bool:
    """Whether a model tells how likely tokens are, or only answers."""
    try:
        return callable(model.text.suffix_scores)
    except (AttributeError, tm.Unsupported):
        return False


def recitals(
    trust: tm.Trust, model: tm.Subject, texts: tm.Dataset, *, prefix: int, suffix: int, bos: bool,
    sampling: dict[str, float] | None = None, spoken: bool = True,
) -> Recitals:  # fmt: skip
    """Ask the model how each text goes on.

    ``spoken`` also lets it decode, which tells how far off it is; whether a suffix comes back whole is known without.
    """
    if not shows_tokens(model):
        return _by_words(trust, model, texts, prefix, suffix)
    how = {"prefix": prefix, "suffix": suffix, "bos": bos}
    found = trust.observe(tm.score_suffixes, model, texts, **how, **(sampling or {}))
    long = np.flatnonzero(found["tokens"] == suffix)
    data = texts.take(long)
    found = {name: values[long] for name, values in found.items()}
    exact = found["greedy"] == suffix
    distance, said = np.where(exact, 0.0, np.nan), [""] * len(long)
    if spoken and len(long):
        told = trust.observe(tm.recite, model, data, **how)
        # One pass and decoding can part where two tokens are equally likely: what was said counts for how far off it is.
        distance, said = np.where(exact, 0.0, told["distance"]), list(told["text"])
    return Recitals(data, exact, distance, said, found["drawn"], len(texts) - len(long))


def too_short(own: Recitals, control: Recitals, length: int, name: str) -> tm.Measurement:
    """A measurement without a value, where no text of one kind is long enough."""
    kind = "training" if not len(own) else "held-out"
    why = f"no {kind} text has {length} {own.unit}: lower the options prefix and suffix"
    return tm.Measurement(
        name=name, value=None, undefined=why, n=min(len(own), len(control)), unit="difference of shares", higher_is_safer=False
    )


def continue_words(subject: tm.Subject, batch: tm.Dataset, *, prefix: int, suffix: int) -> list[str]:
    """What a model that only answers says behind the first words of each text."""
    beginnings = [" ".join(text.split()[:prefix]) for text in batch.column("text")]
    return subject.text.generate(beginnings, max_new_tokens=_TOKENS_PER_WORD * suffix, chat=False)


def _by_words(trust: tm.Trust, model: tm.Subject, texts: tm.Dataset, prefix: int, suffix: int) -> Recitals:
    words = [text.split() for text in texts.column("text")]
    long = [place for place, own in enumerate(words) if len(own) >= prefix + suffix]
    data = texts.take(long)
    said = list(trust.observe(continue_words, model, data, prefix=prefix, suffix=suffix)) if long else []
    truth = [" ".join(words[place][prefix : prefix + suffix]) for place in long]
    spoken = [" ".join(answer.split()[:suffix]) for answer in said]
    distance = [tm.levenshtein(own, true) / max(len(own), len(true), 1) for own, true in zip(spoken, truth, strict=True)]
    return Recitals(
        data=data,
        exact=np.array([own == true for own, true in zip(spoken, truth, strict=True)], dtype=bool),
        distance=np.array(distance, dtype=float),
        said=spoken,
        drawn=None,
        left_out=len(texts) - len(long),
    )


def one_per_document(trust: tm.Trust, texts: tm.Dataset, most: int) -> tm.Dataset:
    """At most ``most`` texts, drawn at random, and no two from one document: texts of a document depend on each other."""
    if "document" in texts.columns:
        order = sorted(range(len(texts)), key=lambda place: texts.ids[place])
        first = {str(texts.column("document")[place]): place for place in reversed(order)}
        texts = texts.take(sorted(first.values()))
    return texts if len(texts) <= most else texts.sample(most, trust.rng)


def before_training(model: tm.Subject, base: tm.Subject | None) -> tm.Subject | None:
    """The model as it was before this training, if it is known: the base of an adapter, or the one that was given."""
    if "adapter" in model.capabilities:
        return model.adapter.base
    return base
