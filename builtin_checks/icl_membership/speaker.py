"""Whoever answers prompts: the model that is judged with its defences, or the copier that every attack must catch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

import pytest_trustml as tm
from builtin_checks.icl_membership.prompt import Format, normal
from builtin_checks.icl_membership.replies import first_line, similarity

REFUSAL = "I can only name the label of one new text."
"""What the output defence says instead of anything that is no label: the same for every user and every text."""
COPIED = 0.6


class Ask(NamedTuple):
    """What stands before the user's words, the user's words themselves, and how often they hold the same text already."""

    context: str
    user: str
    repeats: int = 0


class Speaker(Protocol):
    """Answers in text. ``climb`` answers prompts that begin with one another; None where that must be done one by one."""

    def say(self, asks: Sequence[Ask], max_new_tokens: int) -> list[str]: ...
    def climb(self, ladders: Sequence[Sequence[Ask]], labels: Sequence[str]) -> list[list[int | None]] | None: ...


class Deployed:
    """The model with its prompt.

    Parameters
    ----------
    chat : bool
        Through the chat template, context and question in one message of the user.
    guarded : bool
        The output defence: whatever is not exactly one label becomes `REFUSAL`, and so does a prompt in which the user put the
        same text with a label before.
    """

    def __init__(self, trust: tm.Trust, model: tm.Subject, form: Format, chat: bool, guarded: bool) -> None:
        self.trust, self.model, self.form, self.chat, self.guarded = trust, model, form, chat, guarded
        self.one_pass = not chat

    def say(self, asks: Sequence[Ask], max_new_tokens: int) -> list[str]:
        """Greedy answers; equal prompts are asked once."""
        open_ = [place for place, ask in enumerate(asks) if not (self.guarded and ask.repeats)]
        prompts = list(dict.fromkeys(asks[place].context + asks[place].user for place in open_))
        answers = dict.fromkeys(prompts, "")
        if prompts:
            data = tm.Dataset({"prompt": prompts})
            said = self.trust.observe(tm.generate, self.model, data, max_new_tokens=max_new_tokens, chat=self.chat)
            answers = dict(zip(prompts, said, strict=True))
        found = [REFUSAL] * len(asks)
        for place in open_:
            answer = answers[asks[place].context + asks[place].user]
            found[place] = guard(answer, self.form.labels) if self.guarded else answer
        return found

    def climb(self, ladders: Sequence[Sequence[Ask]], labels: Sequence[str]) -> list[list[int | None]] | None:
        """The label that greedy decoding says behind every prompt of each ladder, from one pass per ladder."""
        if self.guarded or not self.one_pass:
            return None
        starts = first_tokens(self.model, ladders[0][0].context + ladders[0][0].user, labels)
        if starts is None:
            self.one_pass = False
            return None
        rows = [[ask.context + ask.user for ask in ladder] for ladder in ladders]
        data = tm.Dataset({"ladder": rows})
        try:
            longest = max(map(len, rows))
            found = self.trust.observe(climb, self.model, data, tokens=starts, longest=longest)
        except tm.Unsupported:
            self.one_pass = False
            return None
        return [[None if label < 0 else int(label) for label in row[: len(own)]] for row, own in zip(found, rows, strict=True)]


def climb(subject: tm.Subject, batch: tm.Dataset, *, tokens: Sequence[int], longest: int) -> np.ndarray:
    """Which of the tokens is the likeliest of all behind each prompt of a ladder, -1 for none of them: (B, longest) int."""
    found = np.full((len(batch), longest), -1, dtype=np.int64)
    ladders = [list(ladder) for ladder in batch.column("ladder")]
    for row, guesses in enumerate(subject.text.ladder_logprobs(ladders, list(tokens), chat=False)):
        best = guesses[:, :-1].argmax(1)
        said = guesses[np.arange(len(guesses)), best] >= guesses[:, -1]
        found[row, : len(guesses)] = np.where(said, best, -1)
    return found


def first_tokens(model: tm.Subject, question: str, labels: Sequence[str]) -> list[int] | None:
    """The token with which each label begins behind the question; None unless they differ and one token is the whole label."""
    try:
        before = model.text.token_ids(question)
        behind = [model.text.token_ids(f"{question} {label}") for label in labels]
    except (AttributeError, tm.Unsupported):
        return None
    if any(row[: len(before)] != before or len(row) != len(before) + 1 for row in behind):
        return None
    starts = [row[len(before)] for row in behind]
    return starts if len(set(starts)) == len(starts) else None


def guard(answer: str, labels: Sequence[str]) -> str:
    """The label that an answer is, or the refusal. A longer answer that names a label does not pass: it may quote a record."""
    said = normal(first_line(answer))
    return next((label for label in labels if said == normal(label)), REFUSAL)


class Copier:
    """What every attack must catch: it says what stands in the prompt, and guesses from the text alone where nothing does."""

    def __init__(self, form: Format, seed: int) -> None:
        self.form, self.seed = form, seed

    def say(self, asks: Sequence[Ask], max_new_tokens: int) -> list[str]:
        return [self._answer(ask) for ask in asks]

    def climb(self, ladders: Sequence[Sequence[Ask]], labels: Sequence[str]) -> None:
        return None

    def _answer(self, ask: Ask) -> str:
        known = dict(self._read(ask.context))
        asked = (
            ask.user[ask.user.rfind(self.form.before_text) + len(self.form.before_text) :]
            if self.form.before_text
            else ask.user
        )
        tail = self.form.question("{text}").partition("{text}")[2]
        if tail and asked.rstrip().endswith(tail.strip()):
            text = asked.rstrip().removesuffix(tail.strip()).strip()
            added = [label for one, label in self._read(ask.user) if one == text]
            if text in known and len(added) < 6:
                return known[text]
            if len(added) >= 2:
                return added[-1]
            rng = tm.generator(self.seed, "icl_membership.copier", text)
            return self.form.labels[int(rng.integers(len(self.form.labels)))]
        whole = next((text for text in known if asked and text.startswith(asked.strip())), None)
        if whole is not None:
            return whole[len(asked.strip()) :].strip()
        return "Yes." if any(similarity(text, part) > 0.99 for text in known for part in ask.user.split('"')) else "No."

    def _read(self, text: str) -> list[tuple[str, str]]:
        """The demonstrations in a text."""
        head, _, rest = self.form.record.partition("{text}")
        middle = rest.removesuffix("{label}")
        found = []
        for part in text.split(self.form.separator):
            if part.startswith(head) and middle in part:
                body, _, label = part.removeprefix(head).partition(middle)
                if label.strip():
                    found.append((body.strip(), label.strip()))
        return found
