from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from pytest_trustml.errors import SubjectError, UsageError
from pytest_trustml.subjects import open_subject

PROMPTS = ["the cat", "how do i make a cake please", "the dog sat on the mat and the cat sat on a dog", "no"]
CLOSE = {"atol": 2e-5, "rtol": 1e-4}
TAILS = [" sat on a mat", " and the dog", " please", " be kind"]


def scores(text):
    return np.concatenate(text.sequence_logprobs(PROMPTS, TAILS))


@pytest.mark.parametrize("name", ["plain", "pattern", "dora", "mica", "gpt2"])
def test_the_adapter_off_is_the_base_and_on_is_the_peft_model(adapters, llama, gpt2, torch, name):
    import peft
    from transformers import AutoModelForCausalLM

    base = gpt2 if name == "gpt2" else llama
    subject = open_subject(str(adapters / name), base=str(base), device="cpu")
    adapted, off = scores(subject.text), scores(subject.adapter.base.text)
    assert subject.loaded
    assert subject.adapter.base.loaded
    fresh = open_subject(str(base), device="cpu")
    np.testing.assert_array_equal(off, scores(fresh.text))
    assert np.abs(adapted - off).max() > 1e-2
    model = peft.PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapters / name).eval()
    coder = subject.text
    for i, (prompt, tail) in enumerate(zip(PROMPTS, TAILS, strict=True)):
        start = [1] if name != "gpt2" else []
        head = [*start, *coder.token_ids(prompt)]
        ids = [*head, *coder.token_ids(tail)]
        with torch.no_grad():
            all_ = model(torch.tensor([ids])).logits[0].log_softmax(-1)
        expected = [float(all_[j - 1, ids[j]]) for j in range(len(head), len(ids))]
        np.testing.assert_allclose(coder.sequence_logprobs([prompt], [tail])[0], expected, err_msg=str(i), **CLOSE)


@pytest.mark.parametrize("name", ["plain", "pattern", "gpt2"])
def test_factors_rebuild_the_adapted_model(adapters, llama, gpt2, torch, name):
    from transformers import AutoModelForCausalLM

    base = gpt2 if name == "gpt2" else llama
    subject = open_subject(str(adapters / name), base=str(base), device="cpu")
    adapter, expected = subject.adapter, scores(subject.text)
    layers = adapter.layers()
    model = AutoModelForCausalLM.from_pretrained(base).eval()
    modules = dict(model.named_modules())
    assert layers == [one for one in modules if one in layers]
    ranks = set()
    for layer in layers:
        left, right, scale = adapter.factors(layer)
        merged = adapter.weight(layer) + scale * left @ right
        ranks.add((right.shape[0], round(scale, 3)))
        assert merged.dtype == np.float64
        modules[layer].weight.data = torch.from_numpy(merged.T if name == "gpt2" else merged).float().contiguous()
    assert ranks == {"plain": {(4, 2.0)}, "gpt2": {(4, 2.0)}, "pattern": {(2, 5.657), (4, 4.0), (4, 1.5)}}[name]
    coder = subject.text
    for prompt, tail, size in zip(PROMPTS, TAILS, [4, 3, 1, 2], strict=True):
        ids = [*([1] if name != "gpt2" else []), *coder.token_ids(prompt + tail)]
        with torch.no_grad():
            all_ = model(torch.tensor([ids])).logits[0].log_softmax(-1)
        found = [float(all_[j - 1, ids[j]]) for j in range(len(ids) - size, len(ids))]
        np.testing.assert_allclose(found, expected[:size], **CLOSE)
        expected = expected[size:]


def test_input_moments_are_those_of_the_base_without_padding(adapters, llama, torch):
    from transformers import AutoModelForCausalLM

    adapter = open_subject(str(adapters / "plain"), base=str(llama), device="cpu").adapter
    whole, tails = adapter.input_moments(PROMPTS), adapter.input_moments(PROMPTS, TAILS)
    assert list(whole) == adapter.layers()
    model = AutoModelForCausalLM.from_pretrained(llama).eval()
    layer = "model.layers.1.mlp.down_proj"
    kept = []
    dict(model.named_modules())[layer].register_forward_pre_hook(lambda _, args: kept.append(args[0][0].double().numpy()))
    coder = adapter.base.text
    sums = [np.zeros((24, 24)), np.zeros((24, 24))]
    count = [0, 0]
    for prompt, tail in zip(PROMPTS, TAILS, strict=True):
        head, end = [1, *coder.token_ids(prompt)], coder.token_ids(tail)
        with torch.no_grad():
            model(torch.tensor([head]))
            model(torch.tensor([head + end]))
        sums[0] += kept[-2].T @ kept[-2]
        sums[1] += kept[-1][len(head) :].T @ kept[-1][len(head) :]
        count[0] += len(head)
        count[1] += len(end)
    for found, expected, n in zip((whole, tails), sums, count, strict=True):
        np.testing.assert_allclose(found[layer][0], expected, **CLOSE)
        assert found[layer][0].dtype == np.float64
        assert found[layer][1] == n
    empty = adapter.input_moments([])
    assert empty[layer][1] == 0
    assert not empty[layer][0].any()


def test_the_base_arm_is_a_subject_of_its_own(adapters, llama, gpt2):
    subject = open_subject(str(adapters / "plain"), base=str(llama), device="cpu")
    base = subject.adapter.base
    assert base.fingerprint == open_subject(str(llama)).fingerprint != subject.fingerprint
    assert base.capabilities == ("text", "encoder")
    assert base is subject.adapter.base
    assert not np.allclose(base.encoder.embed(PROMPTS), subject.encoder.embed(PROMPTS))
    base.close()
    assert not subject.loaded


def test_the_stored_path_of_the_base_is_neither_followed_nor_counted(adapters, llama, tmp_path, edit_json):
    folder = shutil.copytree(adapters / "plain", tmp_path / "adapter")
    before = open_subject(str(folder), base=str(llama), device="cpu")
    expected = scores(before.text)
    edit_json(folder / "adapter_config.json", base_model_name_or_path="/nowhere/at/all")
    after = open_subject(str(folder), base=str(llama), device="cpu")
    assert after.fingerprint == before.fingerprint
    np.testing.assert_array_equal(scores(after.text), expected)
    edit_json(folder / "adapter_config.json", lora_alpha=9)
    assert open_subject(str(folder), base=str(llama)).fingerprint != before.fingerprint


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"init_lora_weights": "pissa_niter_4"}, "init_lora_weights='pissa_niter_4'.*not the base"),
        ({"init_lora_weights": "olora"}, "init_lora_weights='olora'"),
        ({"init_lora_weights": "lora_ga"}, "init_lora_weights='lora_ga'"),
        ({"init_lora_weights": 1}, "init_lora_weights=1"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save.*Merge it"),
        ({"trainable_token_indices": [1]}, "retrained token embeddings"),
        ({"bias": "all"}, "retrained biases"),
        ({"layer_replication": [[0, 2]]}, "repeats layers"),
        ({"alora_invocation_tokens": [1]}, "alora_invocation_tokens, which a plain LoRA does not have"),
        ({"brand_new_trick": True}, "uses brand_new_trick"),
        ({"peft_type": "IA3"}, "is IA3, not LoRA"),
        ({"auto_map": {"a": "b.c"}}, "brings its own Python code"),
    ],
)
def test_adapters_that_are_more_than_a_low_rank_update_are_refused(adapters, llama, tmp_path, edit_json, values, message):
    folder = shutil.copytree(adapters / "plain", tmp_path / "adapter")
    edit_json(folder / "adapter_config.json", **values)
    with pytest.raises(SubjectError, match=message):
        open_subject(str(folder), base=str(llama))


def test_dora_has_no_two_factors(adapters, llama):
    adapter = open_subject(str(adapters / "dora"), base=str(llama), device="cpu").adapter
    with pytest.raises(SubjectError, match="is DoRA: it also rescales"):
        adapter.factors(adapter.layers()[0])
    with pytest.raises(UsageError, match=r"Unknown adapted layer 'model.layers.0.self_attn.qproj'. Did you mean"):
        adapter.weight("model.layers.0.self_attn.qproj")


def test_an_adapter_on_the_wrong_base(adapters, llama, gpt2, bert, t5, torch, tmp_path):
    from transformers import LlamaConfig, LlamaForCausalLM

    with pytest.raises(UsageError, match=r"is a LoRA adapter and needs its base model. Give it with --trustml-base-model"):
        open_subject(str(adapters / "plain"))
    with pytest.raises(SubjectError, match="is an adapter itself"):
        open_subject(str(adapters / "plain"), base=str(adapters / "dora"))
    with pytest.raises(SubjectError, match=r"is a text classifier \(BertForSequenceClassification\)"):
        open_subject(str(adapters / "plain"), base=str(bert))
    with pytest.raises(UsageError, match="directory or hf:"):
        open_subject(str(adapters / "plain"), base="py:os:getcwd")
    with pytest.raises(SubjectError, match=r"does not fit the base.*q_proj"):
        open_subject(str(adapters / "plain"), base=str(gpt2), device="cpu").load()
    for values, message in (
        ({"hidden_size": 32}, r"does not fit the base .*lora_A.*\[4, 16\]\) in the adapter"),
        ({"hidden_size": 16, "num_hidden_layers": 3}, "lacks a tensor that its configuration asks for"),
        ({"hidden_size": 16, "num_hidden_layers": 1}, "carries a tensor that the base has no place for"),
    ):
        config = LlamaConfig(vocab_size=32, intermediate_size=24, num_attention_heads=2, num_key_value_heads=1, head_dim=8,
                             **{"num_hidden_layers": 2, **values})  # fmt: skip
        other = shutil.copytree(llama, tmp_path / str(len(list(tmp_path.iterdir()))))
        LlamaForCausalLM(config).save_pretrained(other)
        with pytest.raises(SubjectError, match=message):
            open_subject(str(adapters / "plain"), base=str(other), device="cpu").load()


def test_an_adapter_of_embeddings_is_refused(llama, tmp_path):
    import peft
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(llama)
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj", "embed_tokens"])
    peft.get_peft_model(model, config).save_pretrained(tmp_path / "a", save_embedding_layers=False)
    with pytest.raises(SubjectError, match=r"changes model.embed_tokens, an? Embedding; only linear layers"):
        open_subject(str(tmp_path / "a"), base=str(llama), device="cpu").load()


def test_the_adapter_file_is_read_only_as_safetensors(adapters, llama, tmp_path, torch):
    folder = shutil.copytree(adapters / "plain", tmp_path / "adapter")
    torch.save({}, folder / "adapter_model.bin")
    (folder / "adapter_model.safetensors").unlink()
    with pytest.raises(SubjectError, match=r"are a pickle \(adapter_model.bin\).*safetensors"):
        open_subject(str(folder), base=str(llama))
    assert json.loads((folder / "adapter_config.json").read_text())["peft_type"] == "LORA"
