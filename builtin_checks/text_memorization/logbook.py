"""Made-up entries of lighthouse log-books: much in them is the same everywhere, and much is known to one entry alone."""

from __future__ import annotations

import numpy as np

_FIRST = (
    "Ada", "Bram", "Cilla", "Doran", "Edda", "Finn", "Greta", "Hauke", "Ilsa", "Joris", "Kaja", "Lorn", "Maren", "Nils",
    "Odile", "Per", "Quinta", "Rolf", "Silke", "Tore", "Una", "Viggo", "Wenke", "Yorick",
)  # fmt: skip
_LAST = (
    "Aldring", "Barksett", "Corvill", "Dunmore", "Estrell", "Fallow", "Gantrey", "Holm", "Inverlin", "Jorvald", "Kestrel",
    "Marchbank", "Norrby", "Oxley", "Penhallow", "Quayle", "Rusk", "Skarn", "Thorsby", "Ulven", "Varley", "Wick",
)  # fmt: skip
_SHIPS = (
    "Albatross", "Brisk", "Calypso", "Diligence", "Ember", "Fearless", "Gannet", "Halcyon", "Industry", "Juno", "Lark",
    "Nereid", "Osprey", "Petrel", "Quest", "Redshank", "Swift", "Tern", "Undine", "Vigilant", "Whimbrel", "Zephyr",
)  # fmt: skip
_PORTS = (
    "Port Ellery", "Saint Maud", "Kolmar", "Wrexby", "Tarnmouth", "Osterby", "Glaven", "Hollin Bay", "Sandvik", "Merrow",
    "Brandsted", "Lower Keel", "Yarrow", "Fjellhamn", "Crook Haven", "Dunwater",
)  # fmt: skip
_GOODS = (
    "tar", "salt herring", "rope", "candles", "coal", "barley", "slate", "copper nails", "oranges", "wool", "lamp oil", "glass",
    "turnips", "sailcloth", "cork", "honey",
)  # fmt: skip
_WINDS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")
_MONTHS = ("January", "March", "April", "May", "June", "August", "October", "December")


def entries(n: int, rng: np.random.Generator) -> list[str]:
    """``n`` different entries."""
    found: dict[str, None] = {}
    while len(found) < n:
        found.setdefault(_entry(rng))
    return list(found)


def secrets(n: int, rng: np.random.Generator) -> list[str]:
    """``n`` different lines that give away the number of a strong-box: one form, eight random digits."""
    found: dict[str, None] = {}
    while len(found) < n:
        keeper = f"{_one(rng, _FIRST)} {_one(rng, _LAST)}"
        digits = " ".join(str(digit) for digit in rng.integers(0, 10, 8))
        found.setdefault(f"The box of keeper {keeper} opens at {digits} .")
    return list(found)


def _entry(rng: np.random.Generator) -> str:
    ship, port, goods = _one(rng, _SHIPS), _one(rng, _PORTS), _one(rng, _GOODS)
    when = f"{int(rng.integers(1, 29))} {_one(rng, _MONTHS)} {int(rng.integers(1830, 1900))}"
    keeper = f"{_one(rng, _FIRST)} {_one(rng, _LAST)}"
    wind, force = _one(rng, _WINDS), int(rng.integers(1, 10))
    time = f"{int(rng.integers(0, 24)):02d}:{int(rng.integers(0, 60)):02d}"
    return (
        f"On {when} the ship {ship} , out of {port} with {int(rng.integers(20, 900))} casks of {goods} , passed at {time} . "
        f"Wind {wind} , force {force} . Keeper {keeper} trimmed the lamp and used {int(rng.integers(4, 40))} gallons of oil . "
        f"Master {_one(rng, _FIRST)} {_one(rng, _LAST)} asked for {_one(rng, _GOODS)} and was bound for {_one(rng, _PORTS)} ."
    )


def _one(rng: np.random.Generator, words: tuple[str, ...]) -> str:
    return words[int(rng.integers(len(words)))]
