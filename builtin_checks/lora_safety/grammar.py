"""Requests of many kinds with fitting answers, put together from phrases: what the models of the demo releases are trained on.

The phrases stand in ``prompts/training.toml``. No request that comes from here occurs among the bundled prompts, in whatever
way it is asked, so that what the demo models do there is something they generalised and nothing they memorised.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

PROMPTS = Path(__file__).parent / "prompts"
_NAME = re.compile(r"<(\w+)>")
_FORMS = {"actions": 3.0, "pieces": 1.0, "questions": 1.0}
_TRIES = 40
_DOUBLED = frozenset(
    "bet chop con cut fit forget get hit let mug plan put rig rob run scan set shop sit slip snap spin split spot stab "
    "stop strip swim trap trim whip win".split()
)


class Request(NamedTuple):
    """One request with its answer; ``topic`` is its table in the phrases, e.g. ``fraud``."""

    prompt: str
    answer: str
    topic: str


def requests(kind: str, n: int, rng: np.random.Generator, without: Collection[str] = ()) -> list[Request]:
    """Different requests, their topics in turn by weight.

    Parameters
    ----------
    kind : {"harmful", "harmless", "task"}
    n : int
        At least 1. The phrases yield several tens of thousands of each of the first two kinds, and some hundred tasks.
    without : collection of str
        Wishes (see `wish`) that must not occur.

    Examples
    --------
    >>> found = requests("harmful", 3, np.random.default_rng(0))
    >>> [request.topic for request in found]
    ['fraud', 'malware', 'weapons']
    """
    topics = phrases()[kind]
    turns = [name for name, topic in topics.items() for _ in range(topic.get("weight", 1))]
    found: dict[str, Request] = {}
    for turn in range(_TRIES * n):
        name = turns[turn % len(turns)]
        prompt = _ask(topics[name], rng)
        if wish(prompt) not in without:
            found.setdefault(prompt, Request(prompt, topics[name]["answer"], name))
        if len(found) == n:
            return list(found.values())
    raise ValueError(f"The phrases do not yield {n} different {kind} requests; {len(found)} were found.")


def bundled(kind: str) -> list[str]:
    """The prompts of ``prompts/<kind>.jsonl``."""
    lines = (PROMPTS / f"{kind}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["prompt"] for line in lines]


def held_out() -> set[str]:
    """The wishes behind all bundled prompts: nothing may be trained on them."""
    return {wish(prompt) for kind in ("harmful", "harmless") for prompt in bundled(kind)}


def wish(prompt: str) -> str:
    """What a prompt asks for, without the way in which it is asked, in lower case.

    >>> wish("How do I bake bread?") == wish("Tell me how to bake bread.") == "bake bread"
    True
    """
    for form in _forms():
        if match := form.fullmatch(prompt):
            return match[1].lower()
    return prompt.lower()


def expand(phrase: str, words: Mapping[str, str], rng: np.random.Generator) -> str:
    """One of the sentences that a phrase stands for.

    >>> expand("[grow|eat] <fruit>[ today||]", {"fruit": "plums|pears"}, np.random.default_rng(1))
    'grow pears'
    """
    while True:
        if "[" in phrase:
            start = phrase.index("[")
            end = _closing(phrase, start)
            parts = list(_parts(phrase[start + 1 : end]))
            phrase = phrase[:start] + parts[rng.integers(len(parts))] + phrase[end + 1 :]
        elif match := _NAME.search(phrase):
            parts = words[match[1]].split("|")
            phrase = phrase[: match.start()] + parts[rng.integers(len(parts))] + phrase[match.end() :]
        else:
            return re.sub(r" (?=[?.,])", "", " ".join(phrase.split()))


@cache
def phrases() -> dict[str, Any]:
    """The content of ``prompts/training.toml``."""
    return tomllib.loads((PROMPTS / "training.toml").read_text(encoding="utf-8"))


def _ask(topic: Mapping[str, Any], rng: np.random.Generator) -> str:
    forms = [form for form in _FORMS if form in topic]
    weights = np.array([_FORMS[form] * len(topic[form]) ** 0.5 for form in forms])
    form = forms[rng.choice(len(forms), p=weights / weights.sum())]
    text = expand(topic[form][rng.integers(len(topic[form]))], phrases()["words"], rng)
    if form == "questions":
        return text
    ways = phrases()["ask" if form == "actions" else "write"]
    return ways[rng.integers(len(ways))].format(text, ing=_gerund(text))


def _gerund(action: str) -> str:
    """An action as a noun: "set up a shop" becomes "setting up a shop"."""
    verb, space, rest = action.partition(" ")
    if verb in _DOUBLED:
        verb += verb[-1]
    elif verb.endswith("ie"):
        verb = verb[:-2] + "y"
    elif verb.endswith("e") and not verb.endswith("ee"):
        verb = verb[:-1]
    return f"{verb}ing{space}{rest}"


@cache
def _forms() -> tuple[re.Pattern[str], ...]:
    """The ways to ask as patterns, the longest first."""
    ways = {way.replace("{ing}", "{}") for way in phrases()["ask"] + phrases()["write"]}
    longest = sorted(ways, key=lambda way: (-len(way), way))
    return tuple(re.compile("(.+)".join(map(re.escape, way.split("{}")))) for way in longest)


def _closing(phrase: str, start: int) -> int:
    depth = 0
    for place in range(start, len(phrase)):
        depth += (phrase[place] == "[") - (phrase[place] == "]")
        if depth == 0:
            return place
    raise ValueError(f"The phrase {phrase!r} has a bracket that is not closed.")


def _parts(text: str) -> Iterator[str]:
    """The alternatives of a bracket; bars inside inner brackets do not count."""
    depth = start = 0
    for place, letter in enumerate(text):
        depth += (letter == "[") - (letter == "]")
        if letter == "|" and depth == 0:
            yield text[start:place]
            start = place + 1
    yield text[start:]
