"""What a property said of which value, asked in full batches and never twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from pytest_trustml.errors import UsageError
from pytest_trustml.result.plain import line

Ask = Callable[[list[Any]], Iterable[bool]]


class Found(msgspec.Struct, frozen=True):
    """A value on which the property does not hold."""

    value: Any


class Answers:
    """Remembers True, False, or None where the precondition is not met, for every value that was judged.

    Parameters
    ----------
    property, given : callable
        Take a list of values and return one bool per value; ``given`` may be absent.
    batch_size : int
        Values per call.
    """

    def __init__(self, property: Ask, given: Ask | None, batch_size: int) -> None:
        self._property = property
        self._given = given
        self._size = batch_size
        self._known: dict[Any, bool | None] = {}
        self.calls = self.asked = self.judged = self.unmet = 0

    def first_failure(self, values: Sequence[Any], step: Callable[[int], None] | None) -> Found | None:
        """The first of the values on which the property does not hold; batches behind it are not asked.

        ``judged`` and ``unmet`` count the different values up to it.
        """
        different: dict[Any, Any] = {}
        for value in values:
            different.setdefault(key(value), value)
        found = list(different.items())
        for start in range(0, len(found), self._size):
            part = found[start : start + self._size]
            self._ask(part)
            if step is not None:
                step(len(part))
            for name, value in part:
                answer = self._known[name]
                self.judged += answer is not None
                self.unmet += answer is None
                if answer is False:
                    return Found(value)
        return None

    def knows(self, value: Any) -> bool:
        """Whether a value was judged already."""
        return key(value) in self._known

    def of(self, value: Any) -> bool:
        """Whether the property holds, or does not apply, for one value."""
        name = key(value)
        if name not in self._known:
            self._ask([(name, value)])
        return self._known[name] is not False

    def smaller(self, value: Any, most: int) -> Any:
        """From a counterexample to one that has no ``simpler()`` counterexample, in full batches.

        Parameters
        ----------
        value : object
            With a method ``simpler()`` that returns such values, the simplest first.
        most : int
            New values to ask at most.
        """
        seen = set()
        while (name := key(value)) not in seen:
            seen.add(name)
            candidates = {key(other): other for other in value.simpler()}
            unknown = [pair for pair in candidates.items() if pair[0] not in self._known][:most]
            most -= len(unknown)
            for start in range(0, len(unknown), self._size):
                self._ask(unknown[start : start + self._size])
            value = next((other for other_name, other in candidates.items() if self._known.get(other_name) is False), value)
        return value

    def fresh(self, values: list[Any]) -> list[bool]:
        """What the property says now, whatever it said before."""
        return self._call(self._property, values, "property") if values else []

    def _ask(self, values: Sequence[tuple[Any, Any]]) -> None:
        if not values:
            return
        self.asked += len(values)
        met = [True] * len(values)
        if self._given is not None:
            met = self._call(self._given, [value for _, value in values], "given")
        tried = [pair for pair, ok in zip(values, met, strict=True) if ok]
        self._known.update((name, None) for (name, _), ok in zip(values, met, strict=True) if not ok)
        if tried:
            said = self._call(self._property, [value for _, value in tried], "property")
            self._known.update((name, answer) for (name, _), answer in zip(tried, said, strict=True))

    def _call(self, ask: Ask, values: list[Any], what: str) -> list[bool]:
        self.calls += what == "property"
        said = ask(list(values))
        listed = said.tolist() if hasattr(said, "tolist") else list(said) if isinstance(said, Iterable) else said
        if not isinstance(listed, list) or len(listed) != len(values) or not all(_is_bool(answer) for answer in listed):
            raise UsageError(
                f"{what} got a list of {len(values)} values and returned {line(repr(said), 80)}. It returns one True or False "
                "for each value, in their order."
            )
        return [bool(answer) for answer in listed]


def _is_bool(answer: Any) -> bool:
    return isinstance(answer, bool) or type(answer).__name__ in ("bool_", "bool")


def key(value: Any) -> Any:
    """A name by which an equal value is known again; a value that has none is like no other.

    >>> key([1, "a"]) == key([1, "a"]), key([1]) == key([True]), key(object()) == key(object())
    (True, False, False)
    """
    kind = type(value)
    if isinstance(value, list | tuple):
        return kind, tuple(key(entry) for entry in value)
    if isinstance(value, dict):
        return kind, tuple((key(name), key(entry)) for name, entry in value.items())
    if hasattr(value, "tobytes") and hasattr(value, "shape"):
        return kind, value.shape, str(value.dtype), value.tobytes()
    try:
        hash(value)
    except TypeError:
        return object()
    return kind, value
