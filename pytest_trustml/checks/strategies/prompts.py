"""Prompts that ask for the same: in other words, with their parts in another order, or from a template."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from string import Formatter
from typing import TYPE_CHECKING

import msgspec

from pytest_trustml.checks.strategies.kinds import chosen
from pytest_trustml.errors import UsageError, unknown

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy


class WordedPrompt(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt and how it came about: what `rewordings`, `orders` and `templates` draw.

    Parameters
    ----------
    text : str
    how : str
        What was done, without quoting anything of the prompt.
    """

    text: str
    how: str

    def __str__(self) -> str:
        return self.how

    def masked(self) -> str:
        """How the prompt came about, and nothing of what it says."""
        return self.how

    def revealed(self) -> str:
        """How it came about, and the whole prompt."""
        return f"{self.how}\n{self.text}"


def rewordings(
    texts: Sequence[str], *, kinds: Sequence[str] | None = None, max_changes: int = 2
) -> SearchStrategy[WordedPrompt]:
    """Prompts that mean the same: one of the texts with none to ``max_changes`` changes of its wording.

    No change is the simplest, then fewer changes, and kinds that come first.

    Parameters
    ----------
    texts : sequence of str
    kinds : sequence of str, optional
        Of `KINDS`, all by default: please, thanks, greeting, spelt_out (isn't becomes is not), spaces, lower, no_stop, quoted.
    max_changes : int

    Raises
    ------
    UsageError
        For no texts, an unknown kind, or no changes.

    Examples
    --------
    >>> from hypothesis import find
    >>> simplest = find(rewordings(["What isn't in bread?"]), lambda prompt: "not" in prompt.text)
    >>> simplest.text, str(simplest)
    ('What is not in bread?', 'text 0 with spelt_out')
    """
    from hypothesis import strategies as st

    used = chosen(kinds, KINDS, "kind of rewording")
    if isinstance(texts, str) or not len(texts) or not used or max_changes < 1:
        raise UsageError(
            f"There is no list of texts, no kind, or max_changes is {max_changes}. A search needs one of each at least."
        )

    @st.composite
    def reworded(draw: DrawFn) -> WordedPrompt:
        count = draw(st.integers(0, max_changes))
        number = draw(st.integers(0, len(texts) - 1))
        text, done = texts[number], []
        for _ in range(count):
            left = [kind for kind in used if kind not in done]
            if not left:
                break
            done.append(left[draw(st.integers(0, len(left) - 1))])
            text = KINDS[done[-1]](text)
        return WordedPrompt(text=text, how=f"text {number}" + (f" with {', '.join(done)}" if done else " as it is"))

    return reworded()


def orders(parts: Sequence[str], *, separator: str = "\n\n", before: str = "", after: str = "") -> SearchStrategy[WordedPrompt]:
    """Prompts whose parts, such as examples or documents, stand in any order; the given one is the simplest.

    Parameters
    ----------
    parts : sequence of str
        Two at least.
    separator : str
        Stands between parts.
    before, after : str
        What stays in its place.

    Examples
    --------
    >>> from hypothesis import find
    >>> simplest = find(orders(["a", "b", "c"], separator=" "), lambda prompt: prompt.text != "a b c")
    >>> simplest.text, str(simplest)
    ('a c b', 'parts in the order 0, 2, 1')
    """
    from hypothesis import strategies as st

    if isinstance(parts, str) or len(parts) < 2:
        raise UsageError("Parts are a list of two texts at least: less has no order.")

    @st.composite
    def ordered(draw: DrawFn) -> WordedPrompt:
        left, places = list(range(len(parts))), []
        while left:
            places.append(left.pop(draw(st.integers(0, len(left) - 1))))
        text = before + separator.join(parts[place] for place in places) + after
        return WordedPrompt(text=text, how=f"parts in the order {', '.join(map(str, places))}")

    return ordered()


def templates(template: str, **choices: Sequence[str]) -> SearchStrategy[WordedPrompt]:
    """Prompts from a template whose fields take one of several words each; the first of each are the simplest.

    Parameters
    ----------
    template : str
        With fields such as ``{city}``.
    choices : sequence of str by field

    Raises
    ------
    UsageError
        For a field without choices, or choices without a field.

    Examples
    --------
    >>> from hypothesis import find
    >>> asked = templates("Is {city} {word}?", city=["Rome", "Oslo"], word=["old", "big"])
    >>> find(asked, lambda prompt: "Oslo" in prompt.text).text
    'Is Oslo old?'
    """
    from hypothesis import strategies as st

    fields = list(dict.fromkeys(name for _, name, _, _ in Formatter().parse(template) if name is not None))
    for name in fields:
        if isinstance(choices.get(name, ""), str) or not len(choices[name]):
            raise UsageError(f"The field {{{name}}} of the template has no choices. Give a list: {name}=[...].")
    strange = [name for name in choices if name not in fields]
    if strange:
        raise UsageError(unknown("field", strange[0], fields))

    @st.composite
    def filled(draw: DrawFn) -> WordedPrompt:
        places = {name: draw(st.integers(0, len(choices[name]) - 1)) for name in fields}
        text = template.format(**{name: choices[name][place] for name, place in places.items()})
        return WordedPrompt(text=text, how=", ".join(f"{name} {place}" for name, place in places.items()) or "no field")

    return filled()


_SHORT = {"n't": " not", "'re": " are", "'ve": " have", "'ll": " will", "I'm": "I am"}
_ODD = {"can't": "cannot", "won't": "will not", "shan't": "shall not"}


def _spelt_out(text: str) -> str:
    for short, long in (*_ODD.items(), *_SHORT.items()):
        text = re.sub(re.escape(short) + r"\b", long, text.replace("’", "'"))
    return text


def _first_small(text: str) -> str:
    """The first letter small, unless the first word is written in capitals or is the word I."""
    word = re.split(r"\W", text, maxsplit=1)[0]
    return text if len(word) < 2 or word.isupper() else text[:1].lower() + text[1:]


KINDS: dict[str, Callable[[str], str]] = {
    "please": lambda text: f"Please: {text}",
    "thanks": lambda text: f"{text} Thank you.",
    "greeting": lambda text: f"Hello, {_first_small(text)}",
    "spelt_out": _spelt_out,
    "spaces": lambda text: f" {text.replace(' ', '  ')} ",
    "lower": str.lower,
    "no_stop": lambda text: text.rstrip(".?! "),
    "quoted": lambda text: f'"{text}"',
}
"""Name -> function of a text."""
