"""Is a claim of differential privacy refuted by what the model learnt about its canaries?"""

from __future__ import annotations

import numpy as np

import pytest_trustml as tm
from builtin_checks.membership_inference import controls, exhibits
from builtin_checks.membership_inference.records import Records, lay_out
from builtin_checks.membership_inference.roles import CANARIES

HEADLINE = "evidence_against_claim"
_COIN_LEVEL = 0.999
_TRUE, _FALSE = ("1", "true", "yes", "in"), ("0", "false", "no", "out")


@tm.check(
    id="membership_inference.claimed_epsilon",
    version=1,
    needs=[tm.Classifier],
    data={"canaries": CANARIES},
    companions={"reference": "reference_model"},
    limit={HEADLINE: tm.AtMost(0.95)},
    min_n=100,
    cost="seconds",
    reference="Steinke, Nasr and Jagielski, NeurIPS 2023, arXiv 2305.08846",
)
def claimed_epsilon(
    trust: tm.Trust,
    model: tm.Subject,
    canaries: tm.Dataset,
    reference: tm.Subject | None = None,
    *,
    claimed_epsilon: float = 0.0,
    delta: float = 1e-5,
    guess_share: float = 0.1,
) -> list[tm.Measurement]:
    """Whether what the model learnt about its canaries refutes the privacy that was claimed for its training.

    What it measures
        Each canary was put into the training or left out by the toss of a coin. The model's most confident canaries are called
        in, its least confident ones out. Under (epsilon, delta)-differential privacy nobody can be right too often, and how
        unlikely the right guesses are is a p-value of the claim. ``evidence_against_claim`` is 1 - p.
    What a high value means
        FAIL: p is below 5 %, the training was not as private as claimed, or the canaries were not included by a fair coin. It
        is a proof of a bug up to that error, however weak the attack.
    What it does not show
        That a claim holds: it never says PASS. Where nothing is refuted the verdict is INCONCLUSIVE, whatever the limit:
        another attack, other canaries or more of them may refute the claim, and no number of guesses proves it. Privacy is
        proved by the training algorithm, not by looking at the model. So keep this check out of ``required`` in the policy of
        a release that can only ever reach INCONCLUSIVE here, and let a FAIL block it.
    What is also reported
        ``epsilon_lower_bound``: the largest epsilon that is refuted (0: none); the claim must not be smaller.
        ``right_guesses``: their share, 1/2 for a guess.
    Smallest sensible n
        1,000 canaries, mislabelled or otherwise easy to recognise; 100 at least.
    Cost
        One pass over the canaries.
    Controls
        INVALID if the number of included canaries is not that of a fair coin, or if a classifier that never asks the model
        tells the included ones from the others (AUC surely above 0.55).

    Parameters
    ----------
    claimed_epsilon : float
        The claim, above 0. Without it the value is undefined and only the lower bound is reported.
    delta : float
        Of the claim; below 1 / canaries, otherwise it allows to publish one of them whole.
    guess_share : float in (0, 1]
        Share of the canaries about which a guess is made, half of them called in. Fix it before you look.

    Companions
        With a reference model that saw none of the canaries, the score is how much surer the judged model is than that one.

    References
    ----------
    Steinke, Nasr and Jagielski, "Privacy Auditing with One (1) Training Run", NeurIPS 2023, arXiv 2305.08846.
    """
    m = len(canaries)
    if claimed_epsilon < 0:
        raise tm.UsageError(f"claimed_epsilon is {claimed_epsilon}. It is above 0, as the training's accountant gave it.")
    if not 0 <= delta < 1 / m:
        raise tm.UsageError(
            f"delta is {delta} for {m} canaries. It must be at least 0 and below 1 / {m}, or it promises nothing."
        )
    if not 0 < guess_share <= 1:
        raise tm.UsageError(f"guess_share is {guess_share}. It is a share of the canaries above 0, such as 0.1.")
    records = lay_out(model, {"canaries": canaries})
    included = read_included(canaries)
    fair_coin(trust, included)
    controls.blind_baseline(trust, records, included, np.arange(m))
    r = 2 * (round(m * guess_share) // 2)
    if r < 2:
        return [controls.undefined(HEADLINE, f"{m} canaries allow no two guesses", m, "probability")]
    scores = canary_scores(trust, model, reference, records)
    right, rows = tm.one_run_guesses(scores, included, r, trust.rng)
    alpha = 1 - trust.level
    bound = tm.one_run_epsilon(m, r, right, delta=delta, p=alpha)
    show_guesses(trust, m, r, right, delta)
    exhibits.show_curves(trust, {"canaries": scores}, included)
    called_in = np.arange(r) < r // 2
    return [
        against(claimed_epsilon, bound, m, r, right, delta, trust.level),
        tm.Measurement(
            name="epsilon_lower_bound",
            value=bound,
            n=m,
            unit="epsilon",
            higher_is_safer=False,
            no_interval=f"it is itself the lower end, at {trust.level:g}; no audit gives an upper one",
            details={"guesses": r, "right": right, "delta": delta},
        ),
        trust.proportion(called_in == included[rows], name="right_guesses", higher_is_safer=False),
    ]


def against(claim: float, bound: float, m: int, r: int, right: int, delta: float, level: float) -> tm.Measurement:
    """1 - p of the claim: an interval up to 1 where the claim is refuted, and otherwise the word why there is none.

    >>> print(against(0.5, 0.673, 1000, 100, 75, 1e-4, 0.95))
    evidence_against_claim = 0.9854 (95 % interval 0.9854 to 1, one-run audit, n = 1000)
    >>> against(8.0, 0.673, 1000, 100, 75, 1e-4, 0.95).no_interval
    'nothing refutes epsilon = 8 (all that is refuted is less than 0.673); an audit can prove a claim wrong, never right'
    """
    about = {"name": HEADLINE, "n": m, "unit": "probability", "higher_is_safer": False}
    if claim == 0:
        return tm.Measurement(value=None, undefined="no privacy was claimed: set the option claimed_epsilon", **about)
    p = tm.one_run_p(m, r, right, claim, delta)
    details = {"claimed_epsilon": claim, "delta": delta, "p": p, "guesses": r, "right": right}
    if p >= 1 - level:
        why = (
            f"nothing refutes epsilon = {claim:g} (all that is refuted is less than {bound:.3g}); "
            "an audit can prove a claim wrong, never right"
        )
        return tm.Measurement(value=1 - p, no_interval=why, details=details, **about)
    interval = tm.Interval(low=1 - p, high=1.0, level=level, method="one-run audit")
    return tm.Measurement(value=1 - p, interval=interval, details=details, **about)


def read_included(canaries: tm.Dataset) -> np.ndarray:
    """The column ``included`` as truth values: (m,) bool."""
    words = [str(cell).strip().lower().removesuffix(".0") for cell in canaries.column("included")]
    wrong = next((word for word in words if word not in (*_TRUE, *_FALSE)), None)
    if wrong is not None:
        raise tm.DataError(
            f"The column included holds {wrong[:30]!r}. It says 1 or true for canaries in the training, else 0 or false."
        )
    return np.array([word in _TRUE for word in words])


def fair_coin(trust: tm.Trust, included: np.ndarray) -> None:
    """The number of included canaries is one that a fair coin gives nearly always."""
    from scipy.stats import binom

    m, count = len(included), int(included.sum())
    low, high = (int(end) for end in binom.interval(_COIN_LEVEL, m, 0.5))
    ok = low <= count <= high
    trust.control(
        "a fair coin",
        ok,
        f"{count} of {m} canaries were included"
        + ("" if ok else f", where a fair coin gives {low} to {high}: toss one for every canary, independently of all else"),
    )


def canary_scores(trust: tm.Trust, model: tm.Subject, reference: tm.Subject | None, records: Records) -> np.ndarray:
    """Log-probability of the canaries' labels, above that of the reference model where there is one: (m,) in nat."""
    own = _log_p(trust, model, records)
    return own if reference is None else own - _log_p(trust, reference, records)


def _log_p(trust: tm.Trust, model: tm.Subject, records: Records) -> np.ndarray:
    logits = trust.observe(tm.classify, model, records.data, column=records.column)
    labels = tm.class_indices(records.data.column("label"), [str(name) for name in model.classifier.labels])
    return tm.membership_signal(logits, labels, "loss")


def show_guesses(trust: tm.Trust, m: int, r: int, right: int, delta: float) -> None:
    """How unlikely the right guesses are under several claims."""
    rows = [[epsilon, tm.one_run_p(m, r, right, epsilon, delta)] for epsilon in (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)]
    trust.table(["claimed epsilon", "p"], rows, caption=f"How likely {right} right of {r} guesses are, at most")
