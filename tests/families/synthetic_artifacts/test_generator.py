"""The audit of generators whose truth is planted: who learnt from machines fails, who learnt from people passes."""

from __future__ import annotations

import json

import pytest

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts.checks.generator import generator
from builtin_checks.synthetic_artifacts.generator_audit import scores_of
from builtin_checks.synthetic_artifacts.overlap import METRICS
from pytest_trustml.checks.bound import BoundCheck, missing, set_limits, set_options
from pytest_trustml.reports.evidence import EvidenceStore
from pytest_trustml.result.record import encode
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.progress import Progress
from tests.families.synthetic_artifacts.reports import machine_headline, pairs
from tests.families.synthetic_artifacts.scripted_generators import TrustThatTrains, Writer, released

HEADLINE = "evidence_against_declaration"


class Folder(Writer):
    """A base model of which only the place matters."""

    path = "/nowhere"


def run(model, folder, *, kind=TrustThatTrains, base=None, without=(), seed=0, **given):
    data = {"real": pairs(900, 1), "synthetic": pairs(700, 2, machine_headline)} | {
        name: value for name, value in given.items() if name in generator.data
    }
    options = {name: value for name, value in given.items() if name in generator.options}
    trust = kind(
        name=generator.id, seed=seed, level=0.95, cache=Cache(folder / "cache"), store=EvidenceStore(folder / "report"),
        progress=Progress(),
    )  # fmt: skip
    bound = BoundCheck(
        check=generator,
        model=model,
        companions={} if "base" in without else {"base": base or Folder()},
        data={name: value for name, value in data.items() if name not in without},
        options=set_options(generator, {"training_pairs": 150, "queries": 60} | options),
        limits=set_limits(generator, {}),
    )
    record, _ = bound.run(trust)
    assert encode(record), "everything in it is plain"
    return record, trust


def value(record, name=HEADLINE):
    return next(m for m in record.measurements if m.name == name)


def broken(record):
    return {control.name for control in record.controls if not control.ok}


@pytest.mark.parametrize(
    ("style", "declared", "outcome"),
    [("human", "real", "PASS"), ("machine", "real", "FAIL"), ("machine", "synthetic", "PASS"), ("human", "synthetic", "FAIL")],
)
def test_who_learnt_from_whom_is_told(style, declared, outcome, tmp_path):
    record, _ = run(Writer(style), tmp_path, declared=declared)
    assert record.outcome == outcome, (record.why, record.controls)
    found = value(record)
    assert (found.n, found.method) == (20, "conformal")
    assert (found.value > 0.5) == (outcome == "FAIL")
    assert "consistent with" in found.details["finding"] and "prove" not in found.details["finding"]


@pytest.mark.parametrize("metric", ["bleu", "rouge2"])
def test_the_metric_that_is_named_decides_and_all_are_shown(metric, tmp_path):
    record, _ = run(Writer("machine"), tmp_path, metric=metric, queries=150)
    assert record.outcome == "FAIL", record.why
    table = next(one for one in record.evidence if "audit of its own" in one.caption)
    rows = {row[0]: row for row in json.loads((tmp_path / "report" / table.path).read_text())["rows"]}
    assert set(rows) == {*METRICS, f"{metric} (decides)"} - {metric}
    assert {row[6] for row in rows.values()} == {"synthetic"}
    assert rows[f"{metric} (decides)"][4] == pytest.approx(value(record).details["p_real"])


@pytest.mark.parametrize("style", ["blank", "dots", "constant", "few", "echo", "prefaced echo", "long", "foreign"])
def test_what_is_no_answer_never_passes(style, tmp_path):
    declared = "synthetic" if style in ("foreign", "constant") else "real"
    record, _ = run(Writer(style), tmp_path, declared=declared)
    assert record.outcome == "INVALID" and broken(record), record.why


def test_few_references_decide_nothing(tmp_path):
    for style in ("human", "machine"):
        record, _ = run(Writer(style), tmp_path, references=10)
        assert record.outcome == "INCONCLUSIVE", record.why


def test_few_documents_decide_nothing(tmp_path):
    record, _ = run(Writer("machine"), tmp_path, real=pairs(40, 1))
    assert record.outcome == "INCONCLUSIVE" and "40 different documents" in record.why


def test_references_that_cannot_be_told_apart_are_no_instrument(tmp_path):
    record, _ = run(Writer("human"), tmp_path, synthetic=pairs(700, 2))
    assert record.outcome == "INVALID", record.why


def test_references_that_learnt_nothing_are_no_instrument(tmp_path):
    class Blank(TrustThatTrains):
        def train_shadows(self, training, dataset, members, *, seeds):
            shadows = super().train_shadows(training, dataset, members, seeds=seeds)
            shadows.generate = lambda queries, **how: [["dam broke on sunday"] * len(queries) for _ in members]
            return shadows

    record, _ = run(Writer(), tmp_path, kind=Blank)
    assert record.outcome == "INVALID" and "references write about their documents" in broken(record)


def test_mixed_references_tell_the_share(tmp_path):
    for style, about in (("human", 0.0), ("mixed", 0.5)):
        record, _ = run(Writer(style), tmp_path, scenario="mixed", queries=100)
        found = value(record, "synthetic_share")
        assert found.low <= about <= found.high and abs(found.value - about) < 0.3


def test_half_machine_lies_between(tmp_path):
    """Neither accused nor cleared: both kinds of references are unlike it."""
    assert run(Writer("mixed"), tmp_path)[0].outcome in ("INVALID", "INCONCLUSIVE")


def test_references_learn_from_neither_queries_nor_each_others_side(tmp_path):
    _, trust = run(Writer(), tmp_path)
    rows, members = trust.asked["dataset"], trust.asked["members"]
    assert len(members) == 40 == len(set(trust.asked["seeds"]))
    assert not set(rows.column("prompt")) & set(trust.shadows.asked), "no query is learnt from"
    assert len(trust.shadows.asked) == 60
    assert sorted(trust.shadows.shares) == [0.0] * 20 + [1.0] * 20
    assert {len(set(own)) for own in members} == {150}
    assert len({tuple(sorted(own)) for own in members}) == 40, "no two learn from the same pairs"


def test_training_is_what_the_options_say(tmp_path):
    asked = {"epochs": 7, "batch_size": 4, "learning_rate": 0.01, "weight_decay": 0.0, "max_tokens": 99}
    _, trust = run(Writer(), tmp_path, template="Read: {document}\nWrite: ", document_words=9, **asked)
    training = trust.asked["training"]
    assert {name: getattr(training, name) for name in asked} == asked
    assert training.start == "/nowhere" and training.pretrained and training.labels == ()
    prompt, text = (trust.asked["dataset"].column(name)[0] for name in ("prompt", "text"))
    assert prompt.startswith("Read: on ") and prompt.endswith("\nWrite: ") and len(prompt.split()) == 11
    assert text == text.strip(), "the template ends in a space already"
    _, trust = run(Writer(), tmp_path)
    assert trust.asked["training"].learning_rate == 2e-5
    assert trust.asked["dataset"].column("text")[0].startswith(" "), "after 'Summary:' there is one"


def test_the_generator_is_asked_what_references_are_asked(tmp_path):
    model = Writer()
    _, trust = run(model, tmp_path)
    assert sorted(model.text.asked) == sorted(trust.shadows.asked)
    asked = len(model.text.asked)
    run(model, tmp_path, metric="bleu")
    assert len(model.text.asked) == asked, "another metric asks nothing again"


def test_where_references_start_is_said_or_asked_for(tmp_path):
    with pytest.raises(tm.UsageError, match="no directory, so references of its kind"):
        run(Writer(), tmp_path, without=("base",))
    record, trust = run(Folder(), tmp_path, without=("base",), training_pairs=0)
    training = trust.asked["training"]
    assert (training.start, training.pretrained, training.learning_rate) == ("/nowhere", False, 1e-3)
    half = trust.asked["dataset"].column("origin").count("synthetic") // 2
    assert {len(own) for own in trust.asked["members"]} == {half}, "half of the smaller pool"
    about = value(record).details["references"]
    assert "random weights" in about and f"{half} pairs" in about
    with pytest.raises(tm.UsageError, match="without a chat template"):
        run(Writer(), tmp_path, chat=True)


def test_nothing_to_compare_with_is_not_a_pass(tmp_path):
    record, _ = run(Writer(), tmp_path, without=("synthetic",))
    assert record.outcome == "INCONCLUSIVE" and "synthetic_pairs" in record.why


@pytest.mark.slow
@pytest.mark.parametrize(("style", "outcome"), [("human", "PASS"), ("machine", "FAIL")])
def test_models_that_somebody_trained_take_the_place_of_training(style, outcome, tmp_path):
    record, trust = run(Writer(style), tmp_path, models=released(), without=("base", "synthetic"), queries=150)
    assert record.outcome == outcome, (record.why, record.controls)
    assert not hasattr(trust, "asked"), "nothing is trained"


def test_few_models_that_somebody_trained_decide_nothing(tmp_path):
    record, _ = run(Writer("machine"), tmp_path, models=released(3), without=("base", "synthetic"))
    assert record.outcome == "INCONCLUSIVE" and value(record).n == 3


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [
        ({"origin": ["real", "people"]}, tm.DataError, "has the origin 'people'"),
        ({"origin": ["real", "real"]}, tm.DataError, "of one origin alone"),
        ({"share": [0.0, 0.0]}, tm.DataError, "synthetic with a share of 0.0"),
        ({"share": [0.2, 1.0]}, tm.DataError, "real with a share of 0.2"),
        ({"share": [0.0, 1.5]}, tm.DataError, "synthetic with a share of 1.5"),
        ({"spec": ["py:nowhere:nothing", "py:nowhere:nothing"]}, tm.TrustmlError, "nowhere"),
    ],
)
def test_models_whose_origin_is_unclear_are_refused(more, error, words, tmp_path):
    with pytest.raises(error, match=words):
        run(Writer(), tmp_path, models=released(1, **more), without=("base", "synthetic"))


@pytest.mark.parametrize("wrong", [{"metric": "rouge"}, {"declared": "human"}, {"scenario": "some"}, {"template": "no place"}])
def test_options_that_are_no_words_of_ours_are_refused(wrong, tmp_path):
    with pytest.raises(tm.UsageError, match=next(iter(wrong.values())) if "template" not in wrong else "template"):
        run(Writer(), tmp_path, **wrong)


def test_it_needs_a_language_model_and_real_pairs():
    assert missing(generator, Writer(), {}, {"real_pairs": "x"}) is None
    assert "real_pairs" in missing(generator, Writer(), {}, {})


def test_reports_keep_texts_to_themselves(tmp_path):
    record, _ = run(Writer(), tmp_path)
    shown = [one for one in record.evidence if one.caption == "Some answers"]
    assert len(shown) == 1 and shown[0].sensitive
    assert any("audit of its own" in one.caption for one in record.evidence)


def test_scores_are_means_over_queries(tmp_path):
    real = pairs(50, 1)
    answers, summaries = real.column("summary")[::-1], real.column("summary")
    trust = TrustThatTrains(
        name="t.t", seed=0, level=0.95, cache=Cache(tmp_path), store=EvidenceStore(tmp_path), progress=Progress()
    )
    found = scores_of(trust, [answers, summaries], summaries)
    assert {name: rows.shape for name, rows in found.items()} == dict.fromkeys(METRICS, (2, 50))
    assert found["rougeL"][1].tolist() == [1.0] * 50 and found["rougeL"][0].mean() < 0.5
