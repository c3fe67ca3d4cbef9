"""The demo releases: forms of one pool, training that bounds every record's influence, and the verdicts."""

from __future__ import annotations

import contextlib
import math
import tomllib
from collections import Counter

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.membership_inference import demo, low_fpr, metric_attacks
from builtin_checks.membership_inference.forms import CLASSES, Forms, draw_forms
from builtin_checks.membership_inference.roles import MEMBERS, NONMEMBERS, POPULATION
from builtin_checks.membership_inference.training import Fit, PrivateFit, _clipped, fit, fit_privately, new_model, pixels
from pytest_trustml.release.demos import Workshop
from pytest_trustml.release.manifest import read_manifest
from pytest_trustml.work.folders import cache_root
from pytest_trustml.work.progress import Progress
from tests.families.membership_inference.scripted import broken, run, value

pytestmark = pytest.mark.filterwarnings("ignore")
SMALL = {"members": 120, "nonmembers": 130, "population": 110}


class Bench:
    """A workshop that counts the steps it is told about."""

    def __init__(self, seed=0):
        self.seed, self.steps = seed, Counter()

    @contextlib.contextmanager
    def progress(self, label, total):
        yield lambda done: self.steps.update({label: done})
        assert self.steps[label] == total


@pytest.fixture(scope="module")
def forms():
    return draw_forms(400, 0.25, np.random.default_rng(0))


def test_forms_are_all_different_and_a_quarter_is_mistyped(forms):
    assert forms.images.shape == (400, 16, 16, 3)
    assert len({image.tobytes() for image in forms.images}) == 400
    assert 0.18 < forms.mistyped.mean() < 0.32
    assert (forms.labels[~forms.mistyped] < 10).all()
    assert len(CLASSES) == 50
    again, other = (draw_forms(400, 0.25, np.random.default_rng(seed)) for seed in (0, 1))
    assert (again.images == forms.images).all()
    assert (other.labels != forms.labels).any()
    assert not draw_forms(50, 0.0, np.random.default_rng(0)).mistyped.any()


def test_sets_are_parts_of_one_pool():
    sets = demo.make_sets(SMALL, 0)
    assert {name: len(part.labels) for name, part in sets.items()} == SMALL
    assert len({image.tobytes() for part in sets.values() for image in part.images}) == 360


def test_the_models_see_in_training_what_they_see_when_they_are_judged(forms, tmp_path):
    import torch

    model = new_model(0, 32, 1)
    tm.save_model(tmp_path, model)
    subject = tm.open_subject(str(tmp_path), device="cpu")
    assert subject.classifier.labels == list(CLASSES)
    from PIL import Image

    pictures = [Image.fromarray(image) for image in forms.images[:5]]
    with torch.inference_mode():
        expected = model.eval()(pixel_values=pixels(forms.images[:5])).logits.numpy()
    assert subject.classifier.logits(pictures) == pytest.approx(expected, abs=1e-5)


def test_no_record_moves_a_step_by_more_than_the_clip(forms):
    import torch
    from torch.func import functional_call, grad, vmap

    model = new_model(0, 32, 1)
    weights = {name: weight.detach() for name, weight in model.named_parameters()}

    def loss(given, picture, label):
        logits = functional_call(model, given, kwargs={"pixel_values": picture[None]}).logits
        return torch.nn.functional.cross_entropy(logits, label[None])

    rows = vmap(grad(loss), in_dims=(None, 0, 0))(weights, pixels(forms.images[:6]), torch.tensor(forms.labels[:6]))
    for row in range(6):  # what is computed for many records at once is each record's own gradient
        model.zero_grad()
        torch.nn.functional.cross_entropy(
            model(pixel_values=pixels(forms.images[row : row + 1])).logits, torch.tensor(forms.labels[row : row + 1])
        ).backward()
        for name, weight in model.named_parameters():
            assert torch.allclose(rows[name][row], weight.grad, atol=1e-5)
    whole = torch.cat([part.flatten(1) for part in rows.values()], dim=1)
    assert float(whole.norm(dim=1).min()) > 0.5
    for clip in (0.01, 0.5, 1e6):
        alone = [_clipped({name: part[row : row + 1] for name, part in rows.items()}, clip) for row in range(6)]
        norms = [math.sqrt(sum(float(part.square().sum()) for part in each.values())) for each in alone]
        assert max(norms) <= clip * (1 + 1e-5)
        together = _clipped(rows, clip)
        for name in together:
            assert torch.allclose(together[name], sum(each[name] for each in alone), atol=1e-5)
    assert norms == pytest.approx(whole.norm(dim=1).tolist(), rel=1e-4), "a short gradient is left as it is"


def test_noise_hides_the_records():
    """With much noise two training sets that share nothing give the same weights up to what the noise allows; with none not."""
    import torch

    sets = [draw_forms(40, 0.0, np.random.default_rng(seed)) for seed in (1, 2)]

    def distance(noise):
        found = []
        for own in sets:
            model = new_model(0, 32, 1)
            fit_privately(model, own, PrivateFit(steps=3, clip=1.0, noise=noise, rate=1e-3), 0, lambda done: None)
            found.append(torch.cat([weight.detach().flatten() for weight in model.parameters()]))
        return float((found[0] - found[1]).norm())

    assert distance(1000.0) < 0.2 * distance(0.0)


def test_training_depends_on_the_seed_and_leaves_torch_alone(forms):
    import torch

    few = Forms(*(part[:60] for part in forms))
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()

    def weights(seed, private):
        model = new_model(seed, 32, 1)
        if private:
            fit_privately(model, few, PrivateFit(2, 1.0, 1.0, 1e-2), seed, lambda done: None)
        else:
            fit(model, few, Fit(2, 16, 1e-3, 0.0), seed, lambda done: None)
        return torch.cat([weight.detach().flatten() for weight in model.parameters()])

    for private in (False, True):
        assert torch.allclose(weights(0, private), weights(0, private), atol=1e-5)
        assert not torch.allclose(weights(0, private), weights(1, private), atol=1e-2)
    assert torch.get_num_threads() == threads
    assert (torch.random.get_rng_state() == state).all()


def test_epsilon_is_what_the_composition_of_gaussians_gives():
    rho = 100 / (2 * 14.0**2)
    assert demo.PRIVATE.epsilon(1e-5) == pytest.approx(rho + 2 * math.sqrt(rho * math.log(1e5)))
    assert 3.6 < demo.PRIVATE.epsilon(1e-5) < 3.8, "what the demo says of itself"
    more = [PrivateFit(steps=s, clip=1.0, noise=n, rate=0.1).epsilon(1e-5) for s, n in ((100, 10), (200, 10), (100, 20))]
    assert more[1] > more[0] > more[2]


def write_small(folder, monkeypatch):
    """A release like the demo's with a model that hardly learnt anything."""
    monkeypatch.setattr(demo, "SIZES", SMALL)
    monkeypatch.setattr(demo, "OVERFIT", Fit(epochs=1, batch=32, rate=1e-6, decay=0.0))
    bench = Bench()
    demo.classifier_overfit(folder, bench)
    assert sum(bench.steps.values()) == 4
    manifest = read_manifest(folder / "trustml.toml")
    assert manifest.models == {"model": "model"}
    return opened(folder)


def opened(folder):
    model = tm.open_subject("model", root=folder, device="cpu", dtype="float32")
    spec = tomllib.loads((folder / "trustml.toml").read_text())["data"]
    data = {role.name: tm.open_data(spec[role.name], role=role, root=folder) for role in (MEMBERS, NONMEMBERS, POPULATION)}
    return model, data


def test_real_reference_models_of_a_model_that_learnt_nothing(tmp_path, monkeypatch):
    """The whole way on pictures, with real reference models: too little was learnt, and the verdict says so."""
    model, data = write_small(tmp_path, monkeypatch)
    assert data["members"].ids[:2] == ["members-0000", "members-0001"]
    record = run(low_fpr, model, tmp_path, data, references=2, epochs=1, batch_size=32, learning_rate=1e-3)
    assert record.outcome == "INVALID", record.why
    assert "the model has learnt" in broken(record)
    assert "blind baseline" not in broken(record)
    gallery = next(evidence for evidence in record.evidence if evidence.kind == "gallery")
    assert gallery.sensitive


def release(name, seed):
    """The same cache as the command line's: what was built for one test is there for the next."""
    build = {"overfit": demo.classifier_overfit, "private": demo.classifier_private}[name]
    return Workshop(cache_root() / "demos", seed, Progress()).build(f"demo-classifier-{name}", build)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["overfit", "private"])
def test_demo_behaves_as_announced(name, tmp_path):
    folder = release(name, 0)
    manifest = tomllib.loads((folder / "trustml.toml").read_text())
    model, data = opened(folder)
    record = run(low_fpr, model, tmp_path, data, **manifest["options"][low_fpr.id])
    assert not broken(record), record.why
    found = value(record, "tpr_at_1_percent_fpr")
    if name == "overfit":
        assert record.outcome == "FAIL"
        assert found.value > 0.2
        assert found.low > 0.12
        shown = next(evidence for evidence in record.evidence if evidence.kind == "gallery")
        assert shown.sensitive
        assert sure_of_mistyped(model, data["members"]) > 0.9 > 0.1 > sure_of_mistyped(model, data["nonmembers"])
    else:
        assert record.outcome == "PASS"
        assert found.high < 0.04
        assert value(record, "accuracy_gap").high < 0.1
        assert run(metric_attacks, model, tmp_path, data).outcome == "PASS"


def sure_of_mistyped(model, records):
    """Share of the mistyped forms whose wrong code the model gives more than half of its belief."""
    logits = model.classifier.logits(list(records.column("image")))
    labels = tm.class_indices(records.column("label"), model.classifier.labels)
    return float((tm.membership_signal(logits, labels, "loss")[np.array(records.column("mistyped"))] > math.log(0.5)).mean())
