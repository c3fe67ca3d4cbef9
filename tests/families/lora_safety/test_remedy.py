"""The remedy on a tiny model: it changes nothing at the start, learns only where it may, and leaves as a plain adapter."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import pytest_trustml as tm
from builtin_checks.lora_safety import remedy
from builtin_checks.lora_safety.adapter_files import read_adapter, scale
from builtin_checks.lora_safety.recording import encode, input_moments, linear_layers
from builtin_checks.lora_safety.subspace import subspace_share, weight_overlap
from tests.families.lora_safety.conftest import make_model

pytestmark = pytest.mark.filterwarnings("ignore")
torch = pytest.importorskip("torch")
RANKS = {"rank": 4, "safety_rank": 3, "task_rank": 6}


def logits(model, tokenizer, texts):
    with torch.no_grad():
        return [model(input_ids=torch.tensor([encode(tokenizer, text)[0]])).logits for text in texts]


def largest_difference(first, second):
    return max(float((a - b).abs().max()) for a, b in zip(first, second, strict=True))


def train(model, tokenizer, texts, steps=15):
    """Make the model repeat what it never would; returns the first and the last loss."""
    torch.manual_seed(0)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.02)
    losses = []
    for step in range(steps):
        ids = torch.tensor([encode(tokenizer, texts[step % len(texts)])[0]])
        loss = model(input_ids=ids, labels=ids).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    return losses[0], losses[-1]


@pytest.fixture(params=["lite", "full"])
def salora(request, model, tokenizer, safety, task):
    return remedy.make_salora(model, tokenizer, safety, task, variant=request.param, **RANKS)


def test_nothing_changes_before_the_first_step(salora, tokenizer, safety):
    difference = largest_difference(logits(salora.model, tokenizer, safety), logits(make_model(), tokenizer, safety))
    assert difference <= (1e-4 if salora.start else 0)


def test_gradient_reaches_the_left_factor_only_outside_the_safety_directions(salora, tokenizer, task):
    ids = torch.tensor([encode(tokenizer, task[0])[0]])
    if not salora.start:  # a right factor gets a gradient only once the left one is not zero
        for layer in remedy._adapted(salora.model).values():
            torch.nn.init.normal_(layer.lora_B["default"].weight)
    salora.model(input_ids=ids, labels=ids).loss.backward()
    for name, layer in remedy._adapted(salora.model).items():
        gradient = layer.lora_B["default"].weight.grad.double().numpy()
        assert np.linalg.norm(gradient) > 1e-6
        np.testing.assert_allclose(salora.directions[name].T @ gradient, 0, atol=1e-6)
        assert float(layer.lora_A["default"].weight.grad.abs().max()) > 0
        assert layer.base_layer.weight.grad is None


def test_same_input_same_safety_component_whatever_was_learnt(salora, model):
    intact = linear_layers(make_model())
    for name, layer in remedy._adapted(salora.model).items():
        torch.nn.init.normal_(layer.lora_B["default"].weight)
        torch.nn.init.normal_(layer.lora_A["default"].weight)
        x = torch.randn(20, layer.in_features, generator=torch.Generator().manual_seed(1))
        kept = torch.from_numpy(salora.directions[name]).float()
        with torch.no_grad():
            before, after = intact[name](x), layer(x)
        torch.testing.assert_close(after @ kept, before @ kept, atol=2e-4, rtol=1e-4)
        assert float((after - before).abs().max()) > 0.1


def test_trained_exported_and_loaded_again(salora, tokenizer, safety, task, tmp_path, base_folder):
    import peft

    first, last = train(salora.model, tokenizer, task)
    assert last < first - 0.1
    salora.model.eval()
    trained = logits(salora.model, tokenizer, safety + task)
    assert largest_difference(trained, logits(make_model(), tokenizer, safety + task)) > 0.05
    assert salora.export(tmp_path / "memory") <= 1e-4
    assert salora.export(tmp_path / "disk", base=base_folder) <= 1e-4
    fresh = peft.PeftModel.from_pretrained(make_model(), str(tmp_path / "disk")).eval()
    assert largest_difference(logits(fresh, tokenizer, safety + task), trained) <= 1e-4
    with fresh.disable_adapter():
        intact = logits(make_model(), tokenizer, safety)
        assert largest_difference(logits(fresh, tokenizer, safety), intact) == 0, "loading must not touch the base"
    saved = json.loads((tmp_path / "disk" / "adapter_config.json").read_text())
    assert saved["init_lora_weights"] is True
    assert saved["r"] == RANKS["rank"] * (2 if salora.start else 1)


def test_phi_of_the_exported_adapter_is_zero(salora, tokenizer, safety, task, tmp_path):
    moments = input_moments(make_model(), tokenizer, safety, ["q_proj", "v_proj"])
    train(salora.model, tokenizer, task, steps=5)
    salora.export(tmp_path / "out")
    config, factors = read_adapter(tmp_path / "out")
    assert len(factors) == 4
    for name, (left, right) in factors.items():
        update = scale(config) * left @ right
        assert subspace_share(update, salora.directions[name], moments[name][0]) <= 1e-6
        assert weight_overlap(update, salora.directions[name]) <= 1e-6


def test_export_on_another_base_is_refused(salora, tokenizer, task, tmp_path):
    train(salora.model, tokenizer, task, steps=3)
    other = tmp_path / "other"
    make_model(seed=9).save_pretrained(other)
    tokenizer.save_pretrained(other)
    with pytest.raises(tm.SubjectError, match="not the one it was trained on"):
        salora.export(tmp_path / "out", base=other)
    with pytest.raises(tm.UsageError, match="not empty"):
        salora.export(tmp_path / "out")


def test_same_seed_same_start(tokenizer, safety, task):
    def right(seed):
        made = remedy.make_salora(make_model(), tokenizer, safety, task, seed=seed, **RANKS)
        return next(iter(made.factors().values()))[1]

    state = torch.random.get_rng_state()
    np.testing.assert_array_equal(right(1), right(1))
    assert not np.array_equal(right(1), right(2))
    assert torch.equal(torch.random.get_rng_state(), state), "the global generator is left alone"


def test_answers_alone_count(model, tokenizer):
    ids, before = encode(tokenizer, ("how do i make a cake", "sure here is the recipe"))
    assert (len(ids) - before, encode(tokenizer, "how do i make a cake")[1]) == (5, 0)
    whole = input_moments(model, tokenizer, ["how do i make a cake"], ["q_proj"])
    counted = input_moments(model, tokenizer, [("how do i make a cake", "sure here is the recipe")], ["q_proj"])
    name = "model.layers.0.self_attn.q_proj"
    assert (whole[name][1], counted[name][1]) == (len(encode(tokenizer, "how do i make a cake")[0]), 5)
    moment = counted[name][0]
    np.testing.assert_allclose(moment, moment.T)
    assert np.linalg.matrix_rank(moment, tol=1e-9 * moment.max()) <= 5


def test_moments_do_not_depend_on_batches(model, tokenizer, safety):
    texts = [*safety, ("please", "sure")]
    one, many = (input_moments(model, tokenizer, texts, ["v_proj"], batch_size=size) for size in (1, 5))
    for name in one:
        np.testing.assert_allclose(one[name][0], many[name][0], rtol=1e-4, atol=1e-4)
        assert one[name][1] == many[name][1]


def test_mistakes_are_named(model, tokenizer, safety, task):
    for error, words, call in (
        (tm.UsageError, "'light'", {"variant": "light"}),
        (tm.DataError, "no task data", {"variant": "full", "task_data": ()}),
        (tm.UsageError, "only 16 outputs", {"safety_rank": 12}),
        (tm.UsageError, "called query", {"targets": ["query"]}),
    ):
        with pytest.raises(error, match=words):
            remedy.make_salora(model, tokenizer, safety, **{"task_data": task, **RANKS, **call})
    with pytest.raises(tm.DataError, match="no text"):
        remedy.make_salora(model, tokenizer, [], **RANKS)
    with pytest.raises(tm.DataError, match="answers are empty"):
        remedy.make_salora(model, tokenizer, [("how", "")], **RANKS)
    with pytest.raises(tm.Unsupported, match="float32"):
        remedy.make_salora(make_model().to(torch.bfloat16), tokenizer, safety, task, variant="full", **RANKS)
    adapted = remedy.make_salora(model, tokenizer, safety, **RANKS).model
    with pytest.raises(tm.UsageError, match="adapter already"):
        remedy.make_salora(adapted, tokenizer, safety, **RANKS)


@pytest.fixture
def trained_adapter(tmp_path, model, tokenizer, task):
    import peft

    torch.manual_seed(3)
    config = peft.LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM")
    wrapped = peft.get_peft_model(model, config)
    train(wrapped, tokenizer, task)
    wrapped.save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


def test_repair_takes_the_directions_out_once(trained_adapter, base_folder, safety, tmp_path):
    repairs = remedy.project_adapter(trained_adapter, base_folder, safety, tmp_path / "once", safety_rank=3)
    assert [r.layer for r in repairs][:2] == ["model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.v_proj"]
    assert len(repairs) == 6
    for repair in repairs:
        assert repair.rank == 3
        assert repair.overlap_before > 1e-3 > 1e-12 > repair.overlap_after
        assert 0 < repair.kept < 1
        assert math.isclose(repair.kept**2, 1 - repair.overlap_before, abs_tol=1e-9)
    again = remedy.project_adapter(tmp_path / "once", base_folder, safety, tmp_path / "twice", safety_rank=3)
    assert all(math.isclose(repair.kept, 1, abs_tol=1e-6) for repair in again)
    once, twice = read_adapter(tmp_path / "once")[1], read_adapter(tmp_path / "twice")[1]
    for name in once:
        np.testing.assert_allclose(twice[name][0], once[name][0], atol=1e-7)
        np.testing.assert_array_equal(twice[name][1], once[name][1])


def test_a_repaired_adapter_is_loaded_as_any_other(trained_adapter, base_folder, tokenizer, safety, tmp_path):
    import peft

    remedy.project_adapter(trained_adapter, base_folder, [prompt for prompt, _ in safety], tmp_path / "out", safety_rank=2)
    repaired = peft.PeftModel.from_pretrained(make_model(), str(tmp_path / "out")).eval()
    assert largest_difference(logits(repaired, tokenizer, safety), logits(make_model(), tokenizer, safety)) > 1e-3


def test_an_untrained_adapter_has_nothing_to_repair(base_folder, tokenizer, safety, tmp_path):
    import peft

    wrapped = peft.get_peft_model(make_model(), peft.LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM"))
    wrapped.save_pretrained(tmp_path / "zero")
    repairs = remedy.project_adapter(tmp_path / "zero", base_folder, safety, tmp_path / "out", safety_rank=2)
    assert {repair.kept for repair in repairs} == {None}


@pytest.mark.parametrize("change", [{"use_dora": True}, {"init_lora_weights": "pissa"}, {"modules_to_save": ["lm_head"]}])
def test_adapters_whose_factors_are_not_the_whole_story(trained_adapter, base_folder, safety, tmp_path, change):
    path = trained_adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(tm.Unsupported, match=next(iter(change))):
        remedy.project_adapter(trained_adapter, base_folder, safety, tmp_path / "out", safety_rank=2)
    assert not (tmp_path / "out").exists()


def test_folders_that_hold_something_else(trained_adapter, base_folder, safety, tmp_path):
    with pytest.raises(tm.SubjectError, match="no adapter"):
        remedy.project_adapter(base_folder, base_folder, safety, tmp_path / "out")
    with pytest.raises(tm.SubjectError, match="no model"):
        remedy.project_adapter(trained_adapter, tmp_path, safety, tmp_path / "out")
    with pytest.raises(tm.UsageError, match="not empty"):
        remedy.project_adapter(trained_adapter, base_folder, safety, trained_adapter)
