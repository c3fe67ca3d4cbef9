"""The place in memory for a model: there is one per process, and loading a model frees the one that was there.

Two models that are asked about the same token at the same time share the place: the second one is loaded beside the first.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

T = TypeVar("T")


@dataclass
class Loaded:
    """A model in memory with what turns inputs into its tensors.

    Parameters
    ----------
    model : torch.nn.Module or pipeline
        In eval mode, on its device.
    tokenizer, processor : object or None
        For text and for images.
    device : str
        Where the model is.
    without_adapter : callable
        A context manager in which the model is the base model; only for adapters.
    """

    model: Any
    device: str
    tokenizer: Any = None
    processor: Any = None
    name: str = "the model"
    without_adapter: Callable[[], AbstractContextManager[Any]] = nullcontext


class Residence(Generic[T]):
    """A thing that is loaded when it is asked for and may be freed at any time in between.

    Whoever needs it keeps the residence, never the thing: `get` loads it again if another one took the place.

    Examples
    --------
    >>> first, second = Residence(lambda: "first"), Residence(lambda: "second")
    >>> first.get(), second.get(), first.resident, first.get()
    ('first', 'second', False, 'first')
    """

    _occupants: ClassVar[list[Residence[Any]]] = []

    def __init__(self, load: Callable[[], T]) -> None:
        self._load = load
        self._value: T | None = None

    @property
    def resident(self) -> bool:
        """Whether it is in memory now."""
        return self._value is not None

    def get(self, beside: Residence[Any] | None = None) -> T:
        """The thing, loaded now if need be; whatever else was resident is freed first, but for what it stands beside."""
        if self._value is None:
            for other in [one for one in Residence._occupants if one is not beside]:
                other.free()
            self._value = self._load()
            Residence._occupants.append(self)
        return self._value

    def free(self) -> None:
        """Give the memory back."""
        Residence._occupants[:] = [one for one in Residence._occupants if one is not self]
        if self._value is None:
            return
        self._value = None
        gc.collect()
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_initialized():
            torch.cuda.empty_cache()
