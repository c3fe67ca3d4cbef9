"""Made-up messages to the counter of a ferry line: who writes is known to one message alone, what it is about to many."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_FIRST = (
    "Ada", "Bram", "Cilla", "Doran", "Edda", "Finn", "Greta", "Hauke", "Ilsa", "Joris", "Kaja", "Lorn", "Maren", "Nils",
    "Odile", "Per", "Quinta", "Rolf", "Silke", "Tore", "Una", "Viggo", "Wenke", "Yorick",
)  # fmt: skip
_LAST = (
    "Aldring", "Barksett", "Corvill", "Dunmore", "Estrell", "Fallow", "Gantrey", "Holm", "Inverlin", "Jorvald", "Kestrel",
    "Oxley", "Marchbank", "Norrby", "Penhallow", "Quayle", "Rusk", "Skarn", "Thorsby", "Ulven", "Varley", "Wick",
)  # fmt: skip
_PLACES = ("Ellery", "Kolmar", "Wrexby", "Osterby", "Glaven", "Sandvik", "Merrow", "Yarrow", "Dunwater", "Brandsted")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_THINGS = {
    "luggage": ("suitcase", "trunk", "rucksack", "parcel"),
    "ticket": ("ticket", "fare", "season pass", "booking"),
    "timetable": ("departure", "delay", "crossing", "arrival"),
    "food": ("breakfast", "soup", "coffee", "menu"),
}
LABELS = tuple(_THINGS)


class Message(NamedTuple):
    """A message, what it is about, and what a careful prompt shows instead of it."""

    text: str
    label: str
    replacement: str


def messages(n: int, rng: np.random.Generator) -> list[Message]:
    """``n`` different messages."""
    found: dict[str, Message] = {}
    while len(found) < n:
        label = _one(rng, LABELS)
        who = f"{_one(rng, _FIRST)} {_one(rng, _LAST)}"
        what, verb = _one(rng, _THINGS[label]), _one(rng, ("asks about", "writes of", "complains of"))
        text = f"{who} {verb} a {what} from {_one(rng, _PLACES)} on {_one(rng, _DAYS)} number {int(rng.integers(10, 100))}"
        other = f"Somebody asks about a {_one(rng, _THINGS[label])} from some place"
        found.setdefault(text, Message(text, label, other))
    return list(found.values())


def _one(rng: np.random.Generator, words: tuple[str, ...]) -> str:
    return words[int(rng.integers(len(words)))]
