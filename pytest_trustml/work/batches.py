"""One batch after the other through a model, smaller ones when the memory is full, checked as they come back."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pytest_trustml.errors import SubjectError, UsageError
from pytest_trustml.result.plain import line

if TYPE_CHECKING:
    import numpy as np

    from pytest_trustml.data.dataset import Dataset

    Rows = list[str] | np.ndarray
    Value = Rows | dict[str, Rows]

_FULL = ("out of memory", "can't allocate memory", "not enough memory", "cublas_status_alloc_failed")


class Batches:
    """Calls a function batch by batch. The batch size only ever shrinks, and stays small once memory was short."""

    def __init__(
        self, function: Callable[..., Any], subject: Any, params: dict[str, Any], size: int,
        check: Callable[[Any, int, Callable[..., Any]], Any] | None = None,
    ) -> None:  # fmt: skip
        self.function = function
        self.subject = subject
        self.params = params
        self.size = size
        self._check = check or checked

    def run(self, part: Dataset, step: Callable[[int], None]) -> Value:
        """Results for a part, in its order."""
        order = _longest_first(part, self.params.get("column"))
        results = list(self._each(part, order, step))
        place = [0] * len(order)
        for position, row in enumerate(order):
            place[row] = position
        return reordered(joined(results, self.function), place)

    def each(self, part: Dataset, step: Callable[[int], None]) -> Iterator[Any]:
        """The results of one batch after the other, whatever rows are in it."""
        return self._each(part, _longest_first(part, self.params.get("column")), step)

    def _each(self, part: Dataset, order: list[int], step: Callable[[int], None]) -> Iterator[Any]:
        """Long rows go first: batches are even, and a lack of memory shows at once."""
        done = 0
        while done < len(order):
            batch = part.take(order[done : done + self.size])
            result = self._once(batch)
            if result is None:
                continue
            yield result
            done += len(batch)
            step(len(batch))

    def _once(self, batch: Dataset) -> Any:
        """The checked result of one batch, or None if it has to be tried again with a smaller one."""
        try:
            return self._check(self.function(self.subject, batch, **self.params), len(batch), self.function)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if len(batch) == 1:
                raise SubjectError(
                    f"{self.function.__name__} ran out of memory on "
                    f"{line(str(getattr(self.subject, 'device_class', 'this device')))} with a single row ({batch.ids[0]}). "
                    "One row must fit: take a device with more memory, a smaller dtype, or shorter inputs. It said: "
                    f"{line(str(error))}"
                ) from error
            self.size = max(1, len(batch) // 2)
        # Out here the error is gone, and with it the frames that held the arrays of the failed try.
        _free()
        return None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory was full, told by its name and words: torch need not be loaded for this.

    >>> [is_out_of_memory(error) for error in (MemoryError(), RuntimeError("CUDA error: out of memory"), RuntimeError("no"))]
    [True, True, False]
    """
    if isinstance(error, MemoryError) or any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _FULL)


def _free() -> None:
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def _longest_first(part: Dataset, column: Any) -> list[int]:
    names = [column] if isinstance(column, str) and column in part.columns else part.columns
    lengths = [0] * len(part)
    for name in names:
        cells = part.column(name)
        if isinstance(cells, list):
            lengths = [
                length + (len(cell) if isinstance(cell, str) else 0) for length, cell in zip(lengths, cells, strict=True)
            ]
    return sorted(range(len(part)), key=lambda row: -lengths[row])


def checked(result: Any, rows: int, function: Callable[..., Any]) -> Value:
    """The result of one batch, if it has the right kind and one row per row of the batch."""
    if isinstance(result, dict):
        if not result or not all(isinstance(name, str) for name in result):
            raise UsageError(
                f"{_name(function)} returned a dict with the keys {list(result)}. It must have at least one, all of them text."
            )
        return {name: _checked(part, rows, f"{_name(function)} [{name!r}]") for name, part in result.items()}
    return _checked(result, rows, _name(function))


def _checked(result: Any, rows: int, name: str) -> Rows:
    import numpy as np

    kind = f"a {type(result).__name__}"
    right = isinstance(result, list) and all(isinstance(text, str) for text in result)
    if isinstance(result, list) and not right:
        kind = f"a list that holds a {next(type(item).__name__ for item in result if not isinstance(item, str))}"
    if isinstance(result, np.ndarray):
        kind = f"an array of {result.dtype}"
        right = result.dtype.kind in "biuf" and result.dtype.itemsize <= 8 and result.ndim > 0
    if not right:
        raise UsageError(
            f"{name} returned {kind}. It must return a list of text, a numpy array of numbers whose first axis are the rows, "
            "or a dict of those: convert it, for example with numpy.array(...), or tensor.float().cpu().numpy()."
        )
    if len(result) != rows:
        raise UsageError(
            f"{name} returned {len(result)} rows for a batch of {rows}. It must return one row for each row of its batch."
        )
    return result


def joined(results: Sequence[Value], function: Callable[..., Any]) -> Value:
    """Results one after the other, as one."""
    first = results[0]
    if isinstance(first, dict):
        if any(not isinstance(result, dict) or result.keys() != first.keys() for result in results):
            raise UsageError(
                f"{_name(function)} returned other keys for one batch than for the next. They must always be the same."
            )
        return {name: _joined([result[name] for result in results], f"{_name(function)} [{name!r}]") for name in first}
    return _joined(results, _name(function))


def _joined(results: Sequence[Any], name: str) -> Rows:
    import numpy as np

    kinds = {_kind(result) for result in results}
    if len(kinds) > 1:
        raise UsageError(
            f"{name} returned {' for one batch and '.join(sorted(kinds))} for another. Every batch must give the same kind "
            "and shape: fix the dtype, and pad or summarise what differs in length."
        )
    if isinstance(results[0], list):
        return [text for result in results for text in result]
    return np.concatenate(results)


def _kind(result: Any) -> str:
    if isinstance(result, (list, dict)):
        return "a list of text" if isinstance(result, list) else "a dict"
    return f"an array of {result.dtype} of shape (rows, {', '.join(map(str, result.shape[1:]))})"


def reordered(value: Value, order: Sequence[int]) -> Value:
    """The rows at these positions, in this order."""
    if isinstance(value, dict):
        return {name: reordered(part, order) for name, part in value.items()}
    return [value[row] for row in order] if isinstance(value, list) else value[list(order)]


def _name(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}()"
