"""Language models of the transformers library: answers, log-probabilities and the residual stream."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch

from pytest_trustml.errors import DataError, Unsupported, UsageError
from pytest_trustml.subjects.hooks import blocks_of, residual_stream
from pytest_trustml.subjects.passes import parts, scored, wide
from pytest_trustml.subjects.quiet import quiet
from pytest_trustml.subjects.residence import Loaded, Residence
from pytest_trustml.subjects.sampling import Sampler, generator
from pytest_trustml.subjects.token_scores import LOWEST, position_sums, sampled_moments
from pytest_trustml.subjects.tokens import Tokens, check_texts


class LanguageModel:
    """``subject.text``. Scores are taken with padding on the right, so a row's numbers do not depend on its neighbours."""

    def __init__(self, residence: Residence[Loaded], adapted: bool = True) -> None:
        self._residence = residence
        self._adapted = adapted

    @contextmanager
    def _open(self, beside: LanguageModel | None = None) -> Iterator[tuple[Any, Tokens]]:
        loaded = self._residence.get(None if beside is None else beside._residence)
        switch = nullcontext if self._adapted else loaded.without_adapter
        with torch.inference_mode(), switch():
            yield loaded.model, Tokens(loaded)

    def generate(
        self,
        prompts: Sequence[str],
        *,
        max_new_tokens: int = 64,
        chat: bool = True,
        system: str | None = None,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> list[str]:
        """Answers to the prompts.

        Greedy at temperature 0. Above it, samples from the softmax at that temperature; every prompt has a generator of its
        own, seeded from ``seed`` and the prompt's text, so an answer does not depend on the batch (the same prompt twice
        gives the same answer: change the seed for another). Sampling values that the checkpoint carries are ignored.
        """
        if max_new_tokens < 1 or temperature < 0:
            raise UsageError(f"max_new_tokens is at least 1 and temperature at least 0, found {max_new_tokens}, {temperature}.")
        if not len(prompts):
            return []
        with self._open() as (model, tokens):
            seq2seq = model.config.is_encoder_decoder
            rows = tokens.prompt_ids(prompts, chat, system, room=0 if seq2seq else max_new_tokens)
            ids, mask = tokens.pad_rows(rows, left=not seq2seq)
            settings = copy.deepcopy(model.generation_config)
            settings.update(
                max_new_tokens=max_new_tokens, do_sample=False, num_beams=1, use_cache=True, pad_token_id=tokens.pad,
                eos_token_id=tokens.end or None,
            )  # fmt: skip
            noise = [Sampler(temperature, seed, rows)] if temperature > 0 else []
            with quiet():
                found = model.generate(ids, attention_mask=mask, generation_config=settings, logits_processor=noise)
            start = 1 if seq2seq else ids.shape[1]
            return [tokens.text(row) for row in found[:, start:].tolist()]

    def next_token_logprobs(
        self, prompts: Sequence[str], tokens: Sequence[int], *, chat: bool = True, system: str | None = None
    ) -> np.ndarray:
        """Log-probability (nat) of each of ``tokens`` as the first token of the answer: (B, len(tokens)) float64."""
        found = np.empty((len(prompts), len(tokens)))
        with self._open() as (model, coder):
            vocabulary = model.config.get_text_config().vocab_size
            bad = [token for token in tokens if not 0 <= token < vocabulary]
            if bad:
                raise DataError(f"The vocabulary of {coder.name} has ids 0 to {vocabulary - 1}, found {bad[0]}.")
            rows = coder.prompt_ids(prompts, chat, system)
            for part in parts(rows, vocabulary):
                for i, (logits, _) in zip(part, scored(model, coder, [(rows[i], [0]) for i in part]), strict=True):
                    found[i] = torch.log_softmax(wide(logits[0]), -1)[list(tokens)].cpu().numpy()
        return found

    def ladder_logprobs(
        self, ladders: Sequence[Sequence[str]], tokens: Sequence[int], *, chat: bool = True, system: str | None = None
    ) -> list[np.ndarray]:
        """Log-probabilities behind each of several prompts that begin with one another: see `TextModel.ladder_logprobs`."""
        from pytest_trustml.subjects.ladders import ladder_logprobs

        with self._open() as (model, coder):
            return ladder_logprobs(model, coder, ladders, tokens, chat, system)

    def sequence_logprobs(
        self, prompts: Sequence[str], continuations: Sequence[str], *, chat: bool = False, system: str | None = None
    ) -> list[np.ndarray]:
        """Log-probability (nat) of every token of each continuation given its prompt: B float64 arrays of (T_i,).

        Prompt and continuation are tokenised together, unless that would change the tokens of the prompt. An empty prompt
        stands for the start token. No end token is scored.
        """
        with self._open() as (model, coder):
            rows = coder.continued_ids(prompts, continuations, chat, system)
            found = [np.empty(0)] * len(rows)
            for part in parts([head + tail for head, tail in rows], model.config.get_text_config().vocab_size):
                for i, (logits, tail) in zip(part, scored(model, coder, [rows[i] for i in part]), strict=True):
                    found[i] = _gathered(logits, tail)
        return found

    def score_tokens(
        self,
        texts: Sequence[str],
        *,
        reference: LanguageModel | None = None,
        max_tokens: int = 512,
        bos: bool = False,
        min_k: float = 0.0,
        draws: int = 0,
        seed: int = 0,
    ) -> dict[str, np.ndarray]:
        """What the model's guesses say about each text, summed over its tokens: see `TextModel.score_tokens`.

        The texts go through the model alone, without any template, in batches whose logits fit into memory.
        """
        if draws < 0 or draws == 1:
            raise UsageError(f"draws is {draws}. It takes two at least to see how they spread; 0 draws nothing.")
        if not 0 <= min_k <= 1:
            raise UsageError(f"min_k is {min_k}. It is the share of the least likely tokens, up to 1; 0 leaves it out.")
        if max_tokens < 2:
            raise UsageError(f"max_tokens is {max_tokens}. It takes two tokens at least: one to guess from, one to guess.")
        rows, most = self._token_rows(texts, bos, None)
        if reference is not None:
            if not isinstance(reference, LanguageModel):
                raise Unsupported("The reference model is not one of transformers, so its guesses cannot be had. Give another.")
            others, room = reference._token_rows(texts, bos, self)
            if others != rows:
                raise DataError(
                    "The model and the reference model cut the texts into different tokens, so their guesses cannot be "
                    "compared. Give a reference model with the same tokenizer, such as an earlier or larger one of the family."
                )
            most = min((one for one in (most, room) if one is not None), default=None)
        longest = max_tokens + bos if most is None else min(max_tokens + bos, most)
        rows = [row[:longest] for row in rows]
        found: list[dict[str, float]] = [{}] * len(rows)
        with self._open(reference) as (model, _):
            vocabulary = model.config.get_text_config().vocab_size * (1 if reference is None else 2)
        for part in parts(rows, vocabulary):
            mine = self._logits([rows[i] for i in part], reference)
            theirs = None if reference is None else reference._logits([rows[i] for i in part], self)
            for place, i in enumerate(part):
                other = None if theirs is None else theirs[place]
                found[i] = _text_sums(mine[place], other, rows[i], min_k)
                if draws:
                    count = max(0, len(rows[i]) - 1)
                    found[i] |= sampled_moments(
                        mine[place][:count], None if other is None else other[:count], draws, generator(seed, rows[i])
                    )
        return {name: np.array([sums[name] for sums in found]) for name in (found[0] if found else ())}

    def _token_rows(self, texts: Sequence[str], bos: bool, beside: LanguageModel | None) -> tuple[list[list[int]], int | None]:
        """The ids of bare texts, with the start token if it is asked for, and how many of them the model can take."""
        check_texts(texts, "text")
        with self._open(beside) as (model, coder):
            if model.config.is_encoder_decoder:
                raise Unsupported(f"{coder.name} is an encoder-decoder; it guesses no text from the left. Give a causal model.")
            start = coder.tokenizer.bos_token_id
            if bos and start is None:
                raise UsageError(f"The tokenizer of {coder.name} has no start token. Score without it (bos = false).")
            return [([start] if bos else []) + coder.ids(text) for text in texts], coder.context

    def _logits(self, rows: Sequence[list[int]], beside: LanguageModel | None) -> torch.Tensor:
        with self._open(beside) as (model, coder):
            ids, mask = coder.pad_rows(rows)
            if not ids.numel():
                return torch.empty(len(rows), 0, 1)
            return model(input_ids=ids, attention_mask=mask, use_cache=False).logits

    def suffix_scores(
        self, texts: Sequence[str], *, prefix: int = 50, suffix: int = 50, bos: bool = False, temperature: float = 1.0,
        top_k: int = 0, top_p: float = 1.0,
    ) -> dict[str, np.ndarray]:  # fmt: skip
        """How the model would go on from the beginning of each text, from one pass: see `TextModel.suffix_scores`."""
        from pytest_trustml.subjects.suffixes import suffix_scores

        rows, _ = self._token_rows(texts, bos, None)
        how = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        with self._open() as (model, coder):
            return suffix_scores(model, coder, rows, prefix + bos, suffix, how)

    def recite(self, texts: Sequence[str], *, prefix: int = 50, suffix: int = 50, bos: bool = False) -> dict[str, Any]:
        """How the model goes on greedily from the beginning of each text: see `TextModel.recite`."""
        from pytest_trustml.subjects.suffixes import recite

        rows, _ = self._token_rows(texts, bos, None)
        with self._open() as (model, coder):
            return recite(model, coder, rows, prefix + bos, suffix)

    def hidden_states(self, prompts: Sequence[str], *, chat: bool = True, system: str | None = None) -> np.ndarray:
        """The residual stream at the last prompt token: the input of every block and the output of the last, before the
        final norm: (B, L + 1, d) float32. For an encoder-decoder, that of the encoder."""
        with self._open() as (model, tokens):
            rows = tokens.prompt_ids(prompts, chat, system)
            root = model.get_encoder() if model.config.is_encoder_decoder else model.base_model
            if not rows:
                width = model.config.get_text_config().hidden_size
                return np.empty((0, len(blocks_of(root)) + 1, width), np.float32)
            ids, mask = tokens.pad_rows(rows)
            last = torch.tensor([len(row) - 1 for row in rows], device=ids.device)
            with residual_stream(root, last) as stream:
                root(input_ids=ids, attention_mask=mask, **({} if model.config.is_encoder_decoder else {"use_cache": False}))
            return torch.stack(stream, 1).float().cpu().numpy()

    def token_ids(self, text: str) -> list[int]:
        """The ids of a text without special tokens."""
        return Tokens(self._residence.get()).ids(text)


def _text_sums(logits: torch.Tensor, reference: torch.Tensor | None, row: Sequence[int], min_k: float) -> dict[str, float]:
    """The sums of one text, the number of tokens behind them, and of a reference the cross-entropy behind the last token."""
    count = max(0, len(row) - 1)
    tokens = torch.tensor(row[1:], dtype=torch.long, device=logits.device)
    others = None if reference is None else reference[:count].to(logits.device)
    lowest = dict.fromkeys(LOWEST, np.nan) if min_k else {}
    sums = {"tokens": float(count), **lowest, **position_sums(logits[:count], tokens, others, min_k=min_k)}
    if reference is not None:
        behind = slice(count, len(row))
        last = torch.zeros(len(row) - count, dtype=torch.long, device=logits.device)
        sums["last_cross_entropy"] = position_sums(logits[behind], last, reference[behind].to(logits.device))["cross_entropy"]
    return sums


def _gathered(logits: torch.Tensor, tail: Sequence[int], step: int = 256) -> np.ndarray:
    """Log-probabilities of the tail, a few positions at a time: the float64 copy of the logits stays small."""
    wanted = torch.tensor(list(tail), device=wide(logits[:0]).device, dtype=torch.long)
    found = []
    for first in range(0, len(tail), step):
        part = wide(logits[first : first + step])
        chosen = part.gather(1, wanted[first : first + step, None])[:, 0]
        found.append((chosen - torch.logsumexp(part, -1)).cpu().numpy())
    return np.concatenate(found) if found else np.empty(0)
