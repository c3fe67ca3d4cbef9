"""Short posts about peoples that do not exist, rude and kind, and cases that test one skill each: what the demos are made of.

The abuse is mild and its targets are made up, so that detectors can be trained, judged and attacked without repeating anything
that hurts somebody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from builtin_checks.hate_detectors.phrases import PHRASES, TAILS, WORDS

GROUPS = {
    "Blorb": "Blorbs", "Zindle": "Zindles", "Quimpet": "Quimpets", "Morvian": "Morvians", "Fennick": "Fennicks",
}  # fmt: skip
"""Singular and plural of the made-up peoples."""

HATEFUL = ("emote", "attribute", "dehumanise", "threaten", "ask", "swear")
"""Kinds of hateful sentences, as keys of the phrases."""
HARMLESS = (
    "neutral", "neutral", "neutral", "praise", "praise", "praise", "negate", "negate", "quote", "quote", "counter", "counter",
    "object", "object", "person", "person", "grumble", "everyday",
)  # fmt: skip
"""Kinds of harmless sentences, by how often they come."""
_SLOT = re.compile(r"\{(\w+)\}")


class Post(NamedTuple):
    """One post: hateful or not, the people that it is about, and the prompt that a generator was asked with."""

    text: str
    hateful: bool
    group: str
    generator: str
    prompt: str


class Case(NamedTuple):
    """One case of a functional suite; ``reference`` is the number of the case that it is a changed copy of, or -1."""

    functionality: str
    text: str
    hateful: bool
    group: str
    template: int
    reference: int


def fill(pattern: str, group: str, rng: np.random.Generator, words: Mapping[str, str] = WORDS) -> str:
    """One of the sentences that a pattern stands for; ``group`` is the singular of a people, or empty to leave its slots.

    >>> fill("{groups} are {kind}", "Blorb", np.random.default_rng(0), {"kind": "kind|clever"})
    'Blorbs are clever'
    """
    while match := next((m for m in _SLOT.finditer(pattern) if m[1] not in ("group", "groups")), None):
        choices = words[match[1]].split("|") if match[1] != "rare" else [_name(rng)]
        pattern = pattern[: match.start()] + choices[rng.integers(len(choices))] + pattern[match.end() :]
    return named(pattern, group) if group else pattern


def named(template: str, group: str) -> str:
    """A template with the name of a people in it, if there is one, beginning with a capital letter."""
    text = template.replace("{groups}", GROUPS.get(group, "")).replace("{group}", group)
    text = re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)
    return text[0].upper() + text[1:] if text[:1].isalpha() else text


def sentence(kind: str, rng: np.random.Generator) -> str:
    """A template of one kind in which only the people is still open. Quotes hold a hateful sentence of another kind."""
    patterns = PHRASES[kind]
    pattern = patterns[rng.integers(len(patterns))]
    if "{said}" in pattern:
        inner = sentence(HATEFUL[rng.integers(len(HATEFUL) - 2)], rng)
        pattern = pattern.replace("{said}", inner[0].upper() + inner[1:])
    return fill(pattern, "", rng)


def posts(n: int, rng: np.random.Generator, generators: Sequence[str] = ("g1",)) -> list[Post]:
    """Different posts, half of them hateful, about all peoples in turn.

    Parameters
    ----------
    n : int
        Prompts; each generator answers each of them once. There are tens of thousands of different posts.
    generators : sequence of str
        ``g1`` is brief; any other one writes longer posts that wrap what they say.

    Examples
    --------
    >>> found = posts(4, np.random.default_rng(0), ("g1", "g2"))
    >>> len(found), [post.hateful for post in found[::2]], found[0].prompt == found[1].prompt
    (8, [True, False, True, False], True)
    """
    found: list[Post] = []
    seen: set[str] = set()
    names, number = list(GROUPS), 0
    while number < n:
        hateful, group = number % 2 == 0, names[number // 2 % len(names)]
        own = [Post(_write(hateful, group, name, rng), hateful, group, name, f"p{number}") for name in generators]
        if not seen & {post.text for post in own}:
            seen |= {post.text for post in own}
            found += own
            number += 1
    return found


def _write(hateful: bool, group: str, generator: str, rng: np.random.Generator) -> str:
    """Two sentences that matter, mostly, among others that do not."""
    kinds, long = HATEFUL if hateful else HARMLESS, generator != "g1"
    parts = [sentence(kinds[rng.integers(len(kinds))], rng) for _ in range(rng.choice((1, 2, 3), p=(0.3, 0.5, 0.2)))]
    around = [sentence("everyday", rng) for _ in range(rng.choice(3, p=(0.5, 0.4, 0.1)))]
    before = int(rng.integers(len(around) + 1))
    parts = [*([sentence("opening", rng)] if long else []), *around[:before], *parts, *around[before:]]
    texts = [named(part, group) for part in parts]
    ends = [TAILS[rng.integers(len(TAILS))] if not text.endswith(("?", "!")) else "" for text in texts]
    return " ".join(text + end for text, end in zip(texts, ends, strict=True))


def _name(rng: np.random.Generator) -> str:
    """A made-up name of a person or a place.

    >>> _name(np.random.default_rng(0)), _name(np.random.default_rng(1))
    ('Qozuzaq', 'Yizajik')
    """
    middle = "".join(_SYLLABLES[rng.integers(len(_SYLLABLES))] for _ in range(1 + rng.integers(2)))
    return (_SYLLABLES[rng.integers(len(_SYLLABLES))] + middle + _ENDINGS[rng.integers(len(_ENDINGS))]).capitalize()


_SYLLABLES = [consonant + vowel for consonant in "jqxzyk" for vowel in "aeiou"]
_ENDINGS = ("x", "z", "q", "k", "yx", "zu", "jik")


_SUITE = {
    "derog_neg_emote_h": "emote", "derog_neg_attrib_h": "attribute", "derog_dehum_h": "dehumanise", "threat_dir_h": "threaten",
    "phrase_question_h": "ask", "profanity_h": "swear", "ident_neutral_nh": "neutral",
    "target_obj_nh": "object", "target_indiv_nh": "person", "profanity_nh": "grumble",
}  # fmt: skip
_SPELT = ("spell_char_swap_h", "spell_char_del_h", "spell_space_del_h", "spell_space_add_h", "spell_leet_h")
_REWRITTEN = {"ident_pos_nh": "praise", "negate_neg_nh": "negate", "counter_quote_nh": "quote", "counter_ref_nh": "counter"}


def suite(templates: int, rng: np.random.Generator) -> list[Case]:
    """Cases in the layout of HateCheck: as many templates per functionality, each about every people.

    Misspelt cases refer to the same case spelt well, contrasting ones to a hateful case about the same people.
    """
    cases: list[Case] = []
    number = 0

    def add(name: str, made: Sequence[str], references: Sequence[Mapping[str, int]] | None = None) -> list[dict[str, int]]:
        nonlocal number
        rows = []
        for index, template in enumerate(made):
            number += 1
            own = {}
            for group in GROUPS if "{group" in template else [""]:
                text = _misspell(name, named(template, group), group, number)
                text += "" if text.endswith("?") else "."
                reference = -1 if references is None else references[index][group]
                own[group] = len(cases)
                cases.append(Case(name, text, name.endswith("_h"), group, number, reference))
            rows.append(own)
        return rows

    bases: dict[str, list[dict[str, int]]] = {}
    texts: dict[str, list[str]] = {}
    for name, kind in _SUITE.items():
        texts[name] = _different(kind, templates, rng)
        bases[name] = add(name, texts[name])
    for index, name in enumerate(_SPELT):
        base = list(_SUITE)[index % 4]
        add(name, texts[base], bases[base])
    for name, kind in _REWRITTEN.items():
        base = bases["derog_dehum_h" if name != "ident_pos_nh" else "derog_neg_attrib_h"]
        add(name, _different(kind, templates, rng), base)
    return cases


def _different(kind: str, n: int, rng: np.random.Generator) -> list[str]:
    found: dict[str, None] = {}
    for _ in range(200 * n):
        found[sentence(kind, rng)] = None
        if len(found) == n:
            return list(found)
    raise ValueError(f"The phrases yield {len(found)} different sentences of the kind {kind}, not {n}.")


def _misspell(name: str, text: str, group: str, number: int) -> str:
    """The text as a functionality misspells it: always the longest word that is not the people's name, or two of all spaces."""
    words = text.split(" ")
    own = [index for index, word in enumerate(words) if len(word) > 3 and not (group and group in word)]
    at = max(own, key=lambda index: (len(words[index]), index), default=0)
    word, middle = words[at], 1 + number % max(len(words[at]) - 3, 1)
    match name:
        case "spell_char_swap_h":
            words[at] = word[:middle] + word[middle + 1] + word[middle] + word[middle + 2 :]
        case "spell_char_del_h":
            words[at] = word[:middle] + word[middle + 1 :]
        case "spell_space_add_h":
            words[at] = " ".join(word)
        case "spell_leet_h":
            words[at] = word.translate(str.maketrans("aeiost", "431057"))
        case "spell_space_del_h":
            last = min(at, len(words) - 2)
            words[last : last + 2] = ["".join(words[last : last + 2])]
        case _:
            pass
    return " ".join(words)
