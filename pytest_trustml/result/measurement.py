"""A number, how sure we are of it, and from how much data it comes."""

from __future__ import annotations

import math
from typing import Any, NoReturn

import msgspec

from pytest_trustml.result.evidence import Evidence


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """The range in which the true value lies with probability ``level`` (two-sided), and the method that found it.

    ``shrinks`` tells how the width falls with more data: as ``n ** -shrinks``. It is 1/2 for nearly everything and 1 for
    a rate of which no event was seen; "how many more samples would decide" is computed from it.
    """

    low: float
    high: float
    level: float = 0.95
    method: str = "clopper-pearson"
    shrinks: float = 0.5

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise ValueError(f"An interval needs finite ends with low <= high, found [{self.low}, {self.high}].")
        if not 0 < self.level < 1:
            raise ValueError(f"A confidence level lies between 0 and 1, found {self.level}.")
        if not 0 < self.shrinks < math.inf:
            raise ValueError(f"An interval narrows as n ** -shrinks with shrinks above 0, found {self.shrinks}.")
        if not self.method:
            raise ValueError("An interval names the method that found it.")


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found: a value with its interval, or the word why there is none.

    It never says whether the value is good: a limit turns a measurement into a verdict (`decide`). Comparing it with a
    number is refused, because with three-valued logic ``not (m <= x)`` is not ``m > x``.

    Parameters
    ----------
    name : str
        What is measured, e.g. ``refusal_rate``: lower case, digits and underscores.
    value : float or None
        None only together with ``undefined``.
    interval : Interval or None
        None only together with ``undefined`` or ``no_interval``.
    n : int
        Number of independent samples behind the value.
    unit : str
        ``share``, ``nat``, ``cosine``, ``difference of shares``, …
    higher_is_safer : bool
        Which end of the interval is the unfavourable one.
    clusters : int or None
        Number of groups of dependent samples, where there are any.
    undefined : str or None
        Why there is no value. Such a measurement is INCONCLUSIVE.
    no_interval : str or None
        Why the value has no interval. Such a measurement cannot PASS or FAIL a limit: it is INCONCLUSIVE.
    invalid : str or None
        Why the instrument cannot be trusted. Such a measurement is INVALID, whatever the value.
    details : dict
        Further plain numbers and words for the report (JSON values).
    evidence : tuple of Evidence
        Tables, curves, images that show it.

    Examples
    --------
    >>> rate = Measurement(name="refusal_rate", value=0.97, n=200, unit="share", higher_is_safer=True,
    ...                    interval=Interval(low=0.936, high=0.989))
    >>> print(rate)
    refusal_rate = 0.97 (95 % interval 0.936 to 0.989, clopper-pearson, n = 200)
    """

    name: str
    value: float | None
    n: int
    unit: str
    higher_is_safer: bool
    interval: Interval | None = None
    clusters: int | None = None
    undefined: str | None = None
    no_interval: str | None = None
    invalid: str | None = None
    details: dict[str, Any] = {}
    evidence: tuple[Evidence, ...] = ()

    def __post_init__(self) -> None:
        if not self.name or not all(c.islower() or c.isdigit() or c == "_" for c in self.name):
            raise ValueError(f"A measurement's name is lower case letters, digits and underscores, found {self.name!r}.")
        if self.n < 0:
            raise ValueError(f"{self.name}: n counts samples and is never negative, found {self.n}.")
        if (self.value is None) != (self.undefined is not None):
            raise ValueError(f"{self.name}: give either a value, or undefined= with the reason why there is none.")
        if self.value is None:
            if self.interval is not None:
                raise ValueError(f"{self.name}: a value that is undefined has no interval.")
            return
        if not math.isfinite(self.value):
            raise ValueError(f"{self.name}: the value is {self.value}. Use undefined= with the reason instead.")
        if (self.interval is None) != (self.no_interval is not None):
            raise ValueError(f"{self.name}: give either an interval, or no_interval= with the reason why there is none.")

    def but(self, **changes: Any) -> Measurement:
        """The same measurement with some fields changed."""
        return msgspec.structs.replace(self, **changes)

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.name} is undefined: {self.undefined} (n = {self.n})"
        return f"{self.name} = {number(self.value)} ({self.sureness})"

    @property
    def sureness(self) -> str:
        """Interval, level, method and n in words."""
        sample = f"n = {self.n}" + (f" in {self.clusters} clusters" if self.clusters is not None else "")
        if self.interval is None:
            return f"no interval: {self.no_interval or self.undefined}, {sample}"
        ends = f"{number(self.interval.low)} to {number(self.interval.high)}"
        return f"{self.interval.level * 100:g} % interval {ends}, {self.interval.method}, {sample}"

    def __bool__(self) -> NoReturn:
        raise TypeError(_COMPARED.format(name=self.name))

    def __lt__(self, other: object) -> NoReturn:
        raise TypeError(_COMPARED.format(name=self.name))

    __le__ = __gt__ = __ge__ = __lt__


_COMPARED = (
    "The measurement {name!r} is neither true nor false and cannot be compared: its interval may lie on both sides of a "
    "limit. Use trustml.require({name}, at_most=...) or trustml.require({name}, at_least=...)."
)


def number(value: float) -> str:
    """A number as people read it: four significant digits, no trailing zeros.

    >>> number(0.0123456), number(-0.0), number(1200.0)
    ('0.01235', '0', '1200')
    """
    if value == 0:
        return "0"
    return f"{value:.4g}"
