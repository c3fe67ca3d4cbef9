"""What everyone who trains a small model needs: one thread, random numbers of one's own, and a way to write the result."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytest_trustml.subjects.quiet import quiet


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread: small models lose time on more, and numbers no longer depend on how many there are.

    >>> import torch
    >>> with one_thread():
    ...     torch.get_num_threads()
    1
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def own_randomness(seed: int) -> Iterator[None]:
    """Torch's random numbers from a seed, on every device; afterwards they go on as if nothing had been drawn.

    >>> import torch
    >>> with own_randomness(7):
    ...     first = torch.rand(2)
    >>> with own_randomness(7):
    ...     bool((torch.rand(2) == first).all())
    True
    """
    import torch

    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


def save_model(folder: Path, model: Any, *parts: Any) -> None:
    """Write a model with its tokenizer or image processor the way transformers does, without its progress bars.

    Parameters
    ----------
    folder : Path
    model : transformers.PreTrainedModel or peft.PeftModel
        Written as safetensors.
    parts
        Whatever else has ``save_pretrained``: tokenizer, image processor.
    """
    with quiet():
        for part in (model, *parts):
            part.save_pretrained(str(folder))
