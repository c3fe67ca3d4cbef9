"""What stealing first saves an attacker: questions to the victim, and time."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_trustml.attacks.stealing.transfer import Transfer
from pytest_trustml.attacks.text_edits.attacked import Attacked
from pytest_trustml.errors import UsageError
from pytest_trustml.result.measurement import Measurement

RATIO = "a ratio of the costs of this one run"


def campaign_saving(transfer: Transfer, direct: Sequence[Attacked], direct_seconds: float) -> list[Measurement]:
    """Compare a campaign by way of a copy with an attack on the victim itself, on the same texts.

    Parameters
    ----------
    transfer : Transfer
    direct : sequence of Attacked
        The attack on the victim, one per text of the campaign or only of the detected ones.
    direct_seconds : float
        Wall time of that attack.

    Returns
    -------
    list of Measurement
        ``query_saving``: questions to the victim per text of the direct attack, over those of the campaign with its share of
        the questions for stealing. ``speed_up``: seconds per text of the direct attack, over those of the attack on the copy
        with one question to the victim. ``speed_up_with_theft``: the same with asking for and training the copy counted in.
        Above 1 the attacker is better off with the copy. Undefined where no text was detected.

    References
    ----------
    Shen et al. 2025, arXiv 2501.16750: their "efficiency" of 13 to 21 does not say whether training is counted.
    """
    tried = [one for one in direct if one.status != "skipped"]
    count = len(transfer.attacked)
    if len(tried) != count:
        raise UsageError(
            f"The direct attack tried {len(tried)} texts and the campaign {count}. Attack the same victim with the same texts "
            "and the same threshold."
        )
    copy = transfer.surrogate
    asked = sum(one.queries for one in tried)
    theft = copy.asking_seconds + copy.training_seconds
    campaign = transfer.attack_seconds + transfer.asking_seconds
    return [
        _ratio("query_saving", asked, copy.queries + transfer.queries, count),
        _ratio("speed_up", direct_seconds, campaign, count),
        _ratio("speed_up_with_theft", direct_seconds, theft + campaign, count),
    ]


def _ratio(name: str, direct: float, stealthy: float, count: int) -> Measurement:
    about = {"name": name, "n": count, "unit": "times", "higher_is_safer": False}
    if not count or not stealthy > 0:
        return Measurement(value=None, undefined="the victim detects none of the texts, so nothing was attacked", **about)
    details = {"direct": direct, "stealthy": stealthy}
    return Measurement(value=direct / stealthy, no_interval=RATIO, details=details, **about)
