"""How much of a human summary an answer says in other words: BERTScore, from the token vectors of a local encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import pytest_trustml as tm

NAMES = ("bertscore", "bertscore_precision", "bertscore_recall")
"""F1, precision and recall."""
_BATCH = 64
_LONGEST = 512


def bertscore(answer: np.ndarray, summary: np.ndarray) -> tuple[float, float, float]:
    """F1, precision and recall of one answer from token vectors of length 1, shapes (a, d) and (s, d).

    Each token of the answer is compared with the one of the summary that is most like it (cosine), and the other way round;
    precision is the mean over the answer's tokens, recall over the summary's. A text without a token has 0.

    References
    ----------
    Zhang, Kishore, Wu, Weinberger, Artzi, ICLR 2020, section 3, without idf weights and without a rescaling baseline.

    Examples
    --------
    >>> one = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> bertscore(one, one)
    (1.0, 1.0, 1.0)
    >>> [round(value, 4) for value in bertscore(one[:1], one)]
    [0.6667, 1.0, 0.5]
    """
    if not len(answer) or not len(summary):
        return 0.0, 0.0, 0.0
    alike = answer @ summary.T
    precision, recall = float(alike.max(axis=1).mean()), float(alike.max(axis=0).mean())
    both = precision + recall
    return (2 * precision * recall / both if both > 0 else 0.0), precision, recall


class Encoder:
    """The token vectors of a text encoder in a directory, read without its special tokens.

    Parameters
    ----------
    folder : str
        A directory that transformers saved: an encoder (BERT, RoBERTa, DeBERTa, ...) with its tokenizer and safetensors.

    Raises
    ------
    UsageError
        If there is no such directory or no encoder in it.
    """

    def __init__(self, folder: str) -> None:
        import torch
        from transformers import AutoModel, AutoTokenizer

        if not (Path(folder) / "config.json").is_file():
            raise tm.UsageError(
                f"The option encoder is {folder!r}, where no config.json lies. Give the directory of a text encoder that "
                "transformers saved, such as a copy of roberta-large."
            )
        try:
            with tm.quiet():
                self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
                self._model: Any = AutoModel.from_pretrained(
                    folder, local_files_only=True, use_safetensors=True, trust_remote_code=False, dtype=torch.float32,
                    attn_implementation="eager",
                ).eval()  # fmt: skip
        except (OSError, ValueError, KeyError) as error:
            raise tm.UsageError(f"The encoder in {folder} cannot be opened: {' '.join(str(error).split())[:300]}") from error
        if self._model.config.is_encoder_decoder or self._model.get_input_embeddings() is None:
            raise tm.UsageError(f"{folder} holds no text encoder: BERTScore compares token vectors of one. Give e.g. a BERT.")
        places = getattr(self._model.config, "max_position_embeddings", None) or _LONGEST
        self._limit = min(_LONGEST, self._tokenizer.model_max_length, int(places) - 2)

    def vectors(self, texts: Sequence[str], step: Callable[[int], None] = lambda done: None) -> dict[str, np.ndarray]:
        """Text -> vectors (tokens, d) of length 1, from the last layer; each different text is read once."""
        import torch

        found: dict[str, np.ndarray] = {}
        waiting = sorted(set(texts), key=lambda text: (len(text), text))
        for start in range(0, len(waiting), _BATCH):
            part = waiting[start : start + _BATCH]
            read = self._tokenizer(
                part, truncation=True, max_length=self._limit, padding=True, return_tensors="pt",
                return_special_tokens_mask=True,
            )  # fmt: skip
            special = read.pop("special_tokens_mask").bool()
            with torch.inference_mode():
                states = torch.nn.functional.normalize(self._model(**read).last_hidden_state.double(), dim=-1).numpy()
            kept = (read["attention_mask"].bool() & ~special).numpy()
            for text, state, mask in zip(part, states, kept, strict=True):
                found[text] = state[mask].astype(np.float32)
            step(len(part))
        return found


def bertscores(
    encoder: Encoder, answers: Sequence[Sequence[str]], summaries: Sequence[str],
    step: Callable[[int], None] = lambda done: None,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Each of `NAMES` -> (K, Q) values of K generators' answers to Q queries; higher is closer to the human summary.

    ``step`` is told how many different texts were read.
    """
    human = encoder.vectors(summaries, step)
    table = np.empty((len(NAMES), len(answers), len(summaries)))
    for row, own in enumerate(answers):
        mine = encoder.vectors(own, step)
        for place, (answer, summary) in enumerate(zip(own, summaries, strict=True)):
            table[:, row, place] = bertscore(mine[answer], human[summary])
    return dict(zip(NAMES, table, strict=True))
