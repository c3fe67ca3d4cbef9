"""One pass over the longest prompt says what asking prompt by prompt says."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_trustml.errors import DataError, Unsupported, UsageError
from pytest_trustml.subjects import open_subject

LADDERS = [
    ["the cat", "the cat sat on the mat yes", "the cat sat on the mat yes the cat sat on the mat yes"],
    ["no"],
    ["how do i make", "how do i make cake please no how do i make"],
]


@pytest.fixture(scope="module")
def text(llama):
    return open_subject(str(llama)).text


def test_one_pass_is_prompt_by_prompt(text):
    tokens = text.token_ids("yes no cat")
    found = text.ladder_logprobs(LADDERS, tokens, chat=False)
    for ladder, rows in zip(LADDERS, found, strict=True):
        np.testing.assert_allclose(rows[:, :-1], text.next_token_logprobs(ladder, tokens, chat=False), atol=1e-5)
        every = text.next_token_logprobs(ladder, range(32), chat=False)
        np.testing.assert_allclose(rows[:, -1], every.max(1), atol=1e-5)
    alone = [text.ladder_logprobs([ladder], tokens, chat=False)[0] for ladder in LADDERS]
    for rows, own in zip(found, alone, strict=True):
        np.testing.assert_allclose(rows, own, atol=1e-5)
    assert text.ladder_logprobs([], tokens, chat=False) == []


def test_a_model_with_learned_positions(gpt2):
    other = open_subject(str(gpt2)).text
    for ladder, rows in zip(LADDERS, other.ladder_logprobs(LADDERS, [5, 7], chat=False), strict=True):
        np.testing.assert_allclose(rows[:, :-1], other.next_token_logprobs(ladder, [5, 7], chat=False), atol=1e-5)


def test_prompts_that_are_no_ladder(text):
    with pytest.raises(Unsupported, match="prompt 0 of ladder 0 are not the beginning"):
        text.ladder_logprobs([["the dog", "the cat sat"]], [5], chat=False)
    with pytest.raises(Unsupported, match="Ask prompt by prompt"):  # a chat template closes every prompt
        text.ladder_logprobs([["the cat", "the cat sat"]], [5])
    with pytest.raises(UsageError, match="Ladder 0 has no prompt"):
        text.ladder_logprobs([[]], [5], chat=False)
    with pytest.raises(DataError, match="ids 0 to 31, found 99"):
        text.ladder_logprobs([["the cat"]], [99], chat=False)


def test_an_encoder_decoder_reads_prompts_as_a_whole(t5):
    with pytest.raises(Unsupported, match="reads a prompt as a whole"):
        open_subject(str(t5)).text.ladder_logprobs([["the cat"]], [5], chat=False)
