"""How often something happens, and by how much two rates differ."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from pytest_trustml.result.measurement import Interval, Measurement
from pytest_trustml.statistics.clusters import effective_size, read_clusters
from pytest_trustml.statistics.intervals import check_level, clopper_pearson_ends, newcombe_ends, wilson_ends
from pytest_trustml.statistics.samples import occurred, one_of

_ENDS = {"clopper-pearson": clopper_pearson_ends, "wilson": wilson_ends}


def proportion(
    events: Iterable[bool],
    *,
    name: str,
    higher_is_safer: bool,
    unit: str = "share",
    cluster: Iterable[Hashable] | None = None,
    level: float = 0.95,
    method: str = "clopper-pearson",
) -> Measurement:
    """The share of samples in which something happened, with an exact interval.

    Parameters
    ----------
    events : array of bool or 0/1, shape (n,)
        Whether it happened, one entry per sample.
    name, unit, higher_is_safer
        As in `Measurement`.
    cluster : array of labels, shape (n,), optional
        Samples with the same label depend on each other. The interval is then that of the effective number of independent
        samples (`details` has it), and never claims more than the same number of clusters without any event, or without
        any exception, could: what none of G clusters shows may still be in `unseen` of G clusters.
    level : float in (0, 1)
        Two-sided.
    method : {"clopper-pearson", "wilson"}
        The exact interval is for gates. Wilson's is narrower, covers a little too seldom at some rates, and is for display.

    Returns
    -------
    Measurement
        Without any sample undefined; with a single cluster without interval.

    References
    ----------
    Korn and Graubard 1998, Survey Methodology 24, 193-201 (clusters).

    Examples
    --------
    >>> print(proportion([True] * 3 + [False] * 134, name="harmful_rate", higher_is_safer=False))
    harmful_rate = 0.0219 (95 % interval 0.004539 to 0.06266, clopper-pearson, n = 137)
    >>> answers, prompt = [1, 1, 0, 0] * 10, [number // 4 for number in range(40)]
    >>> print(proportion(answers, name="harmful_rate", higher_is_safer=False, cluster=prompt))
    harmful_rate = 0.5 (95 % interval 0.338 to 0.662, clopper-pearson (clustered), n = 40 in 10 clusters)
    """
    one_of(method, _ENDS, "method")
    check_level(level)
    happened = occurred(events)
    n, count = len(happened), int(happened.sum())
    about = {"name": name, "unit": unit, "higher_is_safer": higher_is_safer, "n": n}
    groups = None if cluster is None else read_clusters(cluster, n)
    if groups is not None:
        about["clusters"] = groups.count
    if n == 0:
        return Measurement(value=None, undefined="no samples", **about)
    rate, ends = count / n, _ENDS[method]
    alike = count in (0, n)
    if groups is None:
        low, high = ends(count, n, level)
        interval = Interval(low=low, high=high, level=level, method=method, shrinks=1.0 if alike else 0.5)
        return Measurement(value=rate, interval=interval, details={"events": count}, **about)
    if groups.count < 2:
        return Measurement(value=rate, no_interval="all samples come from one cluster", details={"events": count}, **about)
    effective = effective_size(happened, groups, level)
    low, high = ends(rate * effective, effective, level)
    lowest, highest = ends(groups.count, groups.count, level)[0], ends(0, groups.count, level)[1]
    interval = Interval(
        low=min(low, lowest),
        high=max(high, highest),
        level=level,
        method=f"{method} (clustered)",
        shrinks=1.0 if alike or high < highest or low > lowest else 0.5,
    )
    details = {"events": count, "n_effective": effective, "design_effect": n / effective}
    return Measurement(value=rate, interval=interval, details=details, **about)


def rate_difference(
    events: Iterable[bool],
    reference: Iterable[bool],
    *,
    name: str,
    higher_is_safer: bool,
    unit: str = "difference of shares",
    level: float = 0.95,
) -> Measurement:
    """By how much one rate exceeds another, measured on different samples (Newcombe's hybrid score interval).

    For two models asked the same questions use `paired_rate_difference`, which is sharper.

    Parameters
    ----------
    events, reference : arrays of bool or 0/1, shapes (n,) and (m,)
        The value is the rate of ``events`` minus the rate of ``reference``, in [-1, 1].
    name, unit, higher_is_safer, level
        As in `proportion`.

    Examples
    --------
    >>> members, others = [1] * 30 + [0] * 20, [1] * 25 + [0] * 25
    >>> print(rate_difference(members, others, name="advantage", higher_is_safer=False))
    advantage = 0.1 (95 % interval -0.09218 to 0.2822, newcombe, n = 100)
    """
    check_level(level)
    first, second = occurred(events), occurred(reference, "reference")
    about = {"name": name, "unit": unit, "higher_is_safer": higher_is_safer, "n": len(first) + len(second)}
    if not len(first) or not len(second):
        which = "no samples" if not len(first) and not len(second) else "one of the two groups has no samples"
        return Measurement(value=None, undefined=which, **about)
    counts = (int(first.sum()), len(first)), (int(second.sum()), len(second))
    low, high = newcombe_ends(*counts, level)
    alike = all(count in (0, n) for count, n in counts)
    return Measurement(
        value=float(first.mean() - second.mean()),
        interval=Interval(low=low, high=high, level=level, method="newcombe", shrinks=1.0 if alike else 0.5),
        details={"rate": float(first.mean()), "reference_rate": float(second.mean()), "n_reference": len(second)},
        **about,
    )
