"""Ready-made questions to a model, to be passed to ``trust.observe``: thin layers over what a subject can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pytest_trustml.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from pytest_trustml.data.dataset import Dataset
    from pytest_trustml.subjects.subject import Subject


def generate(
    subject: Subject, batch: Dataset, *, column: str = "prompt", max_new_tokens: int = 64, system: str | None = None,
    chat: bool = True, temperature: float = 0.0, seed: int = 0,
) -> list[str]:  # fmt: skip
    """Answers of a language model to the prompts in a column, greedy at temperature 0.

    ``system=None`` leaves the system prompt to the chat template, ``system=""`` asks for an empty one.
    """
    return subject.text.generate(
        batch.column(column), max_new_tokens=max_new_tokens, chat=chat, system=system, temperature=temperature, seed=seed
    )


def next_token_logprobs(
    subject: Subject,
    batch: Dataset,
    *,
    tokens: Sequence[int],
    column: str = "prompt",
    system: str | None = None,
    chat: bool = True,
) -> np.ndarray:
    """Log-probability (nat) of each of ``tokens`` as the first token of the answer: (B, len(tokens)) float64."""
    return subject.text.next_token_logprobs(batch.column(column), tokens, chat=chat, system=system)


def sequence_logprobs(
    subject: Subject, batch: Dataset, *, column: str = "answer", prompt: str | None = "prompt", system: str | None = None,
    chat: bool = False,
) -> dict[str, np.ndarray]:  # fmt: skip
    """How probable the texts in ``column`` are as continuations of those in the column ``prompt``.

    Returns
    -------
    dict
        ``sum``: log-probability of the whole continuation (nat), (B,) float64; ``tokens``: its number of tokens, (B,) int64.
        With ``prompt=None`` the texts stand alone.
    """
    import numpy as np

    rows = _logprobs(subject, batch, column, prompt, system, chat)
    return {
        "sum": np.array([np.sum(row, dtype=np.float64) for row in rows], dtype=np.float64),
        "tokens": np.array([len(row) for row in rows], dtype=np.int64),
    }


def token_logprobs(
    subject: Subject, batch: Dataset, *, width: int, column: str = "answer", prompt: str | None = "prompt",
    system: str | None = None, chat: bool = False,
) -> np.ndarray:  # fmt: skip
    """Log-probability (nat) of the first ``width`` tokens of every continuation: (B, width) float64, NaN after its end."""
    import numpy as np

    if width < 1:
        raise UsageError(f"width is {width}. It must be at least 1: it says how many tokens of a text are kept.")
    result = np.full((len(batch), width), np.nan)
    for index, row in enumerate(_logprobs(subject, batch, column, prompt, system, chat)):
        kept = np.asarray(row, dtype=np.float64)[:width]
        result[index, : len(kept)] = kept
    return result


def score_tokens(
    subject: Subject, batch: Dataset, *, column: str = "text", max_tokens: int = 512, bos: bool = False, min_k: float = 0.0
) -> dict[str, np.ndarray]:
    """What one pass of a language model says about each text, as sums over its tokens: see `TextModel.score_tokens`."""
    return dict(subject.text.score_tokens(batch.column(column), max_tokens=max_tokens, bos=bos, min_k=min_k))


def score_suffixes(
    subject: Subject, batch: Dataset, *, column: str = "text", prefix: int = 50, suffix: int = 50, bos: bool = False,
    temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Whether a language model would recite the end of each text from its beginning: see `TextModel.suffix_scores`."""
    how = {"prefix": prefix, "suffix": suffix, "bos": bos, "temperature": temperature, "top_k": top_k, "top_p": top_p}
    return dict(subject.text.suffix_scores(batch.column(column), **how))


def recite(
    subject: Subject, batch: Dataset, *, column: str = "text", prefix: int = 50, suffix: int = 50, bos: bool = False
) -> dict[str, Any]:
    """What a language model says behind the beginning of each text: see `TextModel.recite`."""
    return dict(subject.text.recite(batch.column(column), prefix=prefix, suffix=suffix, bos=bos))


def hidden_states(
    subject: Subject, batch: Dataset, *, column: str = "prompt", system: str | None = None, chat: bool = True
) -> np.ndarray:
    """Residual stream at the last prompt token, the input of every block and the output of the last: (B, L + 1, d)."""
    return subject.text.hidden_states(batch.column(column), chat=chat, system=system)


def classify(subject: Subject, batch: Dataset, *, column: str = "text") -> np.ndarray:
    """Logits of a classifier for the texts or images in a column: (B, classes)."""
    return subject.classifier.logits(_inputs(batch, column))


def embed(subject: Subject, batch: Dataset, *, column: str = "image") -> np.ndarray:
    """Embeddings of an encoder for the texts or images in a column: (B, d)."""
    return subject.encoder.embed(_inputs(batch, column))


def activations(subject: Subject, batch: Dataset, *, layers: Sequence[str], column: str = "image") -> dict[str, np.ndarray]:
    """Activations of an encoder's named modules, pooled over positions: (B, units) each."""
    return subject.encoder.activations(_inputs(batch, column), layers)


def embed_images(subject: Subject, batch: Dataset, *, column: str = "image") -> np.ndarray:
    """Image embeddings in the joint space of an image-text model, not normalised: (B, d)."""
    return subject.pairs.embed_images(_inputs(batch, column))


def embed_texts(subject: Subject, batch: Dataset, *, column: str = "caption") -> np.ndarray:
    """Text embeddings in the joint space of an image-text model, not normalised: (B, d)."""
    return subject.pairs.embed_texts(batch.column(column))


def _logprobs(
    subject: Subject, batch: Dataset, column: str, prompt: str | None, system: str | None, chat: bool
) -> list[np.ndarray]:
    prompts = [""] * len(batch) if prompt is None else batch.column(prompt)
    return subject.text.sequence_logprobs(prompts, batch.column(column), chat=chat, system=system)


def _inputs(batch: Dataset, column: str) -> list[Any]:
    """Texts as they are, images decoded; an array of 8-bit pixels becomes images."""
    cells = batch.column(column)
    if hasattr(cells, "dtype") and cells.dtype.name == "uint8" and cells.ndim in (3, 4):
        from PIL import Image

        return [Image.fromarray(pixels).convert("RGB") for pixels in cells]
    return list(cells)
