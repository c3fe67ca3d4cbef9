"""How often a release that lost four points is called worse: on the same examples, and as if on different ones.

The old release answers 90 % right and the new one 86 %; on 3 % of the examples only the new one is right, on 7 % only the old.

Run: python benchmarks/comparison_power.py. Prints both powers at n = 500, the false alarms of both without any loss, and the
number of examples that each needs for a power of 80 %.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pytest_trustml.comparison.change import Measured, paired
from pytest_trustml.comparison.compare import MARGIN
from pytest_trustml.comparison.examples import ExampleValues
from pytest_trustml.comparison.judgement import judge
from pytest_trustml.statistics import proportion, rate_difference

N, ROUNDS, SEARCH_ROUNDS, POWER, LEVEL = 500, 2000, 1000, 0.8, 0.95
WORSE = (0.83, 0.03, 0.07, 0.07)  # shares of examples: both right, only the new release, only the old one, none
SAME = (0.85, 0.05, 0.05, 0.05)

Releases = tuple[np.ndarray, np.ndarray]


def draw(rng: np.random.Generator, n: int, shares: tuple[float, ...]) -> Releases:
    """What the new and the old release answer right."""
    kind = rng.choice(4, p=shares, size=n)
    return kind <= 1, (kind == 0) | (kind == 2)


def on_the_same(after: np.ndarray, before: np.ndarray) -> bool:
    """Whether the comparison of the product says WORSE."""
    keys = tuple(f"{number:016x}" for number in range(len(after)))
    now, then = (ExampleValues(keys, values.astype(float)) for values in (after, before))
    return is_worse(paired(now, then, unit="share", level=LEVEL, words=("benchmark",)))


def as_if_on_others(after: np.ndarray, before: np.ndarray) -> bool:
    """Whether the same rule says so of the same numbers, with the interval of two independent samples."""
    found = rate_difference(after, before, name="change", higher_is_safer=True, level=LEVEL)
    ends = (found.interval.low, found.interval.high)
    return is_worse(Measured(change=found.value, ends=ends, p_up=None, p_down=None, method="newcombe", n=len(after)))


def is_worse(found: Measured) -> bool:
    return judge(found, higher_is_safer=True, margin=MARGIN, level=LEVEL)[0] == "WORSE"


def power(says_worse: Callable[..., bool], n: int, shares: tuple[float, ...], rounds: int) -> list[bool]:
    """What each of many pairs of releases is called; every caller sees the same ones."""
    rng = np.random.default_rng(n)
    return [says_worse(*draw(rng, n, shares)) for _ in range(rounds)]


def needed(says_worse: Callable[..., bool]) -> int:
    """Examples for a power of 80 %, to the nearest twenty."""
    low, high = 0, 4000
    while high - low > 20:
        middle = (low + high) // 2
        enough = np.mean(power(says_worse, middle, WORSE, SEARCH_ROUNDS)) >= POWER
        low, high = (low, middle) if enough else (middle, high)
    return round(high, -1)


def main() -> None:
    sizes, powers = [], []
    for name, says_worse in (("paired", on_the_same), ("unpaired", as_if_on_others)):
        seen = proportion(power(says_worse, N, WORSE, ROUNDS), name="power", higher_is_safer=True)
        alarms = proportion(power(says_worse, N, SAME, ROUNDS), name="alarms", higher_is_safer=False)
        sizes.append(needed(says_worse))
        powers.append(seen.value)
        print(
            f"{name}: 90 % to 86 % right on {N} examples is called worse in {seen.value:.1%} of {ROUNDS} simulations "
            f"({seen.interval.low:.1%} to {seen.interval.high:.1%}), 90 % to 90 % in {alarms.value:.2%} "
            f"({alarms.interval.low:.2%} to {alarms.interval.high:.2%}); about {sizes[-1]} examples for a power of 80 %"
        )
    print(f"ratio of powers {powers[0] / powers[1]:.2f}, of examples needed {sizes[0] / sizes[1]:.2f}")


if __name__ == "__main__":
    main()
