"""From prompts to token ids and back: chat templates, start tokens, padding, and the length of the context."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from pytest_trustml.errors import DataError, SubjectError, UsageError
from pytest_trustml.subjects.residence import Loaded


class Tokens:
    """The tokenizer of a loaded language model, with the habits that make scores comparable."""

    def __init__(self, loaded: Loaded) -> None:
        self.tokenizer = loaded.tokenizer
        self.config = loaded.model.config
        self.name = loaded.name
        self.device = loaded.device
        habits = getattr(loaded.model, "generation_config", None)
        self.end = sorted({*_ids(getattr(habits, "eos_token_id", None)), *_ids(self.tokenizer.eos_token_id)})
        pad = self.tokenizer.pad_token_id
        self.pad = pad if pad is not None else (self.end[0] if self.end else 0)

    @property
    def context(self) -> int | None:
        """The most tokens the model can take, or None if it sets no limit."""
        config = self.config.get_text_config()
        for name in ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx", "seq_length"):
            value = getattr(config, name, None)
            if isinstance(value, int) and value > 0:
                return value
        return None

    def render(self, prompts: Sequence[str], chat: bool, system: str | None) -> list[str]:
        """The texts that the model reads: with ``chat`` the prompts inside the chat template."""
        check_texts(prompts)
        if not chat:
            if system is not None:
                raise UsageError("A system prompt needs the chat template: ask with chat=True, or put it into the prompts.")
            return list(prompts)
        if not getattr(self.tokenizer, "chat_template", None):
            raise SubjectError(
                f"The tokenizer of {self.name} has no chat template. Ask with chat=False for a model that only continues text, "
                "or save the template of a chat model beside it (chat_template.jinja)."
            )
        first = [] if system is None else [{"role": "system", "content": system}]
        try:
            return [
                self.tokenizer.apply_chat_template(
                    [*first, {"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
                )
                for prompt in prompts
            ]
        except Exception as error:  # jinja2 raises whatever the template asks for, e.g. "System role not supported"
            what = "with a system prompt" if system is not None else ""
            raise SubjectError(
                f"The chat template of {self.name} fails {what}: {' '.join(str(error).split())[:300]}"
            ) from error

    def ids(self, text: str, chat: bool = True) -> list[int]:
        """Token ids of a rendered text. A template writes its own start token, so none is added to it."""
        plain = list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        if chat:
            return plain
        full = list(self.tokenizer(text, add_special_tokens=True)["input_ids"])
        if not self.config.is_encoder_decoder:
            # A text that is to be continued must not end with the end token that some tokenizers add.
            specials = set(self.tokenizer.all_special_ids)
            while full and full[-1] in specials and (not plain or plain[-1] != full[-1]) and len(full) > 1:
                full.pop()
        start = self.tokenizer.bos_token_id
        if start is not None and full[:2] == [start, start]:
            full = full[1:]  # the text began with the start token already
        return full

    def prompt_ids(self, prompts: Sequence[str], chat: bool, system: str | None, room: int = 0) -> list[list[int]]:
        """Token ids of the prompts as the model reads them, with ``room`` tokens to spare in the context."""
        rows = [self._started(self.ids(text, chat)) for text in self.render(prompts, chat, system)]
        self._fits(rows, room)
        return rows

    def continued_ids(
        self, prompts: Sequence[str], continuations: Sequence[str], chat: bool, system: str | None
    ) -> list[tuple[list[int], list[int]]]:
        """Token ids of each prompt and of its continuation, tokenised together where the prompt's tokens stay the same."""
        check_texts(continuations, "continuation")
        if len(prompts) != len(continuations):
            raise UsageError(f"Every prompt needs one continuation: found {len(prompts)} and {len(continuations)}.")
        pairs = []
        for text, continuation in zip(self.render(prompts, chat, system), continuations, strict=True):
            head, whole = self.ids(text, chat), self.ids(text + continuation, chat)
            if not continuation:
                tail: list[int] = []
            elif len(whole) > len(head) and whole[: len(head)] == head:
                tail = whole[len(head) :]
            else:
                tail = list(self.tokenizer(continuation, add_special_tokens=False)["input_ids"])
            pairs.append((self._started(head), tail))
        self._fits([head + tail for head, tail in pairs], 0)
        return pairs

    def pad_rows(self, rows: Sequence[Sequence[int]], left: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids and attention mask (B, T) on the device, padded on the right unless ``left``."""
        width = max(map(len, rows), default=0)
        ids = torch.full((len(rows), width), self.pad, dtype=torch.long)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for i, row in enumerate(rows):
            place = slice(width - len(row), width) if left else slice(0, len(row))
            ids[i, place] = torch.tensor(row, dtype=torch.long)
            mask[i, place] = 1
        return ids.to(self.device), mask.to(self.device)

    def text(self, row: Sequence[int]) -> str:
        """The text of generated ids, up to the first end token."""
        for i, token in enumerate(row):
            if token in self.end:
                row = row[:i]
                break
        return self.tokenizer.decode(list(row), skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def _started(self, row: list[int]) -> list[int]:
        """An empty prompt still needs one token to start from."""
        if row or self.config.is_encoder_decoder:
            return row
        for token in (self.tokenizer.bos_token_id, *self.end):
            if token is not None:
                return [token]
        raise DataError(f"The prompt is empty and the tokenizer of {self.name} has no start token. Give a prompt.")

    def _fits(self, rows: Sequence[Sequence[int]], room: int) -> None:
        limit = self.context
        for i, row in enumerate(rows):
            if limit is not None and len(row) + room > limit:
                new = f" and {room} new ones" if room else ""
                raise DataError(
                    f"Text {i} of the batch has {len(row)} tokens{new}, but the context of {self.name} is {limit}. "
                    "Shorten the text" + (" or ask for fewer new tokens (max_new_tokens)." if room else ".")
                )


def check_texts(texts: Sequence[Any], what: str = "prompt") -> None:
    """Refuse a lone string (it would be taken letter by letter) and anything that is no text."""
    if isinstance(texts, str):
        raise UsageError(f"A list of {what}s is needed, found one string. Write [{what}].")
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"{what.capitalize()} {i} of the batch is no text but {type(text).__name__}.")


def _ids(value: int | Sequence[int] | None) -> list[int]:
    if value is None:
        return []
    return [value] if isinstance(value, int) else list(value)
