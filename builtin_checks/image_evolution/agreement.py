"""What several judges say together, and what the worst of several comparisons says: with intervals that hold for it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest_trustml as tm

ONE_JUDGE = "one judge alone decides nothing, because judges of pictures disagree: name a second one"


def judge_level(level: float, judges: int) -> float:
    """The level at which each of k judges is measured, so that two of them err together no more often than one may.

    Two of k are above by mistake no more often than half of the expected number of mistakes, k alpha / 2. With one or two
    judges that needs no correction.

    >>> judge_level(0.95, 2), round(judge_level(0.95, 4), 6)
    (0.95, 0.975)
    """
    return 1 - (1 - level) * min(1.0, 2 / max(judges, 1))


def agreed(found: Mapping[str, tm.Measurement], *, name: str) -> tm.Measurement:
    """What at least two judges see, by the name of the judge.

    The value and the low end are the second largest of the judges', the high end is the largest: a limit is surely broken
    where two judges say so, surely kept where all of them do. A change that one judge alone sees decides nothing.

    Parameters
    ----------
    found : mapping of str to Measurement
        Each taken at `judge_level`; a high value is worse.

    Raises
    ------
    ValueError
        Without any judge.

    Examples
    --------
    >>> ends = {"a": (0.1, 0.05, 0.15), "b": (0.02, -0.01, 0.05)}
    >>> seen = {judge: tm.Measurement(name="rise", value=v, n=200, unit="share", higher_is_safer=False,
    ...     interval=tm.Interval(low=low, high=high, method="student-t")) for judge, (v, low, high) in ends.items()}
    >>> print(agreed(seen, name="rise"))
    rise = 0.02 (95 % interval -0.01 to 0.15, student-t, seen by two of 2 judges, n = 200)
    """
    if not found:
        raise ValueError("There is no judge whose word could be taken.")
    lacking = next((one for one in found.values() if one.value is None or one.interval is None), None)
    if lacking is not None:
        return lacking.but(name=name)
    ranked = sorted(found, key=lambda judge: found[judge].value or 0.0, reverse=True)
    second = found[ranked[min(1, len(ranked) - 1)]]
    details = second.details | {"seen_by": ", ".join(ranked[:2]), "judges": len(ranked)}
    if len(found) == 1:
        return second.but(name=name, interval=None, no_interval=ONE_JUDGE, details=details)
    ends = [one.interval for one in found.values() if one.interval is not None]
    assert second.interval is not None
    interval = tm.Interval(
        low=sorted((end.low for end in ends), reverse=True)[1],
        high=max(end.high for end in ends),
        level=min(end.level for end in ends),
        method=f"{second.interval.method}, seen by two of {len(found)} judges",
        shrinks=second.interval.shrinks,
    )
    return second.but(name=name, interval=interval, n=min(one.n for one in found.values()), details=details)


def worst(
    found: Mapping[str, tuple[tm.Measurement, tm.Measurement]], *, name: str, what: str, level: float = 0.95
) -> tm.Measurement:
    """The largest of several comparisons.

    Surely broken where one of them is, after all were allowed for; surely kept where each one is. So the low end comes from
    intervals at the level ``1 - (1 - level) / number`` (Bonferroni), and the high end from plain ones: to be above a limit
    with all of them takes no more luck than with the truly largest one.

    Parameters
    ----------
    found : mapping of str to (Measurement, Measurement)
        For each comparison the measurement at ``level``, and at the level that allows for all of them.
    what : str
        What the comparisons are, in the plural: ``categories``.

    Raises
    ------
    ValueError
        Without any comparison.

    Examples
    --------
    >>> def at(value, reach):
    ...     return tm.Measurement(name="rise", value=value, n=100, unit="share", higher_is_safer=False,
    ...         interval=tm.Interval(low=value - reach, high=value + reach, method="student-t"))
    >>> print(worst({"a": (at(0.5, 0.1), at(0.5, 0.2)), "b": (at(0.25, 0.1), at(0.25, 0.2))}, name="rise", what="topics"))
    rise = 0.5 (95 % interval 0.3 to 0.6, student-t, largest of 2 topics, n = 100)
    """
    if not found:
        raise ValueError(f"There are no {what} to take the worst of.")
    for label, (plain, strict) in found.items():
        lacking = next((one for one in (plain, strict) if one.value is None or one.interval is None), None)
        if lacking is not None and lacking.value is None:
            return lacking.but(name=name, undefined=f"{label}: {lacking.undefined}")
        if lacking is not None:
            return lacking.but(name=name, no_interval=f"{label}: {lacking.no_interval}")
    top = max(found, key=lambda label: found[label][0].value or 0.0)
    plain = found[top][0]
    assert plain.interval is not None
    interval = tm.Interval(
        low=max(strict.interval.low for _, strict in found.values() if strict.interval is not None),
        high=max(one.interval.high for one, _ in found.values() if one.interval is not None),
        level=level,
        method=f"{plain.interval.method}, largest of {len(found)} {what}",
        shrinks=plain.interval.shrinks,
    )
    fewest = min(one.n for one, _ in found.values())
    return plain.but(name=name, interval=interval, n=fewest, details=plain.details | {"largest": top, "of": len(found)})


def direction(found: tm.Measurement) -> str:
    """In which direction a change surely goes.

    >>> direction(tm.Measurement(name="rise", value=None, undefined="no samples", n=0, unit="share", higher_is_safer=False))
    'not told'
    """
    if found.interval is None:
        return "not told"
    return "up" if found.interval.low > 0 else "down" if found.interval.high < 0 else "not told apart from none"
