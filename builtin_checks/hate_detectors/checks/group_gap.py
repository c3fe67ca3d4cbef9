"""Does the detector serve every group alike, or does it overlook the hate that some of them get?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import pytest_trustml as tm
from builtin_checks.hate_detectors import controls
from builtin_checks.hate_detectors.checks.quality import REFERENCE
from builtin_checks.hate_detectors.detector import Judged, judge
from builtin_checks.hate_detectors.extremes import widest_gap
from builtin_checks.hate_detectors.roles import GROUPED, word

if TYPE_CHECKING:
    from pytest_trustml import Dataset, Measurement, Subject, Trust

FEWEST = 50


@tm.check(
    id="hate_detectors.group_gap",
    version=1,
    needs=[tm.Classifier],
    data={"texts": GROUPED},
    limit={"recall_gap": tm.AtMost(0.10), "fpr_gap": tm.AtMost(0.10), "informedness": tm.AtLeast(0.30)},
    min_n=2 * FEWEST,
    cost="seconds",
    reference=REFERENCE,
)
def group_gap(
    trust: Trust,
    model: Subject,
    texts: Dataset,
    *,
    group: str = "group",
    fewest: int = FEWEST,
    threshold: float = 0.5,
    hate_label: str = "",
    head: str = "auto",
    hateful_labels: str = "",
) -> list[Measurement]:
    """How unequal the detector is: the gap between the groups of people that it protects best and worst.

    What is compared
        ``recall_gap``: the highest recall of any group minus the lowest one. ``fpr_gap``: the same for the share of harmless
        texts about a group that are flagged. Only groups with enough hateful and enough other texts take part; the others
        stand in the table as insufficient.
    What a high value means
        Hate against one group is let through that would be stopped against another, or people are silenced for naming their
        own group. The table names the worst group by the unfavourable end of its interval, not by its value: with many groups
        the most extreme value is mostly noise.
    How sure it is
        Newcombe's interval for every pair of groups. The gap passes if no pair may be further apart than the limit; it fails
        if some pair surely is, corrected for the number of pairs. The table has the p-value of each group against all others,
        corrected by Holm's method. Texts count as independent: templates that differ in the group alone do not.
    What it does not show
        Gaps inside of a group, and groups without texts.
    Smallest sensible n
        50 hateful and 50 other texts per group to take part, about 200 of each to show a gap of at most 0.1 where there is
        none and recall is 0.9.
    Controls
        INVALID as in `hate_detectors.quality`. ``informedness`` is judged as well: a detector that guesses treats all alike.

    Parameters
    ----------
    group : str
        Column that names the group. Rows without a value belong to none.
    fewest : int
        Hateful and other texts that a group needs to take part.
    threshold, hate_label, head, hateful_labels
        As in `hate_detectors.quality`.

    References
    ----------
    Newcombe 1998, Statistics in Medicine 17, 873-890. Shen et al., HateBench, USENIX Security 2025.
    """
    if fewest < 1:
        raise tm.UsageError(f"The option fewest is {fewest}. A group needs at least one text of each kind, better {FEWEST}.")
    judged = judge(trust, model, texts, threshold=threshold, hate_label=hate_label, head=head, hateful_labels=hateful_labels)
    controls.detector_works(trust, judged)
    names = np.array([word(cell) for cell in texts.column(group)])
    rates: dict[str, dict[str, np.ndarray]] = {"recall": {}, "fpr": {}}
    few = []
    for name in sorted(set(names) - {""}):
        here = names == name
        hateful, other = judged.flagged[here & judged.hateful], judged.flagged[here & ~judged.hateful]
        if min(len(hateful), len(other)) < fewest:
            few.append(name)
            continue
        rates["recall"][name], rates["fpr"][name] = hateful, other
    lacking = f"{len(rates['recall'])} groups have at least {fewest} hateful and {fewest} other texts, and a gap needs two" + (
        f"; insufficient: {len(few)}" if few else ""
    )
    _show(trust, judged, names, rates, few)
    found = [widest_gap(trust, f"{kind}_gap", own, lacking) for kind, own in rates.items()]
    found[0] = found[0].but(details=found[0].details | {"insufficient_groups": len(few)})
    return [*found, controls.informedness(trust, judged)]


def _show(trust: Trust, judged: Judged, names: np.ndarray, rates: dict[str, dict[str, np.ndarray]], few: list[str]) -> None:
    rows, worst = [], {}
    for kind, safer in (("recall", True), ("fpr", False)):
        own = rates[kind]
        adjusted = dict(zip(own, trust.holm([_against_others(own, name) for name in own]), strict=True))
        unfavourable = {}
        for name, happened in own.items():
            m = trust.proportion(happened, name=kind, higher_is_safer=safer, method="wilson")
            unfavourable[name] = m.interval.low if safer else -m.interval.high
            rows.append([name, kind, m.n, m.value, m.interval.low, m.interval.high, float(adjusted[name]), ""])
        if own:
            worst[kind] = min(unfavourable, key=unfavourable.__getitem__)
    for row in rows:
        row[-1] = "worst" if worst[row[1]] == row[0] else ""
    for name in few:
        here = names == name
        rows.append([name, "insufficient", int(here.sum()), *["undefined"] * 4, ""])
    columns = ["group", "rate", "n", "value", "low", "high", "p against all others (Holm)", "worst by its end"]
    trust.table(columns, rows, caption="Groups, with Wilson intervals", sensitive=True)
    if rates["recall"]:
        own = list(rates["recall"])
        grid = [[float(rates[kind][name].mean()) for kind in ("recall", "fpr")] for name in own]
        trust.heatmap(grid, own, ["recall", "false positive rate"], "share", caption="Rates of every group", sensitive=True)


def _against_others(rates: dict[str, np.ndarray], name: str) -> float:
    """Fisher's exact test of one group against all others together, two-sided."""
    from scipy.stats import fisher_exact

    own = rates[name]
    others = np.concatenate([np.empty(0, dtype=bool), *(rate for other, rate in rates.items() if other != name)])
    table = [[int(own.sum()), int((~own).sum())], [int(others.sum()), int((~others).sum())]]
    return float(fisher_exact(table).pvalue)
