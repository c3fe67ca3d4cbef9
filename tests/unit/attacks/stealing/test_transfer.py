"""Attacking the copy, then asking the victim once: what transfers, what it costs, what it saves."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm
from tests.unit.attacks.stealing.detectors import ABUSE, Scorer, sentences

ABUSIVE = sentences(60, seed=7, insults=(1, 2))
HARMLESS = sentences(20, seed=8, insults=(0,))


def surrogate(score=None, **about):
    known = dict(kind="linear", queries=100, labels_only=False, asking_seconds=2.0, training_seconds=3.0)
    return tm.Surrogate(score=score or Scorer(), **known | about)


def test_of_a_perfect_copy_everything_transfers():
    victim = Scorer()
    found = tm.transfer_attack(surrogate(), victim, [*ABUSIVE, *HARMLESS], seed=1)
    assert found.detected.tolist() == [True] * 60 + [False] * 20 and found.positions == list(range(60))
    assert 0 < found.rate().value == found.surrogate_rate().value
    success = [one.status == "success" for one in found.attacked]
    assert found.events.tolist() == success and not found.evaded[60:].any()


@pytest.mark.parametrize("budget", [3, 12])
def test_also_where_the_attack_seldom_succeeds(budget):
    found = tm.transfer_attack(surrogate(), Scorer(), ABUSIVE, max_queries=budget)
    assert found.rate().value == found.surrogate_rate().value < 1


def test_the_victim_is_asked_once_per_detected_text():
    victim = Scorer()
    found = tm.transfer_attack(surrogate(), victim, [*ABUSIVE, *HARMLESS], batch_size=16)
    assert (found.queries, found.judging_queries) == (60, 80)
    assert len(victim.asked) == 140
    assert victim.asked[80:] == [one.text for one in found.attacked]


def test_evasions_are_real():
    found = tm.transfer_attack(surrogate(), Scorer(), ABUSIVE)
    for one, evaded in zip(found.attacked, found.events, strict=True):
        assert (Scorer()([one.text])[0] < 0.5) == evaded


def test_a_copy_that_sees_other_words_transfers_less():
    def half_blind(texts):
        return [0.9 if "stupid" in text or "muppet" in text else 0.2 for text in texts]

    good = tm.transfer_attack(surrogate(), Scorer(), ABUSIVE)
    poor = tm.transfer_attack(surrogate(half_blind), Scorer(), ABUSIVE)
    assert poor.rate().value < good.rate().value
    assert any(one.status == "skipped" for one in poor.attacked)
    assert poor.surrogate_rate().n < poor.rate().n == 60
    strict = poor.rate(only_successes=True)
    assert strict.n == 60 and strict.details["events"] == sum(
        one.status == "success" and evaded for one, evaded in zip(poor.attacked, poor.events, strict=True)
    )
    assert good.rate(only_successes=True) == good.rate()


def test_a_stolen_linear_copy_is_good_for_an_attack():
    copies = tm.steal(Scorer(), sentences(500, seed=3), budgets=(500,), rng=np.random.default_rng(0))
    found = tm.transfer_attack(copies[500], Scorer(), ABUSIVE, max_queries=60)
    assert found.rate().value > 0.5
    assert len(found.attacked) == 60 == found.rate().n


@pytest.mark.parametrize("label", [True, False])
def test_victims_that_never_vary(label):
    found = tm.transfer_attack(surrogate(), lambda texts: np.full(len(texts), label), ABUSIVE)
    if label:
        assert found.rate().value == 0 and found.rate().n == 60
    else:
        assert found.rate().undefined == "no samples" and found.surrogate_rate().undefined == "no samples"
        assert found.queries == 0 and found.attacked == []
        assert all(m.undefined for m in tm.campaign_saving(found, [], 1.0))


def test_settings_reach_the_attack_and_another_attack_may_be_used():
    seen = {}

    def attack(predict, texts, *, threshold, progress, **settings):
        seen.update(settings, threshold=threshold)
        return [
            tm.Attacked(original=text, text=text.replace("u", "v"), status="failed", queries=1, edits=(), before=1.0, after=1.0)
            for text in texts
        ]

    found = tm.transfer_attack(surrogate(), Scorer(), ABUSIVE, attack=attack, threshold=0.6, depth=3)
    assert seen == {"threshold": 0.6, "depth": 3}
    kept = [any(word in one.text.split() for word in ABUSE if "u" not in word) for one in found.attacked]
    assert found.events.tolist() == [not still for still in kept]
    with pytest.raises(tm.UsageError, match="0 results for 60 texts"):
        tm.transfer_attack(surrogate(), Scorer(), ABUSIVE, attack=lambda *args, **more: [])


def test_the_same_seed_gives_the_same_campaign():
    one, two = (tm.transfer_attack(surrogate(), Scorer(), ABUSIVE, seed=4) for _ in range(2))
    assert one.attacked == two.attacked and (one.evaded == two.evaded).all()


def test_saving_is_counted_as_defined():
    found = tm.transfer_attack(surrogate(), Scorer(), [*ABUSIVE, *HARMLESS])
    direct = tm.attack_texts(Scorer(), [*ABUSIVE, *HARMLESS])
    queries, fast, slow = tm.campaign_saving(found, direct, direct_seconds=60.0)
    mean = np.mean([one.queries for one in direct if one.status != "skipped"])
    assert queries.value == pytest.approx(mean / (100 / 60 + 1))
    own = found.attack_seconds + found.asking_seconds
    assert fast.value == pytest.approx(60 / own)
    assert slow.value == pytest.approx(60 / (own + 5))
    assert [m.name for m in (queries, fast, slow)] == ["query_saving", "speed_up", "speed_up_with_theft"]
    assert all(m.no_interval and m.n == 60 for m in (queries, fast, slow))


def test_a_saving_compares_the_same_texts():
    found = tm.transfer_attack(surrogate(), Scorer(), ABUSIVE)
    with pytest.raises(tm.UsageError, match="tried 10 texts and the campaign 60"):
        tm.campaign_saving(found, tm.attack_texts(Scorer(), ABUSIVE[:10]), 1.0)
