"""Evading by saying it in other words: a language model rewrites the text, once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_trustml.attacks.text_edits.constraints import Similarity
from pytest_trustml.attacks.text_edits.recipes import Recipe
from pytest_trustml.errors import SubjectError, UsageError

Write = Callable[[list[str]], list[str]]


def paraphrasing(
    *writers: Write, prompt: str = "{text}", encode: Callable[[list[str]], Any] | None = None, at_least: float = 0.8
) -> Recipe:
    """Rewriting whole texts with language models: each gives one candidate per text, and the best one counts.

    A rewriting that no longer says what the text said evades as well: let a judge look at the successes. ``max_edit_ratio``
    does not apply. Give a model several times with other seeds for several candidates.

    Parameters
    ----------
    *writers : callable
        A list of prompts to a list of answers, e.g. ``model.text.generate``. An empty answer is no candidate.
    prompt : str
        What the writer reads; ``{text}`` stands for the text.
    encode : callable or None
        Texts to vectors (B, d). With it, only rewritings of an angular similarity of at least ``at_least`` are tried.
    at_least : float

    Returns
    -------
    Recipe
        For `attack_texts`. Its edits are one `Edit` of the family ``paraphrase``, from the whole text to the whole text.

    Raises
    ------
    UsageError
        If there is no writer or the prompt has no place for the text.

    Examples
    --------
    >>> recipe = paraphrasing(lambda prompts: [text.replace("stupid", "unwise") for text in prompts])
    >>> recipe.name
    'paraphrase'
    """
    if not writers:
        raise UsageError("paraphrasing() needs at least one writer: a function from a list of prompts to a list of answers.")
    if "{text}" not in prompt:
        raise UsageError(f"The prompt {prompt!r} does not say where the text goes. Put {{text}} there.")
    return Recipe(
        name="paraphrase", writers=tuple(_checked(write, prompt) for write in writers),
        similarity=None if encode is None else Similarity(encode, at_least),
    )  # fmt: skip


def _checked(write: Write, prompt: str) -> Write:
    """A writer that is given prompts and gives texts, one each."""
    before, _, after = prompt.partition("{text}")  # not str.format: texts hold braces of their own

    def written(texts: list[str]) -> list[str]:
        answers = list(write([before + text + after for text in texts]))
        wrong = [answer for answer in answers if not isinstance(answer, str)]
        if len(answers) != len(texts) or wrong:
            found = f"a {type(wrong[0]).__name__}" if wrong else f"{len(answers)} answers"
            raise SubjectError(f"The writer gave {found} for {len(texts)} texts. It must give one text each.")
        return answers

    return written
