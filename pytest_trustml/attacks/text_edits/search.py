"""The search for an edited text that evades: one text's side of it, as a generator that asks and is answered.

A search yields an `Ask`, a function and texts for it, and is sent the function's answers. Who asks whom in which batch is not
its business (see `lock_step`), so one text's result cannot depend on another text.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Generator, Sequence
from typing import Any, Literal, NamedTuple

from pytest_trustml.attacks.text_edits.attacked import Attacked, Edit
from pytest_trustml.attacks.text_edits.candidates import Spot
from pytest_trustml.attacks.text_edits.constraints import Trial
from pytest_trustml.attacks.text_edits.edits import Draw
from pytest_trustml.attacks.text_edits.metrics import angular_similarity
from pytest_trustml.attacks.text_edits.ranking import order, ranked
from pytest_trustml.attacks.text_edits.recipes import Recipe
from pytest_trustml.attacks.text_edits.words import Words, core, eligible


class Ask(NamedTuple):
    """Texts for a function that gives one answer per text."""

    function: Callable[[list[str]], Sequence[Any]]
    texts: list[str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rules:
    """What holds for every text. ``predict`` gives floats; a text is detected while its score is at least ``threshold``."""

    predict: Callable[[list[str]], Sequence[float]]
    threshold: float
    max_queries: int
    max_edit_ratio: float
    label_only: bool
    seed: int


class Try(NamedTuple):
    """One other spelling of one word, and the text that it makes."""

    family: str
    word: str
    text: str
    similarity: float = 1.0


BUDGET = "the budget of queries ended"
TOO_FEW = "the edits that max_edit_ratio allows were not enough"
Steps = Generator[Ask, Sequence[Any], Any]


class Search:
    """The attack on one text: what is known of it so far."""

    def __init__(self, text: str, recipe: Recipe, rules: Rules) -> None:
        self.original = self.text = text
        self.recipe, self.rules = recipe, rules
        self.cut = Words(text)
        self.spelling = list(self.cut.words)
        self.draw = Draw(rules.seed, text)
        self.memo: dict[str, float] = {}
        self.queries = 0
        self.edits: list[Edit] = []
        self.before = self.after = math.nan

    def run(self) -> Generator[Ask, Sequence[Any], Attacked]:
        """First the text itself, then the search, then, if it found something, one more independent call."""
        [self.before] = yield from self._fresh()
        self.memo[self.text] = self.after = self.before
        if self.before < self.rules.threshold:
            return self._result("skipped", "the victim does not detect the text as it is")
        why = yield from (self._rewritten() if self.recipe.writers else self._edited())
        if why:
            return self._result("failed", why)
        found = self.after
        [self.after] = yield from self._fresh()
        if self.after >= self.rules.threshold:
            why = f"the victim contradicts itself: it scored the same text {found:.6g}, then {self.after:.6g}"
            return self._result("failed", why)
        return self._result("success", "")

    def scores(self, texts: Sequence[str]) -> Generator[Ask, Sequence[Any], list[float | None]]:
        """What the victim says of each text; None for those that the budget no longer allows.

        A text is asked once. One query stays in reserve for the last, independent call.
        """
        new = list(dict.fromkeys(text for text in texts if text not in self.memo))
        new = new[: max(0, self.rules.max_queries - 1 - self.queries)]
        if new:
            answers = yield Ask(self.rules.predict, new)
            self.queries += len(new)
            self.memo.update(zip(new, answers, strict=True))
        return [self.memo.get(text) for text in texts]

    def tries(self, index: int) -> Generator[Ask, Sequence[Any], list[Try]]:
        """Every spelling of one word, on the text as it is now, that all constraints allow."""
        word = self.cut.words[index]
        first, last = core(word)
        head, tail = self.cut.around(self.spelling, index)
        found: dict[str, Try] = {}
        for source in self.recipe.sources:
            for family, kernel in source(Spot(word[first:last], index, self.draw)):
                new = word[:first] + kernel + word[last:]
                if not kernel or new == word or new in found:
                    continue
                text = head + new + tail
                trial = Trial(self.original, self.text, text, word[first:last], kernel)
                if all(allows(trial) for allows in self.recipe.constraints):
                    found[new] = Try(family, new, text)
        return (yield from self._similar(list(found.values()), index))

    def _edited(self) -> Steps:
        """Word after word, in blocks. Returns why it failed, or nothing."""
        recipe, count = self.recipe, len(self.cut)
        places = [k for k, word in enumerate(self.cut.words) if eligible(word, recipe.least_letters, recipe.stopwords)]
        if not places:
            return "no word of the text may be edited"
        size = recipe.block or len(places)
        for start in range(0, len(places), size):
            if not self._room(1):
                return TOO_FEW if self.edits else f"the text has {count} words, too few for max_edit_ratio to allow an edit"
            block = yield from ranked(self, places[start : start + size])
            if block is None:
                return BUDGET
            for index in block:
                if not self._room(1):
                    return TOO_FEW
                done = yield from self._word(index)
                if done is not None:
                    return done
        return "every word was tried"

    def _word(self, index: int) -> Steps:
        """Every spelling of one word; the best is kept if it helps. Returns "" if it evades, the reason if the budget ended."""
        tries = yield from self.tries(index)
        scores = yield from self.scores([one.text for one in tries])
        known = [(one, score) for one, score in zip(tries, scores, strict=True) if score is not None]
        hits = [(one, score) for one, score in known if score < self.rules.threshold]
        if hits:
            self._keep(index, *self._best(hits))
            return ""
        if len(known) < len(tries):
            return BUDGET
        if not known:
            return None
        if self.rules.label_only:
            # Nothing tells which edit helps. Keep one, unless it would use up the last edit, which has to flip the answer.
            if self._room(2):
                self._keep(index, *min(known, key=lambda pair: self._preference(pair[0].family)))
            return None
        best = min(known, key=lambda pair: order(pair[1]))
        if order(best[1]) < order(self.after):
            self._keep(index, *best)
        return None

    def _rewritten(self) -> Steps:
        """One round of whole rewritings. Returns why it failed, or nothing."""
        tries: dict[str, Try] = {}
        for writer in self.recipe.writers:
            [text] = yield Ask(writer, [self.original])
            trial = Trial(self.original, self.original, text, self.original, text)
            if text.strip() and text != self.original and all(allows(trial) for allows in self.recipe.constraints):
                tries[text] = Try("paraphrase", text, text)
        similar = yield from self._similar(list(tries.values()), 0)
        scores = yield from self.scores([one.text for one in similar])
        known = [(one, score) for one, score in zip(similar, scores, strict=True) if score is not None]
        hits = [(one, score) for one, score in known if score < self.rules.threshold]
        if hits:
            best, self.after = self._best(hits)
            self.text = best.text
            self.edits = [Edit(family=best.family, word=0, before=self.original, after=best.text)]
            return ""
        if len(known) < len(similar):
            return BUDGET
        return "no rewriting evades" if similar else "no rewriting is new and similar enough"

    def _similar(self, tries: list[Try], index: int) -> Generator[Ask, Sequence[Any], list[Try]]:
        """Those that the encoder finds similar enough, with their similarity."""
        ruler = self.recipe.similarity
        if ruler is None or not tries or (ruler.window or 0) > len(self.cut):
            return tries
        if ruler.against == "original":
            words, text = self.cut.words, self.original
        else:
            words, text = self.spelling, self.text
        views = [ruler.view(words, index, text)]
        for one in tries:
            views.append(ruler.view([*self.spelling[:index], one.word, *self.spelling[index + 1 :]], index, one.text))
        vectors = yield Ask(ruler.encode, views)
        found = angular_similarity([vectors[0]] * len(tries), list(vectors[1:]))
        pairs = zip(tries, found.tolist(), strict=True)
        return [one._replace(similarity=value) for one, value in pairs if value >= ruler.at_least]

    def _best(self, hits: list[tuple[Try, float]]) -> tuple[Try, float]:
        """Of several that evade, the most similar one; among equals the lowest score, then the first."""
        return min(hits, key=lambda pair: (-pair[0].similarity, order(pair[1])))

    def _preference(self, family: str) -> int:
        known = self.recipe.kept_first
        return known.index(family) if family in known else len(known)

    def _room(self, more: int) -> bool:
        """Whether ``more`` further words may be edited."""
        return (len(self.edits) + more) / len(self.cut) <= self.rules.max_edit_ratio

    def _keep(self, index: int, one: Try, score: float) -> None:
        self.edits.append(Edit(family=one.family, word=index, before=self.cut.words[index], after=one.word))
        self.spelling[index] = one.word
        self.text, self.after = one.text, score

    def _fresh(self) -> Generator[Ask, Sequence[Any], Sequence[float]]:
        """The victim's answer to the text as it is now, asked again whatever is remembered."""
        self.queries += 1
        return (yield Ask(self.rules.predict, [self.text]))

    def _result(self, status: Literal["skipped", "success", "failed"], why: str) -> Attacked:
        return Attacked(
            original=self.original, text=self.text, status=status, queries=self.queries, edits=tuple(self.edits),
            before=self.before, after=self.after, why=why,
        )  # fmt: skip
