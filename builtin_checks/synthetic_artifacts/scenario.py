"""Which texts are asked about, and which the references of each kind learn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

import pytest_trustml as tm

SCENARIOS = ("pure", "mixed", "several")
QUERY_KINDS = ("synthetic", "real", "both")
FEWEST_QUERIES = 25
"""With fewer questions no score of an artefact is worth comparing."""
_LEVELS = tuple(round(level / 10, 1) for level in range(1, 11))
_CARRIED = ("text", "label", "prompt")


class Reserved(NamedTuple):
    """Queries (columns text, label, origin) and what is left of both pools: no text of the queries stands in them."""

    queries: tm.Dataset
    real: tm.Dataset
    synthetic: tm.Dataset


class Composition(NamedTuple):
    """Both pools in one set with the column origin; the rows that each of K references learns from; its synthetic share."""

    dataset: tm.Dataset
    members: list[np.ndarray]
    shares: np.ndarray


def reserve(real: tm.Dataset, synthetic: tm.Dataset, *, kind: str, count: int, rng: np.random.Generator) -> Reserved:
    """Draw the queries before anything is trained: as many of each class, of each generator within it where they are named.

    At most half of the texts of a class become queries. The draw depends on ids and ``rng`` alone.

    Parameters
    ----------
    real, synthetic : Dataset
        Columns text and label; both have the same classes.
    kind : str
        ``synthetic``, ``real``, or ``both``: half of each.
    count : int

    Raises
    ------
    UsageError
        For an unknown kind.
    DataError
        If the classes differ, or too few texts of a class are left.
    """
    if kind not in QUERY_KINDS:
        raise tm.UsageError(f"The option query_kind is {kind!r}. Choose {', '.join(QUERY_KINDS)}.")
    classes = shared_classes(real, synthetic)
    pools = {"real": real, "synthetic": synthetic}
    asked = {"synthetic": (0, count), "real": (count, 0), "both": (count - count // 2, count // 2)}[kind]
    drawn = {name: _balanced(pool, classes, wanted, rng) for (name, pool), wanted in zip(pools.items(), asked, strict=True)}
    columns: dict[str, list[str]] = {"id": [], "text": [], "label": [], "origin": []}
    for name, rows in drawn.items():
        texts, labels = pools[name].column("text"), pools[name].column("label")
        columns["id"] += [f"{name}:{pools[name].ids[row]}" for row in rows]
        columns["text"] += [texts[row] for row in rows]
        columns["label"] += [str(labels[row]) for row in rows]
        columns["origin"] += [name] * len(rows)
    known = {_bare(text) for text in columns["text"]}
    rest = [
        pool.take([row for row, text in enumerate(pool.column("text")) if _bare(text) not in known]) for pool in pools.values()
    ]
    return Reserved(tm.Dataset(columns), *rest)


def shared_classes(real: tm.Dataset, synthetic: tm.Dataset) -> list[str]:
    """The classes of both pools, in order."""
    found = [sorted({str(label) for label in pool.column("label")}) for pool in (real, synthetic)]
    if found[0] != found[1] or len(found[0]) < 2:
        raise tm.DataError(
            f"{real.spec} has the classes {_some(found[0])} and {synthetic.spec} has {_some(found[1])}. Both must have the "
            "same ones, two at least, spelt alike."
        )
    return found[0]


def _balanced(pool: tm.Dataset, classes: Sequence[str], count: int, rng: np.random.Generator) -> list[int]:
    """Rows with different texts, ``count // C`` or one more of each class; generators take turns within a class."""
    if not count:
        return []
    ids, texts = pool.ids, pool.column("text")
    labels = [str(label) for label in pool.column("label")]
    writers = [str(name) for name in pool.column("generator")] if "generator" in pool.columns else [""] * len(pool)
    order = sorted(range(len(pool)), key=ids.__getitem__)
    order = [order[place] for place in rng.permutation(len(order))]
    wanted = [count // len(classes) + (place < count % len(classes)) for place in range(len(classes))]
    chosen: list[int] = []
    for name, number in zip(classes, wanted, strict=True):
        queues: dict[str, list[int]] = {}
        seen: set[str] = set()
        for row in order:
            if labels[row] == name and _bare(texts[row]) not in seen:
                seen.add(_bare(texts[row]))
                queues.setdefault(writers[row], []).append(row)
        if number > len(seen) // 2:
            raise tm.DataError(
                f"{pool.spec} has {len(seen)} different texts of the class {name[:60]!r}. {number} queries of it would leave "
                "less than half to train references on: give more texts or fewer queries."
            )
        turns = [queues[writer] for writer in sorted(queues)]
        own = [queue[turn] for turn in range(max(map(len, turns))) for queue in turns if turn < len(queue)]
        chosen += own[:number]
    return chosen


def compose(
    real: tm.Dataset, synthetic: tm.Dataset, *, scenario: str, count: int, size: int, rng: np.random.Generator
) -> Composition:
    """What references of both sides learn from: ``count`` on real data alone, then ``count`` on synthetic or mixed data.

    ``pure``: all of it synthetic. ``mixed``: shares 0.1, 0.2, ..., 1, equally often. ``several``: a share drawn evenly from
    0.01 to 1, divided at random among the generators that the column ``generator`` names. With labels every reference has the
    classes of the real pool in their proportions, whatever its share, so that classes do not tell the origin.

    Parameters
    ----------
    real, synthetic : Dataset
        Column text, and label or prompt.
    count : int
        References per side.
    size : int
        Rows that each learns from, drawn anew without replacement.

    Returns
    -------
    Composition
        ``members``: 2 x count arrays of rows of ``dataset``; ``shares`` (2 x count,): 0 for real references.

    Raises
    ------
    UsageError, DataError
        Naming what is too small or unknown.
    """
    if scenario not in SCENARIOS:
        raise tm.UsageError(f"The option scenario is {scenario!r}. Choose {', '.join(SCENARIOS)}.")
    if count < 1 or size < 2:
        raise tm.UsageError(f"{count} references per side on {size} texts each were asked for. It takes 1 and 2 at least.")
    pool = _Pools(real, synthetic, size, several=scenario == "several")
    shares = np.concatenate([np.zeros(count), _shares(scenario, count, rng)])
    return Composition(pool.dataset, [pool.draw(share, rng) for share in shares], shares)


def _shares(scenario: str, count: int, rng: np.random.Generator) -> np.ndarray:
    if scenario == "pure":
        return np.ones(count)
    if scenario == "mixed":
        return np.array([_LEVELS[(place * len(_LEVELS)) // count if count < len(_LEVELS) else place % len(_LEVELS)]
                         for place in range(count)])  # fmt: skip
    return np.maximum(rng.uniform(0, 1, size=count).round(2), 0.01)


class _Pools:
    """Both pools in one data set, with the rows of every class, origin and generator."""

    def __init__(self, real: tm.Dataset, synthetic: tm.Dataset, size: int, *, several: bool) -> None:
        self.size = size
        names = [name for name in _CARRIED if name in real.columns and name in synthetic.columns]
        pools = {"real": real, "synthetic": synthetic}
        columns = {
            "id": [f"{origin}:{id}" for origin, pool in pools.items() for id in pool.ids],
            **{name: [str(cell) for pool in pools.values() for cell in pool.column(name)] for name in names},
            "origin": [origin for origin, pool in pools.items() for _ in range(len(pool))],
        }
        self.dataset = tm.Dataset(columns, spec=f"{real.spec} and {synthetic.spec}")
        labels = np.array(columns["label"]) if "label" in names else np.zeros(len(self.dataset), int)
        origins = np.array(columns["origin"])
        writers = _writers(synthetic) if several else np.zeros(len(synthetic), int)
        self.classes, counts = np.unique(labels[origins == "real"], return_counts=True)
        if not len(real) or not len(synthetic):
            raise tm.DataError(f"{real.spec} has {len(real)} and {synthetic.spec} {len(synthetic)} rows left to train on.")
        self.wanted = _portions(counts / counts.sum(), size)
        order = np.array(sorted(range(len(self.dataset)), key=columns["id"].__getitem__))
        rank = np.empty(len(order), int)
        rank[order] = np.arange(len(order))
        self.real = [self._rows((labels == name) & (origins == "real"), rank) for name in self.classes]
        full = np.concatenate([np.full(len(real), -1), writers])
        self.synthetic = [
            [self._rows((labels == name) & (full == writer), rank) for writer in np.unique(writers)] for name in self.classes
        ]

    @staticmethod
    def _rows(which: np.ndarray, rank: np.ndarray) -> np.ndarray:
        """Rows in the order of their ids, so that the order of a file does not matter."""
        found = np.flatnonzero(which)
        return found[np.argsort(rank[found])]

    def draw(self, share: float, rng: np.random.Generator) -> np.ndarray:
        """The rows of one reference."""
        chosen = []
        weights = rng.uniform(0, 1, size=len(self.synthetic[0])) if len(self.synthetic[0]) > 1 else np.ones(1)
        made = _portions(self.wanted / self.size, round(share * self.size))
        for place, number in enumerate(self.wanted):
            own = min(int(made[place]), int(number))
            chosen.append(self._take(self.real[place], int(number) - own, place, "real", rng))
            for rows, part in zip(self.synthetic[place], _portions(weights / weights.sum(), own), strict=True):
                chosen.append(self._take(rows, int(part), place, "synthetic", rng))
        return np.sort(np.concatenate(chosen))

    def _take(self, rows: np.ndarray, number: int, place: int, origin: str, rng: np.random.Generator) -> np.ndarray:
        if number > len(rows):
            of = f" of the class {str(self.classes[place])[:60]!r}" if "label" in self.dataset.columns else ""
            raise tm.DataError(
                f"A reference needs {number} {origin} texts{of}, but there are {len(rows)} beside the queries. Give more "
                f"texts, or let references learn from fewer than {self.size}."
            )
        return rng.choice(rows, size=number, replace=False)


def _writers(synthetic: tm.Dataset) -> np.ndarray:
    names = [str(name) for name in synthetic.column("generator")] if "generator" in synthetic.columns else []
    if len(set(names)) < 2:
        raise tm.DataError(
            f"The scenario 'several' mixes texts of several language models, but {synthetic.spec} names "
            f"{len(set(names))} in a column generator. Add the column, or choose the scenario mixed."
        )
    return np.unique(names, return_inverse=True)[1]


def _portions(weights: np.ndarray, total: int) -> np.ndarray:
    """Whole numbers in these proportions with this sum (largest remainders).

    >>> _portions(np.array([0.5, 0.25, 0.25]), 7).tolist()
    [3, 2, 2]
    """
    exact = np.asarray(weights, dtype=float) * total
    whole = np.floor(exact + 1e-9).astype(int)
    rest = np.argsort(-(exact - whole).round(9), kind="stable")[: total - int(whole.sum())]
    whole[rest] += 1
    return whole


def half_of(real: tm.Dataset, synthetic: tm.Dataset) -> int:
    """The most texts, in the real pool's proportions of classes, that take no more than half of any class of either pool."""
    labels = [[str(label) for label in pool.column("label")] for pool in (real, synthetic)]
    classes = sorted(set(labels[0]))
    proportions = np.array([labels[0].count(name) for name in classes]) / len(labels[0])
    fewest = np.array([min(own.count(name) for own in labels) for name in classes])
    return max(2, int((fewest / 2 / proportions).min()))


def overlaps(members: Sequence[np.ndarray], shares: np.ndarray) -> tuple[float, float]:
    """How much of its training data a reference shares with another one of its side, on average: real, synthetic.

    >>> overlaps([np.array([0, 1]), np.array([1, 2]), np.array([3]), np.array([4])], np.array([0, 0, 1, 1]))
    (0.5, 0.0)
    """
    found = []
    for synthetic in (False, True):
        own = [members[place] for place in np.flatnonzero((np.asarray(shares) > 0) == synthetic)]
        if len(own) < 2:
            found.append(0.0)
            continue
        times = np.bincount(np.concatenate(own))
        pairs = len(own) * (len(own) - 1)
        found.append(float((times * (times - 1)).sum() / pairs / np.mean([len(rows) for rows in own])))
    return found[0], found[1]


def _bare(text: str) -> str:
    return " ".join(str(text).lower().split())


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:40]) for name in names[:6])
    return shown + (f" and {len(names) - 6} more" if len(names) > 6 else "")
