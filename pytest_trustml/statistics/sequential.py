"""Stop as soon as the data can tell: Wald's sequential probability ratio test of a rate.

A test with a fixed number of samples asks a broken model as often as a good one. This one is decided after a handful of samples
where the truth is far from the border, and never asks more than it must.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

import msgspec

from pytest_trustml.statistics.samples import occurred

Answer = Literal["good", "bad", "undecided"]


class Sequential(msgspec.Struct, frozen=True, kw_only=True):
    """Where a sequential test stands: the answer, after how many samples it was reached (or how many there were), and the
    logarithm of the likelihood ratio of bad to good at that point."""

    answer: Answer
    n: int
    log_ratio: float


class Sprt(msgspec.Struct, frozen=True, kw_only=True):
    """Is a rate of something bad as low as ``good``, or as high as ``bad``? Asked after every sample, with known errors.

    Parameters
    ----------
    good, bad : float in (0, 1)
        Rates with good < bad. A true rate in between may end either way.
    alpha : float
        Chance of the answer "bad" if the rate is ``good``.
    beta : float
        Chance of the answer "good" if the rate is ``bad``. Together below 1.

    Raises
    ------
    ValueError
        If the rates are not shares in order, or the errors are none.

    Notes
    -----
    Samples must be independent and come in an order that has nothing to do with them. The errors are those of Wald's bounds:
    the true ones are at most alpha / (1 - beta) and beta / (1 - alpha), and their sum is at most alpha + beta, because a walk
    that oversteps a bound is surer than it needs to be. A rate that is estimated from a test which stops like this is biased:
    take the answer, and a `proportion` of a fixed number of samples for the rate.

    References
    ----------
    Wald 1945, Annals of Mathematical Statistics 16, 117-186: the bounds, the chance of each answer (his operating
    characteristic) and the expected number of samples.

    Examples
    --------
    >>> test = Sprt(good=0.15, bad=0.30)
    >>> [round(number, 6) for number in (test.high, test.event, test.other)]
    [2.944439, 0.693147, -0.194156]
    >>> test.of([True] * 5), test.of([False] * 15).answer
    (Sequential(answer='bad', n=5, log_ratio=3.4657359027997265), 'undecided')
    >>> [round(test.expected_n(rate)) for rate in (0.05, 0.15, 0.30, 0.966)]
    [20, 43, 37, 4]
    """

    good: float
    bad: float
    alpha: float = 0.05
    beta: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.good < self.bad < 1:
            raise ValueError(f"good is {self.good} and bad is {self.bad}. They are rates with 0 < good < bad < 1.")
        if not (self.alpha > 0 and self.beta > 0 and self.alpha + self.beta < 1):
            raise ValueError(f"alpha is {self.alpha} and beta is {self.beta}. Both are above 0, and their sum is below 1.")

    @property
    def high(self) -> float:
        """The log ratio from which the answer is "bad"."""
        return math.log1p(-self.beta) - math.log(self.alpha)

    @property
    def low(self) -> float:
        """The log ratio down from which the answer is "good"."""
        return math.log(self.beta) - math.log1p(-self.alpha)

    @property
    def event(self) -> float:
        """What a sample in which it happened adds."""
        return math.log(self.bad / self.good)

    @property
    def other(self) -> float:
        """What a sample in which it did not happen adds; below 0."""
        return math.log1p(-self.bad) - math.log1p(-self.good)

    def steps(self, events: Iterable[bool]) -> list[Sequential]:
        """Where the test stands after every sample, up to the one that decides: later samples are not looked at.

        Parameters
        ----------
        events : array of bool or 0/1, shape (n,)
            In the order in which they were seen.
        """
        found: list[Sequential] = []
        happened = 0
        for n, event in enumerate(occurred(events).tolist(), start=1):
            happened += event
            ratio = happened * self.event + (n - happened) * self.other
            found.append(Sequential(answer=self._answer(ratio), n=n, log_ratio=ratio))
            if found[-1].answer != "undecided":
                break
        return found

    def of(self, events: Iterable[bool]) -> Sequential:
        """Where the test stands after these samples. Without any it is undecided."""
        steps = self.steps(events)
        return steps[-1] if steps else Sequential(answer="undecided", n=0, log_ratio=0.0)

    def chance_of_good(self, rate: float) -> float:
        """How probable the answer "good" is at a true rate: 1 - alpha at ``good``, beta at ``bad``, falling."""
        h = self._exponent(rate)
        if h == 0.0:
            return self.high / (self.high - self.low)
        if math.isinf(h):
            return 1.0 if h > 0 else 0.0
        up, down = h * self.high, h * self.low  # (e^up - 1) / (e^up - e^down), written so that nothing overflows
        if up > 0:
            return -math.expm1(-up) / -math.expm1(down - up)
        return math.expm1(up) / (math.exp(down) * math.expm1(up - down)) if down < 700 else 0.0

    def expected_n(self, rate: float) -> float:
        """Samples until the answer, on average over many tests, at a true rate.

        It leaves out by how much the last step goes beyond a bound, so that the true average is up to a step or two higher.
        """
        chance = self.chance_of_good(rate)
        drift = rate * self.event + (1 - rate) * self.other
        if self._exponent(rate) == 0.0:
            return -self.high * self.low / (rate * self.event**2 + (1 - rate) * self.other**2)
        return (chance * self.low + (1 - chance) * self.high) / drift

    def _answer(self, ratio: float) -> Answer:
        if ratio >= self.high:
            return "bad"
        return "good" if ratio <= self.low else "undecided"

    def _exponent(self, rate: float) -> float:
        """The h other than 0 with rate e^(h event) + (1 - rate) e^(h other) = 1; 0 where the walk has no drift."""
        from scipy.optimize import brentq

        if not 0 <= rate <= 1:
            raise ValueError(f"rate is {rate}. A rate lies between 0 and 1.")
        if rate in (0.0, 1.0):
            return math.inf if rate == 0 else -math.inf
        drift = rate * self.event + (1 - rate) * self.other
        if abs(drift) < 1e-9:
            return 0.0

        def excess(h: float) -> float:
            first, second = math.log(rate) + h * self.event, math.log1p(-rate) + h * self.other
            top = max(first, second)
            return top + math.log(math.exp(first - top) + math.exp(second - top))

        near = 0.0  # convex, 0 at 0: the other root lies on the side to which the function falls
        far = 1.0 if drift < 0 else -1.0
        while excess(far) <= 0:
            near, far = far, far * 2
        if near == 0.0:
            near = far
            while excess(near) > 0:
                near /= 2
        return float(brentq(excess, min(near, far), max(near, far), xtol=1e-13, rtol=1e-13))
