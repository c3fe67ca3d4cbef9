"""How far two raters, or two models, give the same answers, and how much of that is more than chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable

from pytest_trustml.result.measurement import Interval, Measurement
from pytest_trustml.statistics.intervals import check_level, clopper_pearson_ends


def cohen_kappa(
    first: Iterable[Hashable],
    second: Iterable[Hashable],
    *,
    name: str,
    higher_is_safer: bool,
    unit: str = "kappa",
    level: float = 0.95,
) -> Measurement:
    """Agreement beyond chance: 1 if all answers are the same, 0 if no more of them are than by chance.

    Two detectors that flag one text in a hundred agree on 98 of 100 without having anything in common. Cohen's kappa takes
    away what two raters with these shares of answers would agree on by chance.

    Parameters
    ----------
    first, second : arrays of labels, shape (n,)
        The answers of both to the same samples. Changing the two over changes nothing.
    name, unit, higher_is_safer, level
        As in `proportion`.

    Returns
    -------
    Measurement
        In [-1, 1]. Undefined without samples, and where both always give one and the same answer: then all agreement may be
        chance. ``details``: ``agreement``, and ``by_chance``, the share of agreement expected by chance.

    Notes
    -----
    The interval is the exact one of the agreement, with the shares of answers taken as they are. It is somewhat too wide rather
    than too narrow for raters who answer alike, and never shrinks to a point where all answers are the same.

    References
    ----------
    Cohen 1960, Educational and Psychological Measurement 20, 37-46: kappa, and its spread with chance taken as fixed.

    Examples
    --------
    >>> victim, copy = [1, 1, 0, 1, 0, 0, 1, 0], [1, 0, 0, 1, 0, 1, 1, 0]
    >>> print(cohen_kappa(victim, copy, name="kappa", higher_is_safer=False))
    kappa = 0.5 (95 % interval -0.3017 to 0.9363, clopper-pearson of the agreement, n = 8)
    >>> print(cohen_kappa([0, 0], [0, 0], name="kappa", higher_is_safer=False))
    kappa is undefined: both always give the same one answer, so all agreement may be chance (n = 2)
    """
    check_level(level)
    left, right = list(first), list(second)
    if len(left) != len(right):
        raise ValueError(f"first and second belong together one by one, but there are {len(left)} and {len(right)} of them.")
    n = len(left)
    about = {"name": name, "unit": unit, "higher_is_safer": higher_is_safer, "n": n}
    if not n:
        return Measurement(value=None, undefined="no samples", **about)
    shares, others = Counter(left), Counter(right)
    same = sum(a == b for a, b in zip(left, right, strict=True))
    chance = sum(count * others[label] for label, count in shares.items()) / n**2
    if len(shares) == len(others) == 1 and same:
        undefined = "both always give the same one answer, so all agreement may be chance"
        return Measurement(value=None, undefined=undefined, **about)
    low, high = clopper_pearson_ends(same, n, level)

    def beyond(agreement: float) -> float:
        return max(-1.0, (agreement - chance) / (1 - chance))

    alike = same in (0, n)
    return Measurement(
        value=beyond(same / n),
        interval=Interval(
            low=beyond(low), high=beyond(high), level=level, method="clopper-pearson of the agreement",
            shrinks=1.0 if alike else 0.5,
        ),
        details={"agreement": same / n, "by_chance": chance},
        **about,
    )  # fmt: skip
