from __future__ import annotations

import logging
import shutil
import warnings

import numpy as np
import pytest

from pytest_trustml.errors import DataError, SubjectError, Unsupported, UsageError
from pytest_trustml.subjects import open_subject

PROMPTS = ["the cat", "how do i make a cake please", "the dog sat on the mat and the cat sat on a dog", "no"]
CLOSE = {"atol": 2e-5, "rtol": 1e-4}


@pytest.fixture(scope="module")
def text(llama):
    return open_subject(str(llama), device="cpu").text


@pytest.fixture(scope="module")
def plain(llama):
    """The model as transformers gives it, with its tokenizer."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoModelForCausalLM.from_pretrained(llama).eval(), AutoTokenizer.from_pretrained(llama)


def test_greedy_answers_do_not_depend_on_the_batch_and_ignore_sampling_habits(text):
    together = text.generate(PROMPTS, max_new_tokens=8)
    assert together == [text.generate([one], max_new_tokens=8)[0] for one in PROMPTS]
    assert together == text.generate(PROMPTS[::-1], max_new_tokens=8)[::-1]
    assert len(set(together)) > 1


def test_greedy_is_the_argmax_chain(text, plain, torch):
    model, tokenizer = plain
    ids = tokenizer(PROMPTS[1])["input_ids"]
    start = len(ids)
    with torch.no_grad():
        for _ in range(6):
            best = int(model(torch.tensor([ids])).logits[0, -1].argmax())
            if best == 2:
                break
            ids.append(best)
    assert text.generate([PROMPTS[1]], max_new_tokens=6, chat=False) == [
        tokenizer.decode(ids[start:], skip_special_tokens=True)
    ]


def test_samples_depend_on_seed_and_prompt_but_not_on_the_batch(text):
    settings = {"max_new_tokens": 8, "temperature": 1.5}
    first = text.generate(PROMPTS, seed=1, **settings)
    assert first == [text.generate([one], seed=1, **settings)[0] for one in PROMPTS]
    assert first != text.generate(PROMPTS, seed=2, **settings)


def test_samples_follow_the_softmax(text, torch):
    prompts = ["the cat"]
    shares = np.exp(text.next_token_logprobs(prompts, list(range(32)))[0])
    assert shares.sum() == pytest.approx(1)
    tops = [text.generate(prompts, max_new_tokens=1, temperature=1.0, seed=seed)[0] for seed in range(200)]
    for token in np.argsort(shares)[-2:]:
        word = text._residence.get().tokenizer.decode([int(token)], skip_special_tokens=True)
        if word:
            expected = 200 * shares[token]
            assert abs(tops.count(word) - expected) < 5 * np.sqrt(expected) + 3


def test_next_token_logprobs_match_and_do_not_depend_on_the_batch(text, plain, torch):
    model, tokenizer = plain
    found = text.next_token_logprobs(PROMPTS, [5, 7, 2])
    assert found.dtype == np.float64
    for prompt, row in zip(PROMPTS, found, strict=True):
        rendered = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
        )
        ids = tokenizer(rendered, add_special_tokens=False)["input_ids"]
        assert ids.count(1) == 1
        with torch.no_grad():
            expected = model(torch.tensor([ids])).logits[0, -1].log_softmax(-1)[[5, 7, 2]]
        np.testing.assert_allclose(row, expected.numpy(), **CLOSE)


@pytest.mark.parametrize("most", [1, 400, 2**26])
def test_sequence_logprobs_match_in_any_grouping(text, plain, torch, monkeypatch, most):
    import pytest_trustml.subjects.passes as module

    monkeypatch.setattr(module, "MOST_LOGITS", most)
    model, tokenizer = plain
    tails = [" sat on a mat", " and the dog", "", " be kind"]
    found = text.sequence_logprobs(PROMPTS, tails)
    assert [len(one) for one in found] == [4, 3, 0, 2]
    for prompt, tail, row in zip(PROMPTS, tails, found, strict=True):
        head, whole = tokenizer(prompt)["input_ids"], tokenizer(prompt + tail)["input_ids"]
        with torch.no_grad():
            all_ = model(torch.tensor([whole])).logits[0].log_softmax(-1)
        expected = [float(all_[i - 1, whole[i]]) for i in range(len(head), len(whole))]
        np.testing.assert_allclose(row, expected, **CLOSE)


def test_hidden_states_are_the_residual_stream_before_the_norm(text, plain, torch):
    model, tokenizer = plain
    found = text.hidden_states(PROMPTS, chat=False)
    assert found.shape == (4, 3, 16)
    assert found.dtype == np.float32
    for prompt, row in zip(PROMPTS, found, strict=True):
        ids = torch.tensor([tokenizer(prompt)["input_ids"]])
        with torch.no_grad():
            hidden = model(ids, output_hidden_states=True).hidden_states
            last = model.model.norm(torch.from_numpy(row[-1]))
        np.testing.assert_allclose(row[0], hidden[0][0, -1], **CLOSE)
        np.testing.assert_allclose(row[1], hidden[1][0, -1], **CLOSE)
        np.testing.assert_allclose(last, hidden[2][0, -1], **CLOSE)


def test_gpt2_without_pad_start_or_template(gpt2, torch):
    from transformers import AutoModelForCausalLM

    text = open_subject(str(gpt2), device="cpu").text
    together = text.generate(PROMPTS, max_new_tokens=6, chat=False)
    assert together == [text.generate([one], max_new_tokens=6, chat=False)[0] for one in PROMPTS]
    (row,) = text.sequence_logprobs([""], ["the cat sat"])
    ids = torch.tensor([[1, *text.token_ids("the cat sat")]])
    with torch.no_grad():
        all_ = AutoModelForCausalLM.from_pretrained(gpt2).eval()(ids).logits[0].log_softmax(-1)
    np.testing.assert_allclose(row, [float(all_[i, ids[0, i + 1]]) for i in range(3)], **CLOSE)
    states = text.hidden_states(PROMPTS, chat=False)
    np.testing.assert_allclose(states[3], text.hidden_states(PROMPTS[3:], chat=False)[0], **CLOSE)
    with pytest.raises(SubjectError, match=r"no chat template.*chat=False"):
        text.generate(["the cat"])


def test_encoder_decoder(t5, torch):
    from transformers import AutoModelForSeq2SeqLM

    subject = open_subject(str(t5), device="cpu")
    assert subject.capabilities == ("text",)
    text = subject.text
    together = text.generate(PROMPTS, max_new_tokens=6, chat=False)
    assert together == [text.generate([one], max_new_tokens=6, chat=False)[0] for one in PROMPTS]
    found = text.sequence_logprobs(PROMPTS, ["the cat", "dog", "a mat please", "no"])
    model = AutoModelForSeq2SeqLM.from_pretrained(t5).eval()
    ids, labels = torch.tensor([[1, *text.token_ids(PROMPTS[2])]]), text.token_ids("a mat please")
    with torch.no_grad():
        all_ = model(input_ids=ids, decoder_input_ids=torch.tensor([[3, *labels[:-1]]])).logits[0].log_softmax(-1)
    np.testing.assert_allclose(found[2], [float(all_[i, token]) for i, token in enumerate(labels)], **CLOSE)
    assert text.next_token_logprobs(PROMPTS, [4, 5], chat=False).shape == (4, 2)
    assert text.hidden_states(PROMPTS, chat=False).shape == (4, 3, 16)


def test_nothing_to_do(text):
    assert text.generate([]) == []
    assert text.sequence_logprobs([], []) == []
    assert text.next_token_logprobs([], [1]).shape == (0, 1)
    assert text.hidden_states([]).shape == (0, 3, 16)


def test_system_prompt_changes_the_answer_and_needs_the_template(text):
    assert not np.allclose(
        text.next_token_logprobs(["the cat"], [5]), text.next_token_logprobs(["the cat"], [5], system="be kind")
    )
    with pytest.raises(UsageError, match="system prompt needs the chat template"):
        text.generate(["the cat"], chat=False, system="be kind")


def test_mistakes_are_named(text):
    with pytest.raises(DataError, match=r"Text 0 of the batch has \d+ tokens and 64 new ones, but the context .* is 64"):
        text.generate(["the cat"])
    with pytest.raises(DataError, match=r"Text 1 of the batch has 81 tokens, but the context"):
        text.sequence_logprobs(["a", "a " * 80], ["", ""])
    with pytest.raises(UsageError, match=r"found one string. Write \[prompt\]"):
        text.generate("the cat")
    with pytest.raises(DataError, match="Prompt 1 of the batch is no text but int"):
        text.generate(["a", 3], max_new_tokens=2)
    with pytest.raises(DataError, match="ids 0 to 31, found 99"):
        text.next_token_logprobs(["a"], [99])
    with pytest.raises(UsageError, match="found 1 and 2"):
        text.sequence_logprobs(["a"], ["b", "c"])


def test_a_template_that_refuses_is_a_clear_error(llama, tmp_path, make_tokenizer):
    folder = shutil.copytree(llama, tmp_path / "model")
    tokenizer = make_tokenizer()
    tokenizer.chat_template = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}a b"
    tokenizer.save_pretrained(folder)
    text = open_subject(str(folder), device="cpu").text
    assert text.generate(["a"], max_new_tokens=1)
    with pytest.raises(SubjectError, match="fails with a system prompt: no system role"):
        text.generate(["a"], max_new_tokens=1, system="be kind")


def test_loading_and_generating_is_silent_and_restores_the_voices(llama, capfd, torch):
    import transformers.utils.logging as voice

    level, bars = logging.getLogger("transformers").level, voice.is_progress_bar_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        subject = open_subject(str(llama), device="cpu")
        subject.text.generate(["the cat"], max_new_tokens=2)
    out = capfd.readouterr()
    assert out.out + out.err == ""
    assert (logging.getLogger("transformers").level, voice.is_progress_bar_enabled()) == (level, bars)


def test_unsupported_says_what_would_have_it(llama):
    subject = open_subject(str(llama), device="cpu")
    with pytest.raises(Unsupported, match=r"This model is a language model \(LlamaForCausalLM\); pairs needs an image-text"):
        _ = subject.pairs
    with pytest.raises(UsageError, match="Did you mean 'pairs'"):
        subject.why_not("pair")
