"""English words without their endings, so that "broken dams" and "a dam breaks" have words in common: Porter's stemmer.

As in the package that the authors' ROUGE uses: Porter 1980 with the departures that nltk documents, on words of four letters or
more.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

SHORTEST = 4
_IRREGULAR = {
    "sky": "sky", "skies": "sky", "dying": "die", "lying": "lie", "tying": "tie", "news": "news", "innings": "inning",
    "inning": "inning", "outings": "outing", "outing": "outing", "cannings": "canning", "canning": "canning", "howe": "howe",
    "proceed": "proceed", "exceed": "exceed", "succeed": "succeed",
}  # fmt: skip
_SECOND = (
    "ational=ate tional=tion enci=ence anci=ance izer=ize bli=ble alli=al entli=ent eli=e ousli=ous ization=ize ation=ate "
    "ator=ate alism=al iveness=ive fulness=ful ousness=ous aliti=al iviti=ive biliti=ble fulli=ful logi=log"
)
_THIRD = "icate=ic ative= alize=al iciti=ic ical=ic ful= ness="
_FOURTH = "al ance ence er ic able ible ant ement ment ent ion ou ism ate iti ous ive ize"


@functools.lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """The stem of an English word in lower case; words of up to three letters stay as they are.

    >>> [stem(word) for word in "caresses ponies agreed hopping relational formalize adjustment the".split()]
    ['caress', 'poni', 'agre', 'hop', 'relat', 'formal', 'adjust', 'the']
    """
    if len(word) < SHORTEST or not word.isascii():
        return word
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    word = _plural(word)
    word = _past(word)
    if word.endswith("y") and len(word) > 2 and _shape(word[:-1])[-1] == "c":
        word = word[:-1] + "i"
    word = _second(word)
    word = _replaced(word, _THIRD, lambda part: measure(part) > 0)
    word = _fourth(word)
    if word.endswith("e"):
        part = word[:-1]
        if measure(part) > 1 or (measure(part) == 1 and not _short_syllable(part)):
            word = part
    if word.endswith("ll") and measure(word[:-1]) > 1:
        word = word[:-1]
    return word


def measure(part: str) -> int:
    """How often vowels are followed by consonants, Porter's m.

    >>> [measure(part) for part in ("tr", "tree", "trouble", "oats", "private")]
    [0, 0, 1, 1, 2]
    """
    return len(re.findall("v+c+", _shape(part)))


def _shape(part: str) -> str:
    """``c`` for every consonant and ``v`` for every vowel; y is a vowel after a consonant."""
    shape = ""
    for letter in part:
        vowel = letter in "aeiou" or (letter == "y" and shape.endswith("c"))
        shape += "v" if vowel else "c"
    return shape


def _short_syllable(part: str) -> bool:
    """Consonant, vowel, consonant other than w, x, y at the end; or a vowel and a consonant, if that is all."""
    shape = _shape(part)
    return (shape.endswith("cvc") and part[-1] not in "wxy") or (shape == "vc")


def _plural(word: str) -> str:
    if word.endswith("ies") and len(word) == 4:
        return word[:-1]
    for end, new in (("sses", "ss"), ("ies", "i"), ("ss", "ss"), ("s", "")):
        if word.endswith(end):
            return word[: len(word) - len(end)] + new
    return word


def _past(word: str) -> str:
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if measure(word[:-3]) > 0 else word
    end = next((end for end in ("ed", "ing") if word.endswith(end) and "v" in _shape(word[: -len(end)])), "")
    if not end:
        return word
    part = word[: -len(end)]
    if part.endswith(("at", "bl", "iz")):
        return part + "e"
    if len(part) > 1 and part[-1] == part[-2] and _shape(part)[-1] == "c":
        return part if part[-1] in "lsz" else part[:-1]
    return part + "e" if measure(part) == 1 and _short_syllable(part) else part


def _second(word: str) -> str:
    if word.endswith("alli") and measure(word[:-4]) > 0:
        return _second(word[:-2])
    if word.endswith("logi"):  # one letter more counts as the stem
        return word[:-1] if measure(word[:-3]) > 0 else word
    return _replaced(word, _SECOND, lambda part: measure(part) > 0)


def _fourth(word: str) -> str:
    for end in sorted(_FOURTH.split(), key=len, reverse=True):
        if word.endswith(end):
            part = word[: -len(end)]
            fits = measure(part) > 1 and (end != "ion" or part.endswith(("s", "t")))
            return part if fits else word
    return word


def _replaced(word: str, rules: str, fits: Callable[[str], bool]) -> str:
    """By the first rule whose ending the word has."""
    for rule in rules.split():
        end, _, new = rule.partition("=")
        if word.endswith(end):
            part = word[: -len(end)]
            return part + new if fits(part) else word
    return word
