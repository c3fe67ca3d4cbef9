"""Limits, and the one function that turns a measurement into a verdict."""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Iterable

import msgspec

from pytest_trustml.errors import UsageError, unknown
from pytest_trustml.result.measurement import Measurement, number


class Outcome(enum.StrEnum):
    """What a verdict can say. Bugs and crashes are none of these: they stay pytest errors."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    INVALID = "INVALID"
    NOT_APPLICABLE = "NOT_APPLICABLE"


class AtMost(msgspec.Struct, frozen=True, tag_field="kind", tag="at_most"):
    """The true value may not lie above ``bound``."""

    bound: float

    def __post_init__(self) -> None:
        _refuse_infinite(self.bound)

    def __str__(self) -> str:
        return f"at most {self.bound:.12g}"

    @property
    def low(self) -> float:
        return -math.inf

    @property
    def high(self) -> float:
        return self.bound


class AtLeast(msgspec.Struct, frozen=True, tag_field="kind", tag="at_least"):
    """The true value may not lie below ``bound``."""

    bound: float

    def __post_init__(self) -> None:
        _refuse_infinite(self.bound)

    def __str__(self) -> str:
        return f"at least {self.bound:.12g}"

    @property
    def low(self) -> float:
        return self.bound

    @property
    def high(self) -> float:
        return math.inf


class Within(msgspec.Struct, frozen=True, tag_field="kind", tag="within"):
    """The true value may lie neither below ``low`` nor above ``high``."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _refuse_infinite(self.low)
        _refuse_infinite(self.high)
        if not self.low <= self.high:
            raise ValueError(f"A range needs low <= high, found {self.low} to {self.high}.")

    def __str__(self) -> str:
        return f"within {self.low:.12g} and {self.high:.12g}"


Limit = AtMost | AtLeast | Within


def _refuse_infinite(bound: float) -> None:
    if not math.isfinite(bound):
        raise ValueError(f"A limit is a finite number, found {bound}. One that nothing can break is none: leave it out.")


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """An outcome together with everything it rests on, and the reason in one sentence."""

    outcome: Outcome
    measurement: Measurement
    limit: Limit | None
    why: str


def decide(measurement: Measurement, limit: Limit, min_n: int = 1) -> Verdict:
    """Judge a measurement at the unfavourable end of its interval.

    PASS if the whole interval meets the limit, FAIL if the whole interval breaks it, otherwise INCONCLUSIVE with the
    number of samples that would decide. INVALID if the measurement says that its instrument is broken. Pure and total;
    tightening a limit never turns a FAIL into a PASS.

    Parameters
    ----------
    measurement : Measurement
    limit : AtMost, AtLeast or Within
    min_n : int
        With fewer samples than this the outcome is INCONCLUSIVE whatever the interval says.

    Examples
    --------
    >>> from pytest_trustml.result.measurement import Interval
    >>> m = Measurement(name="leak_rate", value=0.01, n=300, unit="share", higher_is_safer=False,
    ...                 interval=Interval(low=0.002, high=0.029))
    >>> decide(m, AtMost(0.05)).outcome.value, decide(m, AtMost(0.02)).outcome.value
    ('PASS', 'INCONCLUSIVE')
    """
    outcome, why = _judge(measurement, limit, min_n)
    return Verdict(outcome=outcome, measurement=measurement, limit=limit, why=why)


def _judge(m: Measurement, limit: Limit, min_n: int) -> tuple[Outcome, str]:
    if m.invalid is not None:
        return Outcome.INVALID, m.invalid
    if m.value is None:
        return Outcome.INCONCLUSIVE, f"the value is undefined: {m.undefined}"
    if m.n < min_n:
        return Outcome.INCONCLUSIVE, f"n = {m.n} is fewer than the {min_n} samples that this check needs"
    if m.interval is None:
        return Outcome.INCONCLUSIVE, f"there is no interval to judge by: {m.no_interval}"
    low, high = m.interval.low, m.interval.high
    if limit.low <= low and high <= limit.high:
        return Outcome.PASS, f"even the unfavourable end of the interval is {limit}"
    if low > limit.high:
        return Outcome.FAIL, f"even the favourable end, {number(low)}, is more than the limit allows ({limit})"
    if high < limit.low:
        return Outcome.FAIL, f"even the favourable end, {number(high)}, is less than the limit asks for ({limit})"
    return Outcome.INCONCLUSIVE, f"the interval reaches across the limit ({limit}); {_more_data(m, limit)}"


def _more_data(m: Measurement, limit: Limit) -> str:
    """How many samples would decide if the value stayed where it is: the width falls as n ** -shrinks."""
    up, down = m.interval.high - m.value, m.value - m.interval.low
    if m.value > limit.high:  # it would be decided as FAIL: the other end has to come over as well
        ways = [(down, m.value - limit.high)]
    elif m.value < limit.low:
        ways = [(up, limit.low - m.value)]
    else:
        ways = [(up, limit.high - m.value), (down, m.value - limit.low)]
    ways = [(reach, gap) for reach, gap in ways if reach > gap]
    if any(gap == 0 for _, gap in ways):
        return "the value lies on the limit itself, so no number of samples would decide"
    exponent = max(((math.log(reach) - math.log(gap)) / m.interval.shrinks for reach, gap in ways), default=0.0)
    if exponent + math.log(max(m.n, 1)) > math.log(1e9):
        return "the value is too close to the limit for any practical number of samples to decide"
    return f"about n = {max(m.n + 1, math.ceil(m.n * math.exp(exponent)))} would decide if the value stays where it is"


_WORST_FIRST = (Outcome.INVALID, Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS, Outcome.NOT_APPLICABLE)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome of a check with several judged measurements: INVALID, else FAIL, else INCONCLUSIVE, else PASS."""
    return min(outcomes, key=_WORST_FIRST.index)


def parse_limit(text: str) -> Limit:
    """Read ``at_most:0.05``, ``at_least:0.9`` or ``within:-0.1:0.1``.

    >>> parse_limit("at_most:0.05")
    AtMost(bound=0.05)
    """
    word, _, rest = text.partition(":")
    makers = {"at_most": (AtMost, 1), "at_least": (AtLeast, 1), "within": (Within, 2)}
    if word not in makers:
        raise UsageError(unknown("limit", word, makers) + " A limit reads at_most:0.05, at_least:0.9 or within:-0.1:0.1.")
    kind, count = makers[word]
    try:
        bounds = [float(part) for part in rest.split(":")]
        if len(bounds) != count or not all(math.isfinite(bound) for bound in bounds):
            raise ValueError
        return kind(*bounds)
    except ValueError:
        example = "within:-0.1:0.1" if count == 2 else f"{word}:0.05"
        raise UsageError(f"The limit {text!r} has no usable number in {rest!r}. Write it as {example}.") from None


_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
_WORDS = (
    (re.compile(rf"at most ({_NUMBER})"), AtMost),
    (re.compile(rf"at least ({_NUMBER})"), AtLeast),
    (re.compile(rf"within ({_NUMBER}) and ({_NUMBER})"), Within),
)


def read_limit(words: str) -> Limit:
    """Read a limit back from its own words, as they stand in a record.

    >>> read_limit("at most 0.05"), read_limit("within -0.1 and 0.1")
    (AtMost(bound=0.05), Within(low=-0.1, high=0.1))
    """
    for form, kind in _WORDS:
        found = form.fullmatch(words)
        if found:
            return kind(*map(float, found.groups()))
    raise UsageError(f"The limit {words!r} of a record cannot be read. It says at most, at least or within, and numbers.")


def check_direction(limit: Limit, higher_is_safer: bool, name: str) -> None:
    """Refuse a limit that would reward the dangerous direction, e.g. at_least for a leak rate."""
    wrong = AtMost if higher_is_safer else AtLeast
    if isinstance(limit, wrong):
        better, right = ("higher", "at_least") if higher_is_safer else ("lower", "at_most")
        raise UsageError(
            f"The limit of {name} is {limit}, but {better} values of it are safer. Write {right}: or within: instead."
        )
