"""What share of a corpus is machine-written, with the detector's own errors carried through?"""

from __future__ import annotations

import numpy as np

import pytest_trustml as tm
from builtin_checks.generated_text import exhibits
from builtin_checks.generated_text.checks.quality import REFERENCE
from builtin_checks.generated_text.controls import undefined
from builtin_checks.generated_text.population import Population, observe_population
from builtin_checks.generated_text.roles import CORPUS, HUMAN, MACHINE, Settings

_RESAMPLES = 500
_HUMAN_QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.98)
_MACHINE_QUANTILES = (0.02, 0.05, 0.1, 0.25, 0.5)
_FEWEST_OF_A_GENERATOR = 20


@tm.check(
    id="generated_text.corpus_share",
    version=1,
    needs=[tm.TextModel | tm.Classifier],
    data={"corpus": CORPUS, "machine": MACHINE, "human": HUMAN},
    companions={"reference": "reference_model"},
    limit={"machine_share": tm.AtMost(0.05)},
    min_n=100,
    cost="minutes",
    reference=REFERENCE,
)
def corpus_share(
    trust: tm.Trust,
    model: tm.Subject,
    corpus: tm.Dataset,
    machine: tm.Dataset,
    human: tm.Dataset,
    reference: tm.Subject | None = None,
    *,
    score: str = "auto",
    machine_label: str = "",
    max_tokens: int = 256,
    min_tokens: int = 50,
    bos: bool = False,
    calibration_share: float = 0.4,
    fpr: float = 0.02,
    known_human_before: str = "2022-12",
) -> list[tm.Measurement]:
    """Share of a corpus that is machine-written, freed of the detector's false alarms and misses.

    What it measures
        The share of flagged texts (the AI attribution rate of Sun et al.) is corrected by how often the detector flags known
        machine and known human texts (Rogan and Gladen). The interval carries the errors of all three rates (Lang and
        Reiczigel). ``machine_share_em`` is a second opinion from the scores themselves, without a threshold: the share under
        which they are likeliest (EM of Saerens et al., on scores in bins), with an interval from resampling corpus and known
        texts.
    What a high value means
        So much of the corpus looks like the known machine texts. FAIL means that even the low end is above the limit, PASS
        that even the high end is below; in between more texts are needed, of the corpus or of known origin, whichever is
        fewer.
    What it does not show
        Which texts they are: of the flagged ones at a share of 2 % about half are human. Anything about generators that write
        unlike the known ones: ``machine_share_worst_generator`` shows how much larger the share may be if all were like the
        one that is caught least. Texts that were edited to pass, and mixed authorship. Texts too short to judge
        (``abstained``).
    Smallest sensible n
        1000 texts of the corpus, 500 human and 200 machine texts resolve about 2 percentage points.
    Cost
        One forward pass per text. The known texts are shared with the other checks.
    Controls
        Those of `generated_text.detector_quality`; INVALID as well if the detector flags known machine texts no more often
        than human ones, and if texts of the corpus from before ``known_human_before`` are flagged at another rate than known
        human texts.

    Parameters
    ----------
    score, machine_label, max_tokens, min_tokens, bos, calibration_share
        As in `generated_text.detector_quality`.
    fpr : float
        Share of human texts that the threshold allows to be flagged. Small shares are told best with a small one.
    known_human_before : str
        First month (YYYY-MM) in which the corpus may hold machine text; used where it has a column ``month``. Empty: never.

    Columns
        ``author`` of the corpus names texts that depend on each other. ``generator`` of the machine texts.

    References
    ----------
    Sun et al., ACL 2025. Rogan and Gladen, American Journal of Epidemiology 107 (1978). Lang and Reiczigel, Preventive
    Veterinary Medicine 113 (2014). Saerens et al., Neural Computation 14 (2002).
    """
    settings = Settings(score, machine_label, max_tokens, min_tokens, bos, calibration_share, fpr)
    seen = observe_population(trust, model, reference, corpus, machine, human, settings, known_human_before)
    if isinstance(seen, str):
        return [undefined("machine_share", "share", seen, len(corpus), False)]
    about = {"higher_is_safer": False, "cluster": seen.clusters}
    share = trust.rogan_gladen(seen.flagged, seen.hits, seen.alarms, name="machine_share", **about)
    likeliest = by_scores(trust, seen)
    weakest = _worst_generator(trust, seen, about)
    exhibits.show_densities(trust, {"corpus": seen.values, **_known(seen)})
    details = {
        "score": seen.ready.detector.name,
        "threshold": seen.cut,
        "abstained": seen.abstained,
        "known_machine": len(seen.hits),
        "known_human": len(seen.alarms),
    }
    flagged = trust.proportion(seen.flagged, name="flagged_share", of=seen.data, **about)
    return [share.but(details=share.details | details), likeliest, *weakest, flagged]


def _known(seen: Population) -> dict[str, np.ndarray]:
    return {name: seen.ready.values(part) for name, part in zip(("human", "machine"), seen.ready.judged, strict=True)}


def by_scores(trust: tm.Trust, seen: Population) -> tm.Measurement:
    """The share under which the corpus's scores are likeliest, with mean posteriors (PCC, PACC) beside it.

    Scores are calibrated to posteriors by bins, whose edges are quantiles of the texts that set the threshold.
    """
    edges = bin_edges(*(seen.ready.values(part) for part in seen.ready.calibration))
    known = _known(seen)
    corpus, human, machine = (np.searchsorted(edges, v) for v in (seen.values, known["human"], known["machine"]))
    bins = len(edges) + 1
    found = trust.bootstrap(
        lambda *parts: trust.likeliest_share(posteriors(bins, *parts[1:])[parts[0]], 0.5).share,
        corpus, human, machine, rng=trust.rng, method="percentile", resamples=_RESAMPLES,
        cluster=[seen.clusters, *(seen.ready.clusters(part) for part in seen.ready.judged)],
        name="machine_share_em", unit="share", higher_is_safer=False,
    )  # fmt: skip
    of_bins = posteriors(bins, human, machine)
    averages = [float(of_bins[rows].mean()) for rows in (corpus, machine, human)]
    details = {"bins": bins, "mean_posterior": averages[0]}
    if averages[1] > averages[2]:
        details["adjusted_mean_posterior"] = trust.adjusted_share(*averages)
    return found.but(n=len(corpus), details=found.details | details)


def bin_edges(human: np.ndarray, machine: np.ndarray) -> np.ndarray:
    """Scores that divide human and machine texts finely where few of the one and many of the other lie."""
    return np.unique(np.concatenate([np.quantile(human, _HUMAN_QUANTILES), np.quantile(machine, _MACHINE_QUANTILES)]))


def posteriors(bins: int, human: np.ndarray, machine: np.ndarray) -> np.ndarray:
    """Probability of a text in each bin to be a machine's, both kinds counting alike; half a text is added to every bin.

    >>> posteriors(2, np.array([0, 0, 0, 1]), np.array([1, 1, 1, 1])).round(4).tolist()
    [0.125, 0.75]
    """
    human_counts, machine_counts = (np.bincount(rows, minlength=bins) + 0.5 for rows in (human, machine))
    shares = machine_counts / machine_counts.sum(), human_counts / human_counts.sum()
    return shares[0] / (shares[0] + shares[1])


def _worst_generator(trust: tm.Trust, seen: Population, about: dict) -> list[tm.Measurement]:
    """The share if all machine texts of the corpus were by the known generator that is caught least, and a table of all."""
    data = seen.ready.judged[1].data
    if "generator" not in data.columns:
        return []
    values = np.array([str(value) for value in data.column("generator")])
    found = {}
    for generator in sorted(set(values.tolist())):
        own = values == generator
        if own.sum() >= _FEWEST_OF_A_GENERATOR:
            found[generator] = trust.rogan_gladen(
                seen.flagged, seen.hits[own], seen.alarms, name="machine_share_worst_generator", **about
            )
    if len(found) < 2:
        return []
    rows = [
        [name, one.details["sensitivity"], "undefined" if one.value is None else one.value, *_ends(one)]
        for name, one in found.items()
    ]
    columns = ["generator", "share caught", "share of the corpus", "low", "high"]
    trust.table(columns, rows, caption="The share of machine text, if all of it were by one generator")
    worst = min(found, key=lambda name: found[name].details["sensitivity"])
    return [found[worst].but(details=found[worst].details | {"generator": worst})]


def _ends(found: tm.Measurement) -> list[float | str]:
    return ["none", "none"] if found.interval is None else [found.interval.low, found.interval.high]
