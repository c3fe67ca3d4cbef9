"""How common something is, seen through a detector that makes mistakes."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable

from pytest_trustml.result.measurement import Interval, Measurement
from pytest_trustml.statistics.clusters import effective_size, read_clusters
from pytest_trustml.statistics.intervals import check_level, newcombe_ends, z_value
from pytest_trustml.statistics.samples import occurred


def rogan_gladen(
    flagged: Iterable[bool],
    positives: Iterable[bool],
    negatives: Iterable[bool],
    *,
    name: str,
    higher_is_safer: bool,
    unit: str = "share",
    cluster: Iterable[Hashable] | None = None,
    level: float = 0.95,
) -> Measurement:
    """The share of cases in a population, from the share that a detector flags, freed of the detector's mistakes.

    The corrected share is (a + Sp - 1) / (Se + Sp - 1), with the flagged share a, the sensitivity Se and the specificity Sp.
    The interval carries the errors of all three. It assumes that the detector errs as often on the population as on the
    samples that it was tested on.

    Parameters
    ----------
    flagged : array of bool or 0/1, shape (n,)
        What the detector says about samples of the population.
    positives, negatives : arrays of bool or 0/1
        What it says about known cases and known non-cases: they give Se and Sp.
    cluster : array of labels, shape (n,), optional
        Samples of the population that depend on each other.
    name, unit, higher_is_safer, level
        As in `proportion`.

    Returns
    -------
    Measurement
        The value is cut to [0, 1]; ``details`` has it ``raw``, and says so if it was cut. Undefined if the detector is no
        better than a coin (Se + Sp <= 1). The whole range [0, 1] if it cannot be told from a coin. INVALID if even the
        interval lies outside of [0, 1]: then Se or Sp do not hold for this population.

    References
    ----------
    Rogan and Gladen 1978, American Journal of Epidemiology 107. Lang and Reiczigel 2014, Preventive Veterinary Medicine 113.

    Examples
    --------
    >>> se, sp = [1] * 190 + [0] * 10, [1] * 10 + [0] * 490
    >>> print(rogan_gladen([1] * 60 + [0] * 940, se, sp, name="machine_share", higher_is_safer=False))
    machine_share = 0.04301 (95 % interval 0.02191 to 0.06375, lang-reiczigel, n = 1000)
    """
    check_level(level)
    seen, cases, others = occurred(flagged, "flagged"), occurred(positives, "positives"), occurred(negatives, "negatives")
    n = len(seen)
    about = {"name": name, "unit": unit, "higher_is_safer": higher_is_safer, "n": n}
    groups = None if cluster is None else read_clusters(cluster, n)
    if groups is not None:
        about["clusters"] = groups.count
    for what, array in (("no samples", seen), ("no known positives", cases), ("no known negatives", others)):
        if not len(array):
            return Measurement(value=None, undefined=what, **about)
    apparent, sensitivity, alarms = float(seen.mean()), float(cases.mean()), float(others.mean())
    strength = sensitivity - alarms
    about["details"] = details = {"flagged_share": apparent, "sensitivity": sensitivity, "specificity": 1 - alarms}
    if strength <= 0:
        return Measurement(value=None, undefined="the detector flags known negatives as often as known positives", **about)
    raw = (apparent - alarms) / strength
    value = min(1.0, max(0.0, raw))
    details["raw"] = raw
    if raw != value:
        details["cut"] = f"{raw:.4g} is no share and was cut to {value:g}"
    if groups is not None and groups.count < 2:
        return Measurement(value=value, no_interval="all samples come from one cluster", **about)
    hits, false_alarms = (int(cases.sum()), len(cases)), (int(others.sum()), len(others))
    if newcombe_ends(hits, false_alarms, level)[0] <= 0:
        details["width"] = "the detector cannot be told from a coin, so any share is possible"
        interval = Interval(low=0.0, high=1.0, level=level, method="unbounded")
        return Measurement(value=value, interval=interval, **about)
    size = n if groups is None else effective_size(seen, groups, level)
    low, high = _ends(apparent * size, size, hits, false_alarms, level)
    if high < 0 or low > 1:
        few = "fewer" if high < 0 else "more"
        about["invalid"] = f"{few} samples are flagged than any share of cases explains: the detector errs differently here"
    interval = Interval(low=min(value, max(0.0, low)), high=max(value, min(1.0, high)), level=level, method="lang-reiczigel")
    return Measurement(value=value, interval=interval, **about)


def _ends(flagged: float, n: float, hits: tuple[int, int], false_alarms: tuple[int, int], level: float) -> tuple[float, float]:
    """Lang and Reiczigel's interval, not yet cut to [0, 1]."""
    z = z_value(level)
    size = n + z * z
    apparent = (flagged + z * z / 2) / size
    sensitivity = (hits[0] + 1) / (hits[1] + 2)
    specificity = 1 - (false_alarms[0] + 1) / (false_alarms[1] + 2)
    strength = sensitivity + specificity - 1
    share = (apparent + specificity - 1) / strength
    spread_of_hits = sensitivity * (1 - sensitivity) / (hits[1] + 2)
    spread_of_alarms = specificity * (1 - specificity) / (false_alarms[1] + 2)
    variance = apparent * (1 - apparent) / size + share**2 * spread_of_hits + (1 - share) ** 2 * spread_of_alarms
    centre = share + 2 * z * z * (share * spread_of_hits - (1 - share) * spread_of_alarms)
    reach = z * math.sqrt(variance) / strength
    return centre - reach, centre + reach
