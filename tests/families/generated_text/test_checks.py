"""The checks on detectors whose truth is planted: good ones pass, useless ones never do, few texts decide nothing."""

from __future__ import annotations

import numpy as np
import pytest

import builtin_checks.generated_text as family
import pytest_trustml as tm
from pytest_trustml.checks.bound import BoundCheck, set_limits
from pytest_trustml.reports.evidence import EvidenceStore
from pytest_trustml.result.record import encode
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.progress import Progress
from tests.families.generated_text.scripted import Scripted, corpus, machines, people

CHECKS = {name: getattr(family, name) for name in family.__all__}


def run(name, model, folder, *, reference=None, seed=0, limits=None, **given):
    check = CHECKS[name]
    options = {key: value for key, value in given.items() if key in check.options}
    data = {"machine": machines(), "human": people(), "corpus": corpus()} | given
    trust = tm.Trust(
        name=check.id, seed=seed, level=0.95, cache=Cache(folder / "cache"), store=EvidenceStore(folder / "report"),
        progress=Progress(),
    )  # fmt: skip
    bound = BoundCheck(
        check=check,
        model=model,
        companions={} if reference is None else {"reference": reference},
        data={key: data[key] for key in check.data},
        options={**check.options, **options},
        limits=set_limits(check, {"": (limits or {})[check.id]} if check.id in (limits or {}) else {}),
    )
    record, _ = bound.run(trust)
    assert encode(record), "everything in it is plain"
    return record


def value(record, name):
    return next(m for m in record.measurements if m.name == name)


def broken(record):
    return {control.name for control in record.controls if not control.ok}


def test_a_good_detector_passes(tmp_path):
    record = run("detector_quality", Scripted(), tmp_path, human=people(700))
    assert record.outcome == "PASS", (record.why, record.controls)
    assert value(record, "auroc").value > 0.95
    assert value(record, "fpr").value < 0.12
    assert value(record, "auroc").details["score"] == "fast_detect"


def test_a_classifier_is_read_by_the_names_of_its_classes(tmp_path):
    record = run("detector_quality", Scripted(labels=["human", "machine"]), tmp_path)
    assert value(record, "auroc").value > 0.95 and value(record, "auroc").details["score"] == "classifier"
    named = run("detector_quality", Scripted(labels=["A", "B"]), tmp_path, machine_label="B")
    assert value(named, "auroc").value == value(record, "auroc").value


def test_classes_without_telling_names_are_refused(tmp_path):
    record = run("detector_quality", Scripted(labels=["LABEL_0", "LABEL_1"]), tmp_path)
    assert record.outcome == "INVALID" and "machine_label" in record.why


def test_swapped_classes_are_never_turned_round_silently(tmp_path):
    record = run("detector_quality", Scripted(labels=["machine", "human"]), tmp_path)
    assert record.outcome == "INVALID" and broken(record) == {"the classes are the right way round"}
    assert value(record, "auroc").value < 0.05


@pytest.mark.parametrize(("style", "outcome"), [("constant", "INVALID"), ("blind", "FAIL"), ("upside down", "FAIL")])
def test_a_useless_detector_never_passes(style, outcome, tmp_path):
    assert run("detector_quality", Scripted(style), tmp_path).outcome == outcome


@pytest.mark.parametrize("style", ["constant", "blind", "upside down"])
def test_no_share_is_estimated_with_a_useless_detector(style, tmp_path):
    record = run("corpus_share", Scripted(style), tmp_path)
    assert record.outcome == "INVALID" and "the detector tells machine from human" in broken(record)


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_five_texts_decide_nothing(name, tmp_path):
    given = {"machine": machines(5), "human": people(5), "corpus": corpus(5, 0.2, month=["2023-01"] * 2 + ["2023-02"] * 3)}
    for style in ("good", "blind"):
        assert run(name, Scripted(style), tmp_path, **given).outcome == "INCONCLUSIVE"


def test_texts_that_are_too_short_are_not_judged(tmp_path):
    record = run("detector_quality", Scripted(), tmp_path, min_tokens=100)
    assert record.outcome == "INVALID" and "too short" in record.why
    short = people(40, 9)
    mixed = tm.Dataset({"text": [text[:60] for text in short.column("text")] + people().column("text")})
    found = value(run("detector_quality", Scripted(), tmp_path, human=mixed), "auroc")
    assert found.details["abstained"] == 40


def test_length_alone_may_not_tell(tmp_path):
    longer = tm.Dataset({"text": [text + " " + text for text in machines().column("text")]})
    record = run("detector_quality", Scripted(), tmp_path, machine=longer)
    assert record.outcome == "INVALID" and broken(record) == {"length does not tell"}
    cut = run("detector_quality", Scripted(), tmp_path, machine=longer, human=people(700), max_tokens=80)
    assert cut.outcome == "PASS", cut.why


def test_a_group_that_is_flagged_more_often_fails(tmp_path):
    plain, harsh = people(500, 1), people(250, 2, rare=0.32)
    both = tm.Dataset({"text": [*plain.column("text"), *harsh.column("text")], "domain": ["essays"] * 500 + ["learners"] * 250})
    record = run("detector_quality", Scripted(), tmp_path, human=both, fpr=0.05)
    worst = value(record, "worst_group_fpr")
    assert worst.outcome == "FAIL" and worst.details["group"] == "domain learners"
    assert value(record, "fpr").value < worst.value


def test_what_a_pair_shares_is_cut_off_and_pairs_are_clusters(tmp_path):
    start = [f"chapter {i} " + " ".join(f"word{i}x{k}" for k in range(30)) + " " for i in range(200)]
    pairs = [f"p{i}" for i in range(200)]
    human = tm.Dataset({"text": [a + b for a, b in zip(start, people(200).column("text"), strict=True)], "pair": pairs})
    machine = tm.Dataset({"text": [a + b for a, b in zip(start, machines(200).column("text"), strict=True)], "pair": pairs})
    record = run("detector_quality", Scripted(), tmp_path, human=human, machine=machine)
    found = value(record, "auroc")
    assert found.clusters == 120 and found.n == 240 and "clustered" in found.method
    alone = run("detector_quality", Scripted(), tmp_path, human=people(200), machine=machines(200))
    assert found.value == pytest.approx(value(alone, "auroc").value, abs=0.03)


def test_one_forward_pass_serves_all_scores_and_all_checks(tmp_path):
    model = Scripted()
    run("detector_quality", model, tmp_path)
    calls = model.text.calls
    assert calls <= -(-600 // 32) + 4
    for score in ("likelihood", "gltr"):
        run("detector_quality", model, tmp_path, score=score)
    assert model.text.calls == calls


def test_two_models(tmp_path):
    record = run("detector_quality", Scripted(), tmp_path, reference=Scripted("blind"))
    assert value(record, "auroc").details["score"] == "binoculars" and value(record, "auroc").value > 0.95
    with pytest.raises(tm.UsageError, match="second one"):
        run("detector_quality", Scripted(), tmp_path, score="binoculars")
    with pytest.raises(tm.UsageError, match="Choose one of"):
        run("detector_quality", Scripted(), tmp_path, score="vibes")
    with pytest.raises(tm.UsageError, match="calibration_share"):
        run("detector_quality", Scripted(), tmp_path, calibration_share=1.5)


LARGE = {"human": people(1200, 7), "machine": machines(400, 7)}


@pytest.mark.parametrize(("share", "outcome"), [(0.0, "PASS"), (0.01, "PASS"), (0.15, "FAIL"), (0.5, "FAIL")])
def test_the_interval_contains_the_true_share(share, outcome, tmp_path):
    record = run("corpus_share", Scripted(), tmp_path, corpus=corpus(1500, share), **LARGE)
    assert record.outcome == outcome, record.why
    for name in ("machine_share", "machine_share_em"):
        found = value(record, name)
        assert found.low - 0.01 <= share <= found.high + 0.01, name


def test_other_human_texts_than_the_calibrated_ones_are_noticed(tmp_path):
    months = [f"2022-{1 + i % 12:02d}" for i in range(1000)]
    plain = corpus(1000, 0.0, month=months)
    assert not broken(run("corpus_share", Scripted(), tmp_path, corpus=plain, **LARGE))
    drifted = tm.Dataset({"text": people(1000, 3, rare=0.36).column("text"), "month": months})
    record = run("corpus_share", Scripted(), tmp_path, corpus=drifted, **LARGE)
    assert record.outcome == "INVALID" and broken(record) == {"no drift since the calibration"}
    assert not broken(run("corpus_share", Scripted(), tmp_path, corpus=drifted, known_human_before="", **LARGE))
    with pytest.raises(tm.DataError, match="YYYY-MM"):
        run("corpus_share", Scripted(), tmp_path, corpus=corpus(100, month=["May"] * 100), **LARGE)


def test_the_generator_that_is_caught_least_is_told(tmp_path):
    easy, hard = machines(300, 1), machines(300, 2, rare=0.38)
    both = tm.Dataset({"text": [*easy.column("text"), *hard.column("text")], "generator": ["easy"] * 300 + ["hard"] * 300})
    record = run("corpus_share", Scripted(), tmp_path, corpus=corpus(1000, 0.05), human=LARGE["human"], machine=both)
    worst = value(record, "machine_share_worst_generator")
    assert worst.details["generator"] == "hard" and worst.value > value(record, "machine_share").value


def months_corpus(first, last, n=600):
    """Two years; the share of machine text in the first and in the second."""
    parts = [corpus(n, first, 11), corpus(n, last, 12)]
    months = [f"{year}-{1 + i % 12:02d}" for year in (2023, 2024) for i in np.random.default_rng(year).permutation(n)]
    return tm.Dataset({"text": [text for part in parts for text in part.column("text")], "month": months})


@pytest.mark.parametrize(("first", "last", "outcome"), [(0.02, 0.02, "PASS"), (0.0, 0.4, "FAIL"), (0.4, 0.0, "PASS")])
def test_a_rising_share_fails(first, last, outcome, tmp_path):
    record = run("share_trend", Scripted(), tmp_path, corpus=months_corpus(first, last, 1200), window=12, **LARGE)
    assert record.outcome == outcome, record.why
    found = value(record, "share_rise")
    assert found.low - 0.01 <= last - first <= found.high + 0.01
    if first != last:
        assert found.details["trend_p"] < 1e-6 and np.sign(found.details["trend_z"]) == np.sign(last - first)


def test_sources_are_compared_by_name(tmp_path):
    named = tm.Dataset({**{"text": corpus(400, 0.5).column("text")}, "source": ["b"] * 200 + ["a"] * 200})
    record = run("share_trend", Scripted(), tmp_path, corpus=named, by="source", earlier="a", later="b", **LARGE)
    assert value(record, "share_rise").value > 0.9
    for wrong, words in (
        ({"earlier": "a"}, "is empty"),
        ({"earlier": "a", "later": "c"}, "'c'"),
        ({"earlier": "a", "later": "a"}, "both"),
    ):
        with pytest.raises(tm.UsageError, match=words):
            run("share_trend", Scripted(), tmp_path, corpus=named, by="source", **wrong, **LARGE)
    with pytest.raises(tm.DataError, match="no column 'month'"):
        run("share_trend", Scripted(), tmp_path, corpus=named, **LARGE)


def test_evasion_of_a_detector_that_knows_words(tmp_path):
    about = {"texts": 12, "machine": machines(120, rare=0.3, spread=0.02), "human": people(120)}
    tight = run("detector_evasion", Scripted(), tmp_path, max_queries=4, **about)
    wide = run("detector_evasion", Scripted(), tmp_path, max_queries=300, max_edit_ratio=0.6, **about)
    assert tight.outcome == "INVALID" and broken(tight) == {"the attack breaks a weak detector"}, tight.controls
    assert not broken(wide), wide.controls
    rates = [value(record, "evasion_rate").value for record in (tight, wide)]
    assert rates[0] < rates[1] and rates[1] > 0.5
    assert wide.outcome in ("FAIL", "INCONCLUSIVE") and value(wide, "evasion_rate").details["median_edits"] >= 1
    nothing = run("detector_evasion", Scripted("upside down"), tmp_path, **about)
    assert nothing.outcome == "INVALID" and "there is something to evade" in broken(nothing)


def test_a_model_that_is_no_detector_is_told_so(tmp_path):
    model = Scripted()
    model.kind = "images"
    with pytest.raises(tm.Unsupported, match="classifier"):
        run("detector_quality", model, tmp_path)
