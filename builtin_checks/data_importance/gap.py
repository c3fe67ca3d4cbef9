"""From the tries of an attack to measurements: the ratio and the difference between top and bottom, and what goes with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import pytest_trustml as tm
from builtin_checks.data_importance.scene import Exposure, Scene
from builtin_checks.data_importance.strata import Counts, Ratio, correlation_p, dealt_p, rank_correlation, rate_ratio, strength

FEWEST_RANKED = 10


def gap_measurement(trust: tm.Trust, exposure: Exposure) -> tm.Measurement:
    """The headline: how many times as often the attack succeeds on the top stratum.

    Over several rounds the value is that of the mean rates, and the interval reaches over the intervals of all rounds, so that
    the luck of one training does not pass for certainty. It may lie above 1 as a whole only where the exact test says so too,
    and where difficulty cannot explain it: no further than the ratio with thresholds of equally important non-members or,
    without enough of those, where it lies above what easy records could give.
    """
    rounds = [[Counts(int(events.sum()), len(events)) for events in each] for each in exposure.rounds]
    found = [rate_ratio(top, bottom, exposure.chance, trust.level, corrected=exposure.corrected) for top, bottom in rounds]
    rates = [float(np.mean([each[which].rate for each in rounds])) for which in (0, 1)]
    worth = [strength(rate, exposure.chance, exposure.corrected) for rate in rates]
    value = worth[0] / worth[1]
    p = max(_exact_p(trust, exposure, number) for number in range(len(rounds)))
    low, high = min([value, *(each.low for each in found)]), max([value, *(each.high for each in found)])
    if p >= 1 - trust.level:
        low = min(low, 1.0)
    if isinstance(exposure.matched, Ratio):
        low = min(low, exposure.matched.low)
    elif low <= exposure.by_difficulty:
        low = min(low, 1.0)
    return tm.Measurement(
        name="exposure_gap",
        value=value,
        n=min(len(events) for each in exposure.rounds for events in each),
        unit="ratio",
        higher_is_safer=False,
        interval=tm.Interval(
            low=low, high=max(high, low), level=trust.level, method="clopper-pearson, both rates" + _over(len(rounds))
        ),
        details={
            "top": rates[0],
            "bottom": rates[1],
            "chance": exposure.chance,
            "corrected_for_chance": exposure.corrected,
            "permutation_p": p,
            "success": exposure.success,
            "rounds": len(rounds),
            **_matched_details(exposure.matched),
            **exposure.details,
        },
    )


def _exact_p(trust: tm.Trust, exposure: Exposure, number: int) -> float:
    """One-sided: records dealt to the strata at random, or (the same records tried twice) McNemar's test."""
    top, bottom = exposure.rounds[number]
    if not exposure.paired:
        return dealt_p(Counts(int(top.sum()), len(top)), Counts(int(bottom.sum()), len(bottom)))
    found = trust.paired_rate_difference(top, bottom, name="difference", higher_is_safer=False)
    return float(found.details["p_mcnemar_one_sided"])


def _matched_details(matched: Ratio | str) -> dict[str, float | str]:
    if isinstance(matched, str):
        return {"matched_gap": f"undefined: {matched}"}
    return {"matched_gap": matched.value, "matched_low": matched.low, "matched_high": matched.high}


def difference_measurement(trust: tm.Trust, exposure: Exposure) -> tm.Measurement:
    """Share of successes in the top stratum minus that in the bottom one; over several rounds as in `gap_measurement`."""
    about: dict[str, Any] = {"name": "exposure_difference", "higher_is_safer": False}
    if not exposure.paired:
        return _over_rounds([trust.rate_difference(top, bottom, **about) for top, bottom in exposure.rounds])
    of = exposure.tried[0] if len(exposure.rounds) == 1 else None
    found = [trust.paired_rate_difference(top, bottom, of=of, **about) for top, bottom in exposure.rounds]
    return _over_rounds(found)


def success_measurements(trust: tm.Trust, exposure: Exposure) -> list[tm.Measurement]:
    """The two rates by themselves, each with its records, so that the next release is compared on the same ones."""
    result = []
    for which, name in enumerate(("top_success", "bottom_success")):
        events = np.mean([each[which] for each in exposure.rounds], axis=0)
        if len(exposure.rounds) == 1:
            result.append(trust.proportion(events, name=name, higher_is_safer=False, of=exposure.tried[which]))
        else:
            result.append(
                trust.mean(events, name=name, unit="share", higher_is_safer=False, bounds=(0, 1), of=exposure.tried[which])
            )
    return result


def correlation_measurement(trust: tm.Trust, scene: Scene, exposure: Exposure | str) -> tm.Measurement:
    """Spearman's correlation of importance and attack score over all members (bootstrap interval, permutation p)."""
    about = {"name": "value_score_correlation", "unit": "correlation", "higher_is_safer": False}
    scores = None if isinstance(exposure, str) else exposure.scores
    values = scene.valued.values
    if scores is None:
        why = exposure if isinstance(exposure, str) else "this attack gives no score to single records"
        return tm.Measurement(value=None, undefined=why, n=len(values), **about)
    if np.ptp(values) == 0 or np.ptp(scores) == 0 or len(values) < FEWEST_RANKED:
        why = f"values or scores do not vary, or fewer than {FEWEST_RANKED} members"
        return tm.Measurement(value=None, undefined=why, n=len(values), **about)
    rng = trust.rng
    found = trust.bootstrap(_correlation, values, scores, rng=rng, paired=True, method="percentile", resamples=400, **about)
    return found.but(details={**found.details, "permutation_p": correlation_p(values, scores, rng, permutations=999)})


def _correlation(values: np.ndarray, scores: np.ndarray) -> float:
    if np.ptp(values) == 0 or np.ptp(scores) == 0:
        return float("nan")  # the bootstrap then gives no interval
    return rank_correlation(values, scores)


def accuracy_measurements(trust: tm.Trust, scene: Scene, logits: np.ndarray) -> list[tm.Measurement]:
    """How often the model is right on either stratum: how difficult the records are, which explains part of a gap."""
    valued, result = scene.valued, []
    for top, name in ((True, "top_accuracy"), (False, "bottom_accuracy")):
        rows = scene.rows(top)
        right = logits[rows].argmax(axis=1) == valued.member_labels[rows]
        result.append(trust.proportion(right, name=name, higher_is_safer=True, of=valued.members.take(rows)))
    return result


def undefined_gap(why: str, n: int) -> list[tm.Measurement]:
    """No headline: the reason stands in its place."""
    return [
        tm.Measurement(name=name, value=None, undefined=why, n=n, unit=unit, higher_is_safer=False)
        for name, unit in (("exposure_gap", "ratio"), ("exposure_difference", "difference of shares"))
    ]


def _over_rounds(found: Sequence[tm.Measurement]) -> tm.Measurement:
    first = found[0]
    if len(found) == 1 or any(each.interval is None for each in found):
        return first
    value = float(np.mean([each.value for each in found]))
    pick: Callable[[str], list[float]] = lambda end: [getattr(each.interval, end) for each in found]  # noqa: E731
    interval = tm.Interval(
        low=min(pick("low")), high=max(pick("high")), level=first.interval.level,
        method=first.interval.method + _over(len(found)),
    )  # fmt: skip
    return first.but(value=value, interval=interval, details={"rounds": len(found)})


def _over(rounds: int) -> str:
    return "" if rounds == 1 else f", over {rounds} rounds"
