"""One stored result as the bytes of a .safetensors file. Nothing is pickled, and nothing damaged is ever read."""

from __future__ import annotations

import hashlib
import json
import struct
from typing import TYPE_CHECKING, Any

from pytest_trustml.errors import UsageError
from pytest_trustml.result.plain import line

if TYPE_CHECKING:
    import numpy as np

    Value = list[str] | np.ndarray | dict[str, list[str] | np.ndarray]

_FORMAT = "trustml-1"
_NUMBERS = "biuf"


def encode(value: Value, key: str) -> bytes:
    """The file that holds a value: texts as JSON in an array of bytes, arrays as they are.

    Raises
    ------
    UsageError
        If the value is anything but a list of text, an array of numbers, or a dict of those.
    """
    from safetensors.numpy import save

    layout, arrays = _take_apart(value)
    digest = _digest(key, layout, arrays)
    return save(
        {f"t{index}": array for index, array in enumerate(arrays)}, {"format": _FORMAT, "layout": layout, "digest": digest}
    )


def decode(data: bytes, key: str) -> Value | None:
    """The value in a file, or None if the file is torn, foreign, altered, or belongs to another key."""
    from safetensors.numpy import load

    try:
        (size,) = struct.unpack("<Q", data[:8])
        facts = json.loads(data[8 : 8 + size])["__metadata__"]
        if facts["format"] != _FORMAT:
            return None
        layout = facts["layout"]
        found = load(data)
        arrays = [found[f"t{index}"] for index in range(len(found))]
        if _digest(key, layout, arrays) != facts["digest"]:
            return None
        return _put_together(layout, arrays)
    except Exception:  # whatever is wrong with the file, it is not a result of ours and will be replaced
        return None


def _take_apart(value: Value) -> tuple[str, list[np.ndarray]]:
    parts = value if isinstance(value, dict) else {"": value}
    kinds, arrays = [], []
    for name, part in parts.items():
        kind, array = _array(part, name)
        kinds.append([name, kind])
        arrays.append(array)
    return json.dumps([isinstance(value, dict), kinds]), arrays


def _array(part: Any, name: str) -> tuple[str, np.ndarray]:
    import numpy as np

    if isinstance(part, list) and all(isinstance(text, str) for text in part):
        # Not ASCII: JSON's escapes would weld two lone surrogates into one character.
        text = json.dumps(part, ensure_ascii=False).encode("utf-8", "surrogatepass")
        return "text", np.frombuffer(text, dtype=np.uint8)
    if isinstance(part, np.ndarray) and part.dtype.kind in _NUMBERS and part.dtype.itemsize <= 8:
        return "array", np.array(part, dtype=part.dtype.newbyteorder("="), order="C")
    what = f"an array of {part.dtype}" if isinstance(part, np.ndarray) else f"a {type(part).__name__}"
    raise UsageError(
        f"A result{f' {line(name)!r}' if name else ''} is {what}. Results must be a list of text, a numpy array of numbers, "
        "or a dict of those with text keys."
    )


def _put_together(layout: str, arrays: list[np.ndarray]) -> Value:
    import numpy as np

    named, kinds = json.loads(layout)
    parts: dict[str, Any] = {}
    for (name, kind), array in zip(kinds, arrays, strict=True):
        parts[name] = json.loads(array.tobytes().decode("utf-8", "surrogatepass")) if kind == "text" else np.array(array)
    return parts if named else parts[""]


def _digest(key: str, layout: str, arrays: list[np.ndarray]) -> str:
    digest = hashlib.sha256(json.dumps([key, layout, [[array.dtype.str, array.shape] for array in arrays]]).encode())
    for array in arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()
