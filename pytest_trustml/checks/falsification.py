"""Can it happen at all? A search for one input on which a property does not hold, and for the smallest such input.

This is not sampling. Inputs are tried because they are likely to break something, so no rate over them means anything: the
result is a counterexample, or "not falsified in N tries".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from pytest_trustml.checks.answers import Answers, Ask
from pytest_trustml.checks.profile import run
from pytest_trustml.errors import TrustFailure, UsageError
from pytest_trustml.result.evidence import Evidence
from pytest_trustml.result.measurement import Interval, Measurement
from pytest_trustml.result.plain import line
from pytest_trustml.result.verdict import AtMost, Outcome, Verdict, decide

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from pytest_trustml.checks.trust import Trust

CERTAIN = 1 - 1e-9
"""The level of the interval of a count: what a search found, it found. Nothing is estimated."""
FEWEST = 20
"""With fewer inputs that meet the precondition a search that had to leave others out says nothing."""


class Falsification(msgspec.Struct, frozen=True, kw_only=True):
    """What a search found.

    Parameters
    ----------
    name : str
    falsified : bool
        Whether there is a counterexample.
    tries : int
        Different inputs on which the property was judged, up to the first counterexample.
    unmet : int
        Different inputs that did not meet the precondition and were left out.
    calls : int
        How often the property was called, each time with many inputs.
    counterexample : object or None
        The smallest input found on which the property does not hold; a fresh call has confirmed it.
    broken : str
        Why the search cannot be trusted, or nothing.
    scarce : str
        Why it says too little, or nothing.
    evidence : tuple of Evidence
        Where the counterexample is shown.
    """

    name: str
    falsified: bool
    tries: int
    unmet: int = 0
    calls: int = 0
    counterexample: Any = None
    broken: str = ""
    scarce: str = ""
    evidence: tuple[Evidence, ...] = ()

    @property
    def words(self) -> str:
        """The result in one sentence, without quoting the counterexample unless it can say what it is without that."""
        if self.broken or self.scarce:
            return self.broken or self.scarce
        if not self.falsified:
            return f"not falsified in {self.tries} tries (a search: no rate can be inferred)"
        told = f": {line(str(self.counterexample), 300)}" if hasattr(self.counterexample, "masked") else ""
        return f"falsified at try {self.tries}{told}"

    def measurement(self) -> Measurement:
        """How many counterexamples the search found, 0 or 1, to be judged by at most 0.

        The count is exact, so both ends of its interval are the count itself. Its method says that it is no rate. One
        counterexample is enough, however early it came: a check that returns this measurement keeps ``min_n`` at 1.
        """
        found = Measurement(
            name=self.name,
            value=float(self.falsified),
            interval=Interval(
                low=float(self.falsified),
                high=float(self.falsified),
                level=CERTAIN,
                method="count of a search, not a rate",
            ),
            n=max(1, self.tries),
            unit="counterexamples found",
            higher_is_safer=False,
            details={"tries": self.tries, "precondition_not_met": self.unmet, "calls": self.calls, "result": self.words},
            evidence=self.evidence,
        )
        if self.broken or self.scarce:
            bare = found.but(value=None, interval=None, undefined=self.broken or self.scarce, n=self.tries)
            return bare.but(invalid=self.broken) if self.broken else bare
        return found


def falsify(
    strategy: SearchStrategy[Any],
    property: Ask,
    *,
    name: str,
    seed: int,
    given: Ask | None = None,
    known_false: Sequence[Any] = (),
    max_examples: int = 200,
    batch_size: int = 256,
    max_shrinks: int = 1000,
    step: Callable[[int], None] | None = None,
) -> Falsification:
    """Search for an input on which a property does not hold, and shrink it to the smallest one.

    All inputs are drawn first and judged in full batches, so that a model is called with many of them at once. Values that know
    simpler ones (a method ``simpler()``, as those of `pytest_trustml.strategies` have) are shrunk in batches as well, in a few
    calls. For others hypothesis goes through the same inputs again, knowing the answers, and shrinks one by one.

    Parameters
    ----------
    strategy : hypothesis strategy
        What may be tried, e.g. `pytest_trustml.strategies.text_edits`. Values are handed to the property as they are.
    property : callable
        Takes a list of values and returns one True (it holds) or False per value. The same value must get the same answer.
    name : str
        A measurement's name.
    seed : int
        The same seed gives the same search and the same counterexample.
    given : callable, optional
        The precondition, like ``property``: values for which it is False are left out. If it holds for none, the property was
        never tried and the result is broken, never a pass.
    known_false : sequence, optional
        Values for which the property does not hold, for certain. If it holds for one of them, it would hold for anything.
    max_examples : int
        Inputs to try.
    batch_size : int
        Inputs per call of the property at most.
    max_shrinks : int
        Further inputs to judge while shrinking, at most; where that is reached the counterexample may be larger than need be.
    step : callable, optional
        Told how many more inputs were judged.

    Returns
    -------
    Falsification

    Raises
    ------
    UsageError
        If the property does not answer with one True or False per value, or a number is no count.

    Examples
    --------
    >>> from hypothesis import strategies as st
    >>> short = falsify(st.lists(st.integers(0, 9)), lambda lists: [len(found) < 3 for found in lists], name="long", seed=0)
    >>> short.falsified, short.counterexample
    (True, [0, 0, 0])
    >>> falsify(st.booleans(), lambda values: [True for value in values], name="never", seed=0).words
    'not falsified in 2 tries (a search: no rate can be inferred)'
    """
    for what, number in (("max_examples", max_examples), ("batch_size", batch_size), ("max_shrinks", max_shrinks)):
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise UsageError(f"{what} is {number!r}. It is a whole number of at least 1.")
    answers = Answers(property, given, batch_size)
    if any(answers.fresh(list(known_false))):
        broken = "the property holds even for an input of which it is known that it does not: it can tell nothing apart"
        return Falsification(name=name, falsified=False, tries=0, calls=answers.calls, broken=broken)
    first = answers.first_failure(_draw(strategy, seed, max_examples), step)
    tries, unmet = answers.judged, answers.unmet
    if first is None:
        return Falsification(
            name=name, falsified=False, tries=tries, unmet=unmet, calls=answers.calls, **_silence(tries, unmet)
        )
    smallest = _shrink(strategy, answers, first.value, seed, max_examples, max_shrinks)
    broken = ""
    if answers.fresh([smallest]) != [False]:
        broken = "the property held when the counterexample was judged once more: the model's answers change between calls"
    return Falsification(
        name=name, falsified=not broken, tries=tries, unmet=unmet, calls=answers.calls, counterexample=smallest, broken=broken
    )


def _silence(tries: int, unmet: int) -> dict[str, str]:
    """Why a search without a counterexample says nothing, if so."""
    if not tries and unmet:
        return {"broken": f"none of the {unmet} inputs met the precondition, so the property was never tried"}
    if not tries:
        return {"broken": "the strategy drew no input at all, so the property was never tried"}
    if unmet and tries < FEWEST:
        return {"scarce": f"only {tries} of {tries + unmet} inputs met the precondition, fewer than {FEWEST}"}
    return {}


def _draw(strategy: SearchStrategy[Any], seed: int, max_examples: int) -> list[Any]:
    """What hypothesis would try, without trying it."""
    from hypothesis import Phase
    from hypothesis.errors import Unsatisfiable

    values: list[Any] = []
    try:
        run(strategy, values.append, seed, max_examples, (Phase.generate,))
    except Unsatisfiable:
        return []
    return values


class _Falsified(Exception):
    """Tells hypothesis that an input is a counterexample."""


def _shrink(strategy: SearchStrategy[Any], answers: Answers, first: Any, seed: int, max_examples: int, most: int) -> Any:
    """The smallest counterexample that is found by judging no more than ``most`` inputs that were not judged before."""
    if hasattr(first, "simpler"):
        return answers.smaller(first, most)
    from hypothesis import Phase
    from hypothesis.errors import Flaky

    smallest, problems, last = first, [], answers.asked + most

    def judge(value: Any) -> None:
        nonlocal smallest
        if problems or (answers.asked >= last and not answers.knows(value)):
            return
        try:
            holds = answers.of(value)
        except Exception as problem:  # the property's own: hypothesis would take it for a counterexample
            problems.append(problem)
            return
        if not holds:
            smallest = value
            raise _Falsified

    try:
        run(strategy, judge, seed, max_examples, (Phase.generate, Phase.shrink))
    except (_Falsified, Flaky):
        pass
    if problems:
        raise problems[0]
    return smallest


def search(
    trust: Trust, strategy: SearchStrategy[Any], property: Ask, *, name: str, reveal: bool = False, **how: Any
) -> Falsification:
    """`falsify` with the seed of the run, its progress, and the counterexample kept beside the report: `Trust.falsify`."""
    from pytest_trustml.work.randomness import generator

    seed = int(generator(trust.seed, trust.name, name, "falsification").integers(2**63))
    with trust.progress(f"falsifying {name}", how.get("max_examples", 200)) as step:
        found = falsify(strategy, property, name=name, seed=seed, step=step, **how)
    if not found.falsified:
        return found
    shown = trust.text(_told(found.counterexample, reveal), caption=f"the smallest counterexample of {name}", sensitive=True)
    return msgspec.structs.replace(found, evidence=(shown,))


def _told(value: Any, reveal: bool) -> str:
    """The counterexample in words: in full on request, else only what a value can tell of itself without quoting itself."""
    tell = getattr(value, "revealed" if reveal else "masked", None)
    if tell is not None:
        return tell()
    return repr(value) if reveal else f"a {type(value).__name__}; search with reveal=True to see it here"


def holds(trust: Trust, strategy: SearchStrategy[Any], property: Ask, *, name: str, **how: Any) -> Falsification:
    """Search, keep the verdict, and raise `TrustFailure` unless nothing was found: `Trust.holds`."""
    __tracebackhide__ = True
    found = search(trust, strategy, property, name=name, **how)
    measurement, limit = trust.trusted(found.measurement()), AtMost(0.0)
    outcome = decide(measurement, limit).outcome
    verdict = Verdict(outcome=outcome, measurement=measurement, limit=limit, why=measurement.invalid or found.words)
    trust.verdicts.append(verdict)
    if outcome is not Outcome.PASS:
        raise TrustFailure(f"{outcome.value}: {name}: {verdict.why}", verdict)
    return found
