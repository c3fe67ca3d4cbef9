"""The audit that looks inside: what it learns, what it leaves alone, and the errors of the published code it avoids."""

from __future__ import annotations

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.synthetic_artifacts import tuning
from tests.families.synthetic_artifacts.scripted_classifiers import CLASSES, texts
from tests.families.synthetic_artifacts.test_classifier import POOLS, run, tiny_bert, value

torch = pytest.importorskip("torch")


class Small(torch.nn.Module):
    """A classifier of embeddings whose second weight says on which data it was trained; with dropout, which must stay off."""

    def __init__(self, seed, synthetic, size=6):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.table = torch.nn.Embedding(3, size)
        self.weight = torch.nn.Parameter(torch.randn(size, 2, generator=generator))
        self.bias = torch.nn.Parameter(
            torch.tensor([0.0, 0.8 if synthetic else -0.8]) + torch.randn(2, generator=generator) * 0.1
        )
        self.dropout = torch.nn.Dropout(0.5)
        self.eval().requires_grad_(False)

    def get_input_embeddings(self):
        return self.table

    def forward(self, inputs_embeds):
        logits = self.dropout(inputs_embeds).mean(1) @ self.weight + self.bias
        return type("Output", (), {"logits": logits})


def models(n, synthetic=None):
    truth = [place % 2 == 1 for place in range(n)] if synthetic is None else [synthetic] * n
    return [Small(seed, side) for seed, side in enumerate(truth)], [[0, 1]] * n, truth


def learn(n=20, **how):
    found, columns, truth = models(n)
    return tuning.learn_to_read(found, columns, truth, **{"queries": 8, "seed": 0} | how), found, truth


@pytest.mark.slow
def test_origins_are_read_from_models_that_were_never_seen():
    reader, _, _ = learn()
    fresh = [Small(500 + place, place % 2 == 1) for place in range(30)]
    odds = np.array([tuning.log_odds(reader, model, [0, 1]) for model in fresh])
    assert ((odds > 0) == (np.arange(30) % 2 == 1)).all()


def test_models_are_not_changed_and_answers_do_not_vary():
    found, columns, truth = models(8)
    before = [{name: part.clone() for name, part in model.state_dict().items()} for model in found]
    one = tuning.learn_to_read(found, columns, truth, queries=8, seed=3)
    assert all(torch.equal(state[name], part) for model, state in zip(found, before, strict=True)
               for name, part in model.state_dict().items())  # fmt: skip
    other = tuning.learn_to_read(found, columns, truth, queries=8, seed=3)
    assert torch.equal(one.queries, other.queries) and one.epoch == other.epoch
    odds = {tuning.log_odds(one, found[0], [0, 1]) for _ in range(3)}
    assert len(odds) == 1
    assert not torch.equal(one.queries, tuning.learn_to_read(found, columns, truth, queries=8, seed=4).queries)


@pytest.mark.slow
def test_v7_softmax_is_applied_once():
    """Twice, the loss of two classes stays between 0.313262 and 1.313262, of four above 0.743668."""
    for classes, low in ((2, 0.313262), (4, 0.743668)):
        sure = torch.zeros(1, classes).index_fill_(1, torch.tensor([0]), 1.0)
        assert float(torch.nn.functional.cross_entropy(sure, torch.tensor([0]))) == pytest.approx(low, abs=1e-6)
    assert float(torch.nn.functional.cross_entropy(torch.tensor([[1.0, 0.0]]), torch.tensor([1]))) == pytest.approx(1.313262)
    reader, _, _ = learn(epochs=120)
    assert reader.loss < 0.25


def test_the_epoch_is_chosen_on_held_out_references():
    """Those that nothing is learnt from: turning their origins around changes the epoch that is kept, and its loss."""
    found, columns, truth = models(20)
    steps = []
    reader = tuning.learn_to_read(found, columns, truth, queries=8, seed=0, epochs=5, step=steps.append)
    assert sum(steps) == 5 * 16, "a fifth of each side is held out"
    assert 0 <= reader.epoch < 5
    noise = tuning.learn_to_read(found, columns, list(np.random.default_rng(1).permutation(truth)), queries=8, seed=0)
    assert noise.loss > reader.loss


def test_columns_are_taken_in_one_order():
    model = Small(0, True)
    soft = torch.zeros(2, tuning.POSITIONS, 6)
    assert torch.equal(tuning.posteriors(model, soft, [0, 1]), tuning.posteriors(model, soft, [1, 0]).flip(1))


def test_starts_are_small_and_layers_as_published():
    network = tuning._network(16)
    widths = [(layer.in_features, layer.out_features) for layer in network if isinstance(layer, torch.nn.Linear)]
    assert widths == [(16, 128), (128, 32), (32, 2)]
    with tm.own_randomness(0):
        wide = tuning._network(4000)[0]
    assert float(wide.weight.detach().std()) == pytest.approx(4000**-0.5, rel=0.02) and not wide.bias.any()


def test_what_cannot_be_read_is_told():
    found, columns, _ = models(4)
    with pytest.raises(tm.UsageError, match="two references of each side"):
        tuning.learn_to_read(found, columns, [True, False, False, False], queries=4, seed=0)
    with pytest.raises(tm.UsageError, match="hidden sizes"):
        tuning.learn_to_read([*found[:3], Small(0, True, size=5)], columns, [True, False, True, False], queries=4, seed=0)


@pytest.mark.slow
def test_the_check_by_tuning(tmp_path):
    """Small BERTs, really trained: an owner of each kind against trained references."""
    start = tiny_bert(tmp_path / "start", 0)
    trust = run_training(tmp_path, start)
    owners = {}
    for number, (kind, machine) in enumerate((("real", False), ("synthetic", True))):
        trust(texts(300, 90 + number, machine=machine), number, tmp_path / kind)
        owners[kind] = tm.open_subject(str(tmp_path / kind))
    how = {"training_texts": 300, "epochs": 6, "learning_rate": 0.01, "recipe": "finetune"}
    pools = {"real": texts(1600, 1), "synthetic": texts(1600, 2, machine=True)}
    for kind, model in owners.items():
        for method in ("metric", "tuning"):
            record = run(model, tmp_path / "audit", method=method, pools=pools, queries=100, **how)
            headline = value(record, "evidence_against_declaration")
            details = headline.details
            if method == "metric":
                assert value(record, "auditor_accuracy").value > 0.85, (kind, record.why)
                right, wrong = ("p_real", "p_synthetic") if kind == "real" else ("p_synthetic", "p_real")
                assert details[right] > details[wrong], (kind, details)
            print(kind, method, value(record, "auditor_accuracy").value, record.outcome, details)
            assert headline.n == 20
            assert record.outcome != ("FAIL" if kind == "real" else "PASS"), (method, record.why)
            assert ("kept_epoch" in details) == (method == "tuning")


def run_training(folder, start):
    """Trains one owner as the references are."""
    from pytest_trustml.work.cache import Cache

    def make(data, seed, to):
        training = tm.Training(
            start=str(start.path), labels=CLASSES, epochs=6, batch_size=16, learning_rate=0.01, pretrained=False
        )
        with Cache(folder / "owners") as cache:
            tm.train_shadows(training, data, [range(len(data))], seeds=[seed], cache=cache).export(0, to)

    return make


@pytest.mark.slow
def test_references_that_are_given_by_path(tmp_path):
    from pytest_trustml.work.cache import Cache

    start = tiny_bert(tmp_path / "start", 0)
    pool = tm.Dataset({
        "id": [str(n) for n in range(3000)],
        **{name: texts(1500, 11).column(name) + texts(1500, 12, machine=True).column(name) for name in ("text", "label")},
    })  # fmt: skip
    training = tm.Training(start=str(start.path), labels=CLASSES, epochs=6, learning_rate=0.01)
    rng = np.random.default_rng(0)
    members = [np.arange(side * 1500, side * 1500 + 1500)[rng.choice(1500, 300, replace=False)] for side in [0] * 20 + [1] * 21]
    rows = {"spec": [], "origin": []}
    with Cache(tmp_path / "c") as cache:
        shadows = tm.train_shadows(training, pool, members, seeds=list(range(41)), cache=cache)
        for place in range(40):
            shadows.export(place, tmp_path / f"m{place}")
            rows["spec"].append(str(tmp_path / f"m{place}"))
            rows["origin"].append("real" if place < 20 else "synthetic")
        shadows.export(40, tmp_path / "subject")
    subject = tm.open_subject(str(tmp_path / "subject"))
    record = run(subject, tmp_path / "audit", models=tm.Dataset(rows), pools=POOLS, queries=100)
    details = value(record, "evidence_against_declaration").details
    assert details["real_references"] == details["synthetic_references"] == 20
    assert details["p_real"] < details["p_synthetic"] and value(record, "auditor_accuracy").value > 0.85
    tuned = run(subject, tmp_path / "audit", models=tm.Dataset(rows), pools=POOLS, queries=100, method="tuning")
    assert tuned.outcome == "INCONCLUSIVE", "a third is learnt from, which leaves too few for a rank"
    assert value(tuned, "evidence_against_declaration").n < 19
