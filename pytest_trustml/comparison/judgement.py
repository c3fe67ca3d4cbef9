"""From a change and a margin to a word: better, no worse, worse, or the examples do not tell."""

from __future__ import annotations

import math

from pytest_trustml.comparison.change import Measured
from pytest_trustml.result.comparison import Change
from pytest_trustml.result.measurement import number
from pytest_trustml.statistics.intervals import z_value


def judge(found: Measured, *, higher_is_safer: bool, margin: float, level: float) -> tuple[Change, str]:
    """The outcome of a comparison and the reason in one sentence.

    Harm is the change in the direction that is less safe. BETTER if even the unfavourable end of its interval is below 0;
    NO_WORSE if that end is within the margin; WORSE if even the favourable end is above 0; else CANNOT_TELL.

    Examples
    --------
    >>> fall = Measured(change=-0.04, ends=(-0.065, -0.016), p_up=1.0, p_down=0.0009, method="newcombe paired", n=500)
    >>> judge(fall, higher_is_safer=True, margin=0.02, level=0.95)
    ('WORSE', 'even the favourable end of the change, -0.016, is worse than the baseline')
    >>> judge(fall, higher_is_safer=True, margin=0.07, level=0.95)[0]
    'NO_WORSE'
    >>> judge(fall, higher_is_safer=False, margin=0.0, level=0.95)[0]
    'BETTER'
    """
    if found.ends is None:
        return "CANNOT_TELL", f"there is no interval to judge by: {found.no_interval}"
    low, high = found.ends
    favourable, unfavourable = (high, low) if higher_is_safer else (low, high)
    sign = -1.0 if higher_is_safer else 1.0
    if sign * unfavourable < 0:
        return "BETTER", f"even the unfavourable end of the change, {number(unfavourable)}, is better than the baseline"
    if sign * unfavourable <= margin:
        return (
            "NO_WORSE",
            f"even the unfavourable end of the change, {number(unfavourable)}, is within the margin of {number(margin)}",
        )
    if sign * favourable > 0:
        return "WORSE", f"even the favourable end of the change, {number(favourable)}, is worse than the baseline"
    allowed = (
        f"from no change to a change beyond the margin of {number(margin)}" if margin > 0 else "to either side of no change"
    )
    return "CANNOT_TELL", f"the interval reaches {allowed}; {_more(found, sign, margin, level)}"


def _more(found: Measured, sign: float, margin: float, level: float) -> str:
    """How many examples would decide if the change stayed what it is: the width falls as n ** -shrinks."""
    harm = sign * found.change
    down, up = sorted(sign * end for end in found.ends)
    ways = []
    if harm > 0:
        p = found.p_up if sign > 0 else found.p_down
        ways.append((max(harm - down, _reach_of_test(harm, p, level)), harm))
    if harm < margin:
        ways.append((up - harm, margin - harm))
    exponents = [math.log(reach / gap) / found.shrinks for reach, gap in ways if reach > 0]
    if not exponents:
        return "the change lies on the margin itself, so no number of examples would decide"
    exponent = max(0.0, min(exponents))
    if exponent + math.log(max(found.n, 1)) > math.log(1e9):
        return "the change is too close to the margin for any practical number of examples to decide"
    needed = max(found.n + 1, math.ceil(found.n * math.exp(exponent)))
    return f"about n = {needed} examples would decide if the change stays what it is"


def _reach_of_test(harm: float, p: float | None, level: float) -> float:
    """How far below the change the interval of the test itself would reach, if it were a normal one."""
    from scipy.special import ndtri

    if p is None or not 0 < p < 0.5:
        return 0.0
    return harm * z_value(level) / -float(ndtri(p))
