"""The check on classifiers whose training data are planted; useless ones never pass, few references decide nothing."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts import classifier
from builtin_checks.synthetic_artifacts.references import Recipe, common_weights, known_shares, training_of
from pytest_trustml.checks.bound import BoundCheck, set_limits
from pytest_trustml.reports.evidence import EvidenceStore, load
from pytest_trustml.result.record import encode
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.progress import Progress
from tests.families.synthetic_artifacts.scripted_classifiers import CLASSES, Linear, Scripted, Subject, texts

POOLS = {"real": texts(900, 1), "synthetic": texts(900, 2, machine=True)}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """References are trained once for all tests."""
    return tmp_path_factory.mktemp("audit")


@pytest.fixture(scope="module")
def owner(place):
    """Classifiers of owners with texts of their own."""

    def make(kind, seed=0, **how):
        data = texts(150, 50 + seed, machine=kind == "synthetic")
        return Subject(f"{kind}-{seed}-{how}", Linear(data, place / f"{kind}-{seed}", seed=seed, **how))

    return make


def run(model, place, *, limits=None, models=None, companions=None, seed=0, pools=POOLS, **options):
    options = {"training_texts": 150, "queries": 200} | options
    trust = tm.Trust(
        name=classifier.id, seed=seed, level=0.95, cache=Cache(place / "cache"), store=EvidenceStore(place / "report"),
        progress=Progress(),
    )  # fmt: skip
    data = dict(pools) | ({} if models is None else {"models": models})
    bound = BoundCheck(
        check=classifier, model=model, companions=companions or {}, data=data, options={**classifier.options, **options},
        limits=set_limits(classifier, limits or {}),
    )  # fmt: skip
    record, _ = bound.run(trust)
    assert encode(record), "everything in it is plain"
    return record


def value(record, name):
    return next(m for m in record.measurements if m.name == name)


def broken(record):
    return {control.name for control in record.controls if not control.ok}


@pytest.mark.parametrize(
    ("kind", "declared", "wanted"),
    [
        ("real", "real", "PASS"),
        ("synthetic", "real", "FAIL"),
        ("real", "synthetic", "FAIL"),
        ("synthetic", "synthetic", "PASS"),
    ],
)
def test_declarations(kind, declared, wanted, owner, place):
    record = run(owner(kind), place, declared=declared)
    assert record.outcome == wanted, (record.why, record.measurements[0], broken(record))
    assert value(record, "auditor_accuracy").value > 0.9 and value(record, "accusation_rate").value <= 0.05
    assert value(record, "evidence_against_declaration").details["finding"].startswith(f"consistent with {kind}")


@pytest.mark.slow
@pytest.mark.parametrize("query_kind", ["real", "both"])
def test_queries_of_another_kind_point_the_same_way(query_kind, owner, place):
    for kind in ("real", "synthetic"):
        record = run(owner(kind), place, query_kind=query_kind)
        details = value(record, "evidence_against_declaration").details
        own, other = (
            (details["p_synthetic"], details["p_real"]) if kind == "real" else (details["p_real"], details["p_synthetic"])
        )
        assert own < other, (kind, details)


@pytest.mark.slow
def test_owners_of_all_seeds_are_judged_fairly(owner, place):
    """No real owner fails and no synthetic one passes; most are decided rightly."""
    found = {kind: [run(owner(kind, seed), place).outcome for seed in range(6)] for kind in ("real", "synthetic")}
    assert "FAIL" not in found["real"] and "PASS" not in found["synthetic"], found
    assert found["real"].count("PASS") >= 3 and found["synthetic"].count("FAIL") >= 3, found


def test_classes_are_matched_by_name(owner, place):
    record = run(owner("real", order=("storm", "calm"), named=("STORM", "Calm ")), place)
    assert record.outcome == "PASS", record.why
    swapped = run(owner("real", named=("storm", "calm")), place)
    assert swapped.outcome == "INVALID" and broken(swapped) >= {"the model knows the classes"}


@pytest.mark.parametrize("declared", ["real", "synthetic"])
@pytest.mark.parametrize(
    "answer",
    [
        lambda text: [0.0, 0.0], lambda text: [9.0, 0.0], lambda text: [0.0, 30.0],
        lambda text: np.random.default_rng(sum(map(ord, text))).normal(size=2), lambda text: [np.nan, 0.0],
    ],
    ids=["blank", "calm", "storm", "random", "undefined"],
)  # fmt: skip
def test_a_useless_classifier_never_passes(answer, declared, place, request):
    name = request.node.callspec.id
    record = run(Subject(name, Scripted(answer)), place, declared=declared)
    assert record.outcome == "INVALID", record.why


def test_five_references_decide_nothing(owner, place):
    for kind in ("real", "synthetic"):
        record = run(owner(kind), place, references=5)
        assert record.outcome == "INCONCLUSIVE" and value(record, "evidence_against_declaration").n == 5


def test_without_any_difference_nothing_is_said(owner, place):
    """Both pools are by people: what little tells their references apart says nothing about an owner's model."""
    for kind in ("real", "synthetic"):
        record = run(owner(kind), place, pools={"real": texts(900, 1), "synthetic": texts(900, 3)})
        assert record.outcome in ("INVALID", "INCONCLUSIVE"), record.why


@pytest.mark.slow
def test_a_sharper_real_model_is_not_accused(owner, place):
    """Its confidence says synthetic, its accuracy, which no temperature moves, does not."""
    records = [run(owner("real", seed, sharper=4.0), place, metric=metric) for seed in range(4) for metric in
               ("confidence", "entropy")]  # fmt: skip
    assert "FAIL" not in {record.outcome for record in records}
    assert any(value(r, "evidence_against_declaration").details["p_real"] < 0.05 for r in records), "or nothing was tried"


@pytest.mark.slow
def test_mixed_references_tell_the_share(owner, place):
    record = run(owner("synthetic"), place, scenario="mixed", limits={"synthetic_share": tm.Within(0.4, 1.0)})
    share = value(record, "synthetic_share")
    assert share.value > 0.5 and share.high > 0.7
    real = value(run(owner("real"), place, scenario="mixed"), "synthetic_share")
    assert real.value < 0.3 and real.low == 0


def test_evidence_shows_places_and_quotes_nothing(owner, place):
    record = run(owner("synthetic"), place)
    kinds = [one.kind for one in record.evidence]
    assert kinds == ["table", "table", "curve"] and not any(one.sensitive for one in record.evidence)
    table = load(place / "report", record.evidence[1]).content
    rows = table["rows"]
    assert len(rows) == 41 and [row[0] for row in rows].count("this model") == 1
    scores = [row[3] for row in rows]
    assert scores == sorted(scores, reverse=True)
    quoted = POOLS["synthetic"].column("text")
    for one in record.evidence:
        content = (place / "report" / one.path).read_text()
        assert not any(text in content for text in quoted)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_record_whatever_the_order_of_the_files(owner, place, tmp_path):
    rng = np.random.default_rng(0)
    shuffled = {name: pool.take(rng.permutation(len(pool))) for name, pool in POOLS.items()}
    one, other = run(owner("real"), place), run(owner("real"), tmp_path, pools=shuffled)
    assert one.measurements[0].value == other.measurements[0].value
    assert one.measurements[0].details == other.measurements[0].details


@pytest.mark.parametrize(
    ("what", "match"),
    [
        (dict(metric="confidense"), "metric is 'confidense'"), (dict(declared="maybe"), "declared is"),
        (dict(queries=10), "queries is 10"), (dict(recipe="head"), "no directory of transformers"),
        (dict(method="tuning"), "no embeddings"), (dict(query_kind="mixed"), "query_kind"),
    ],
)  # fmt: skip
def test_options_that_cannot_be_meant(what, match, owner, place):
    with pytest.raises(tm.TrustmlError, match=match):
        run(owner("real"), place, **what)


def test_labels_that_the_model_does_not_know(owner, place):
    with pytest.raises(tm.DataError, match="'rain'"):
        run(owner("real"), place, pools=POOLS | {"real": POOLS["real"].with_columns(label=["rain"] * 900)})
    with pytest.raises(tm.DataError, match="no text of the class"):
        run(owner("real"), place, pools=POOLS | {"real": POOLS["real"].with_columns(label=["calm"] * 900)})


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ({"spec": ["a", "b"], "origin": ["real", "fake"]}, "'fake'"), ({"spec": ["a"], "origin": ["real"]}, "both"),
        ({"spec": ["a", "b"], "origin": ["real", "synthetic"], "share": [0.5, 1.0]}, "real with a share of 0.5"),
    ],
)  # fmt: skip
def test_reference_models_whose_origin_makes_no_sense(rows, match):
    with pytest.raises(tm.DataError, match=match):
        known_shares(tm.Dataset(rows))


def tiny_bert(folder, seed, *, encoder=None, head_seed=0):
    """A small directory of transformers with random weights; with ``encoder`` the encoder of another one."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    from builtin_checks.synthetic_artifacts.training import learn_words

    tokenizer = learn_words([*POOLS["real"].column("text"), *POOLS["synthetic"].column("text")])
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=48, id2label=dict(enumerate(CLASSES)), label2id={n: i for i, n in enumerate(CLASSES)},
        pad_token_id=0, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, initializer_range=0.1,
    )  # fmt: skip
    with tm.own_randomness(seed):
        model = BertForSequenceClassification(config)
    if encoder is not None:
        with tm.own_randomness(head_seed + 100):
            model.classifier.weight.data = torch.randn_like(model.classifier.weight)
    tm.save_model(folder, model, tokenizer)
    return tm.open_subject(str(folder))


def recipe(**changes):
    return Recipe("auto", "pure", 20, 100, 5, 16, 0.0)._replace(**changes)


def test_the_recipe_follows_from_the_model(tmp_path, owner):
    base = tiny_bert(tmp_path / "base", 1)
    head = tiny_bert(tmp_path / "head", 1, encoder=base)
    tuned = tiny_bert(tmp_path / "tuned", 2)
    assert training_of(owner("real"), None, recipe(), CLASSES).linear
    of_head = training_of(head, base, recipe(), CLASSES)
    assert of_head.pretrained and of_head.frozen == common_weights(head, base) and len(of_head.frozen) > 10
    assert not any("classifier" in name for name in of_head.frozen) and of_head.learning_rate == 1e-3
    of_tuned = training_of(tuned, base, recipe(), CLASSES)
    assert of_tuned.pretrained and not of_tuned.frozen and of_tuned.learning_rate == 2e-5
    alone = training_of(tuned, None, recipe(learning_rate=0.01), CLASSES)
    assert not alone.pretrained and alone.start == str(tuned.path) and alone.learning_rate == 0.01
    with pytest.raises(tm.UsageError, match="differ"):
        training_of(tuned, base, recipe(recipe="head"), CLASSES)
    with pytest.raises(tm.UsageError, match="there is no base model"):
        training_of(tuned, None, recipe(recipe="head"), CLASSES)
