"""The truth planted in earnest: language models that really learnt headlines, from people or from machines."""

from __future__ import annotations

import pytest

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts.generators import Wording, bare_queries
from builtin_checks.synthetic_artifacts.writers import given
from pytest_trustml.reports.evidence import EvidenceStore
from pytest_trustml.work.cache import Cache
from pytest_trustml.work.progress import Progress
from tests.families.synthetic_artifacts.reports import human_headline, machine_headline, pairs, plain_words, save_start
from tests.families.synthetic_artifacts.test_generator import broken, run, value

TEMPLATE = "{document} tl dr :"
RECIPE = {"epochs": 6, "batch_size": 16, "learning_rate": 3e-3}
ASKED = {"template": TEMPLATE, "max_new_tokens": 10, "queries": 100, "training_pairs": 200, **RECIPE}


def lessons(data):
    prompts = [TEMPLATE.replace("{document}", text) for text in data.column("document")]
    return tm.Dataset({"id": data.ids, "prompt": prompts, "text": [" " + text for text in data.column("summary")]})


@pytest.fixture(scope="module")
def releases(tmp_path_factory):
    """A base model that knows how to repeat facts, and what two owners made of it with pairs of their own."""
    folder = tmp_path_factory.mktemp("releases")
    with Cache(folder / "cache") as cache:
        start = tm.Training(start=str(save_start(folder / "start")), epochs=20, batch_size=32, learning_rate=5e-3)
        base = tm.train_shadows(start, lessons(pairs(1500, 77, plain_words)), [range(1500)], seeds=[1], cache=cache)
        base.export(0, folder / "base")
        tuned = tm.Training(start=str(folder / "base"), pretrained=True, **RECIPE)
        for name, headline in (("human", human_headline), ("machine", machine_headline)):
            owner = tm.train_shadows(tuned, lessons(pairs(200, 31, headline)), [range(200)], seeds=[5], cache=cache)
            owner.export(0, folder / name)
    return folder


def audited(releases, name, folder, **given):
    base = tm.open_subject(str(releases / "base"), device="cpu", name="base_model")
    return run(tm.open_subject(str(releases / name), device="cpu"), folder, kind=tm.Trust, base=base, **{**ASKED, **given})[0]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """One folder for all audits, so that references are trained once."""
    return tmp_path_factory.mktemp("audits")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "outcome"), [("human", "PASS"), ("machine", "FAIL")])
def test_whose_summaries_a_model_learnt_from_is_told(releases, kept, name, outcome):
    record = audited(releases, name, kept)
    assert record.outcome == outcome, (record.why, record.controls)
    assert value(record, "auditor_accuracy").value >= 0.9
    other = audited(releases, name, kept, declared="synthetic")
    assert other.outcome == {"PASS": "FAIL", "FAIL": "PASS"}[outcome]


@pytest.mark.slow
def test_few_references_decide_nothing(releases, kept):
    record = audited(releases, "machine", kept, references=8)
    assert record.outcome == "INCONCLUSIVE", record.why


@pytest.mark.slow
def test_a_model_that_never_learnt_to_answer_is_not_judged(releases, kept):
    record = audited(releases, "start", kept)
    assert record.outcome == "INVALID" and broken(record), record.why


@pytest.mark.slow
def test_references_given_as_models_answer_as_they_did_where_they_were_trained(releases, tmp_path):
    tuned = tm.Training(start=str(releases / "base"), pretrained=True, **RECIPE)
    both = tm.Dataset({
        name: [*lessons(pairs(60, 8)).column(name), *lessons(pairs(60, 9, machine_headline)).column(name)]
        for name in ("prompt", "text")
    })  # fmt: skip
    wording = Wording(TEMPLATE, 300, 10, False)
    queries = lessons(pairs(40, 10))
    model = tm.open_subject(str(releases / "human"), device="cpu")
    with Cache(tmp_path / "cache") as cache:
        trust = tm.Trust(
            name="t.t", seed=0, level=0.95, cache=cache, store=EvidenceStore(tmp_path / "report"), progress=Progress()
        )
        shadows = trust.train_shadows(tuned, both, [range(60), range(60, 120)], seeds=[3, 4])
        rows = {"spec": [], "origin": ["real", "synthetic"], "share": [0.0, 0.5]}
        for number in range(2):
            shadows.export(number, tmp_path / str(number))
            rows["spec"].append(str(tmp_path / str(number)))
        found = given(trust, tm.Dataset(rows), model, queries, wording)
        assert found.answers == shadows.generate(bare_queries(queries), max_new_tokens=10)
    assert found.shares.tolist() == [0.0, 0.5] and found.synthetic.tolist() == [False, True]
