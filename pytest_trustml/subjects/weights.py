"""Looking into safetensors files before anything maps them into memory: a lying header is refused here.

The file is eight bytes N (little endian), N bytes of JSON (tensor name -> dtype, shape, data_offsets) and the data. Only
the header is read, with the standard library alone.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from pytest_trustml.errors import SubjectError

# Bits per value. The four-, six- and odd-bit kinds pack several values into a byte.
BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64, "C64": 64,
}  # fmt: skip
LONGEST_HEADER = 100_000_000


@dataclass(frozen=True)
class Entry:
    """One tensor as its header describes it."""

    dtype: str
    shape: tuple[int, ...]


def read_header(file: Path) -> dict[str, Entry]:
    """Names, dtypes and shapes of the tensors in a safetensors file, after checking that the header is true to the file.

    Raises
    ------
    SubjectError
        Naming the file and what is wrong: truncated, not JSON, a tensor that occurs twice, an unknown dtype, a size that
        is not shape times dtype, gaps, overlaps or data beyond the end.
    """
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            start = stream.read(8)
            if len(start) < 8:
                raise _wrong(file, f"it has {size} bytes, too few for a safetensors file")
            (length,) = struct.unpack("<Q", start)
            if length > LONGEST_HEADER or 8 + length > size:
                raise _wrong(file, f"its header claims {length} bytes but the file has {size}: truncated, or not safetensors")
            raw = stream.read(length)
    except OSError as error:
        raise _wrong(file, f"it cannot be read ({error})") from error
    try:
        header = json.loads(raw.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise _wrong(file, f"its header is not valid JSON ({error})") from error
    if not isinstance(header, dict):
        raise _wrong(file, "its header is not a JSON object")
    header.pop("__metadata__", None)
    spans: list[tuple[int, int, str]] = []
    entries = {name: _entry(file, name, value, spans) for name, value in header.items()}
    end = 0
    for first, last, name in sorted(spans):
        if first != end:
            raise _wrong(file, f"tensor {name!r} starts at byte {first} where {end} was due: its data overlap or leave a gap")
        end = last
    if end != size - 8 - length:
        raise _wrong(file, f"its tensors need {end} bytes of data but the file holds {size - 8 - length}: truncated or padded")
    return entries


def read_headers(folder: Path, pattern: str = "*.safetensors") -> dict[str, Entry]:
    """The tensors of all matching files of a folder, and every ``*.safetensors.index.json`` checked against them."""
    files = {file.name: read_header(file) for file in sorted(folder.glob(pattern))}
    for index in sorted(folder.glob("*.safetensors.index.json")):
        for tensor, shard in _weight_map(index).items():
            if shard not in files:
                raise _wrong(index, f"it lists the shard {shard!r}, which is missing; fetch it or save the model again")
            if tensor not in files[shard]:
                raise _wrong(index, f"it promises tensor {tensor!r} in {shard!r}, which has no such tensor")
    return {name: entry for entries in files.values() for name, entry in entries.items()}


def _entry(file: Path, name: str, value: Any, spans: list[tuple[int, int, str]]) -> Entry:
    if not isinstance(value, dict):
        raise _wrong(file, f"tensor {name!r} has no description")
    dtype, shape, offsets = value.get("dtype"), value.get("shape"), value.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in BITS:
        raise _wrong(file, f"tensor {name!r} has the unknown dtype {str(dtype)[:40]!r}")
    if not _counts(shape):
        raise _wrong(file, f"tensor {name!r} has the impossible shape {str(shape)[:80]}")
    if not _counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _wrong(file, f"tensor {name!r} has the impossible place {str(offsets)[:80]}")
    bits = prod(shape) * BITS[dtype]
    if bits % 8 or offsets[1] - offsets[0] != bits // 8:
        raise _wrong(file, f"tensor {name!r} of {dtype} and shape {shape} cannot fill {offsets[1] - offsets[0]} bytes")
    spans.append((offsets[0], offsets[1], name))
    return Entry(dtype, tuple(shape))


def _counts(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 2**63 for item in value) and len(value) <= 64


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key!r} occurs twice")
        found[key] = value
    return found


def _weight_map(index: Path) -> dict[str, str]:
    try:
        found = json.loads(index.read_text("utf-8"))["weight_map"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _wrong(index, "it has no readable weight_map") from error
    if not isinstance(found, dict) or not all(isinstance(shard, str) for shard in found.values()):
        raise _wrong(index, "its weight_map does not map tensors to files")
    return found


def _wrong(file: Path, what: str) -> SubjectError:
    return SubjectError(f"The weight file {file} cannot be trusted: {what}.")
